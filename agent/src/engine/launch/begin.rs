//! Owns the beginning of an engine's life: the question for its first token, and what its lines say meanwhile.
//! Must not know whether it is a process or a container.

use super::order::Order;
use crate::engine::adapter::{Adapter, Mark};
use crate::engine::attach::{Probe, Wanted};
use crate::engine::error::OfAStart;
use crate::engine::life::{EngineDeath, Life};
use crate::engine::{Engine, EngineError, Onlooker};
use crate::process::{self, Child, Host, Launch, Line, MemoryTerms, ProbeOutcome, Terms};
use crate::secret::Redactor;
use crate::sync::lock;
use shared::engine::{EngineKind, Phase, StartPhase};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// How long a start may take where the plan says nothing: a model may be downloaded first.
const READY_LIMIT: Duration = Duration::from_secs(1800);
/// The same of the built-in engine.
const BUILTIN_READY_LIMIT: Duration = Duration::from_secs(120);
/// How long an engine that answers, but not as it should, is given to come to it.
const SETTLE_LIMIT: Duration = Duration::from_secs(120);
/// Names of progress bars that several engines have from the libraries that they share, and what they tell of.
const BARS: [(&str, Phase); 8] = [
    ("Fetching", Phase::Download),
    ("Downloading", Phase::Download),
    (".safetensors", Phase::Download),
    (".bin", Phase::Download),
    ("checkpoint shards", Phase::Weights),
    ("Loading weights", Phase::Weights),
    ("Loading pt checkpoint", Phase::Weights),
    ("Capturing", Phase::Compile),
];
/// From SIGKILL until nothing may be left: docker has more to do than the kernel.
const GRACE: Duration = Duration::from_secs(20);

/// Starts what is to be launched and waits until it has generated a token; one that does not is ended.
pub(super) async fn begin(
    host: &Host,
    launch: Launch,
    order: &Order<'_>,
    more_marks: &[Mark],
    onlooker: Onlooker,
) -> Result<Engine, EngineError> {
    let redactor = Redactor::of(order.secrets.iter().map(|(_, secret)| secret.clone()));
    let question = Question::of(order, redactor.clone())?;
    let found = Arc::clone(&question.found);
    let signs = Signs::of(order.adapter, more_marks);
    let kv_tokens = Arc::clone(&signs.kv_tokens);
    let terms = terms(order);
    let drain = terms.drain;
    let (mut child, output) =
        Child::start(host, launch, terms, move |line| signs.take(line), move || question.clone().ask());
    let lines = onlooker.begun(order.port, child.condition());
    tokio::spawn(forward(output, lines));
    let timings = match child.ready().await {
        Ok(timings) => timings,
        Err(death) => {
            // Nothing of it may be left when the next one starts.
            let ended = child.stop(drain).await;
            return Err(EngineDeath::while_starting(&death, &ended.memory).into());
        }
    };
    // Ready comes from an answer, and with each answer an engine was put there.
    let mut engine = lock(&found).engine.take().ok_or(EngineError::Unidentified)?;
    (engine.info.phases, engine.info.start_ms) = began(&timings);
    engine.info.capacity.kv_tokens = engine.info.capacity.kv_tokens.or(*lock(&kv_tokens));
    engine.redactor = redactor;
    engine.life = Life::Launched { child, drain };
    Ok(engine)
}

fn terms(order: &Order<'_>) -> Terms {
    let is_builtin = order.plan.kind == EngineKind::Builtin;
    let limit = if is_builtin { BUILTIN_READY_LIMIT } else { READY_LIMIT };
    Terms {
        start_limit: order.plan.ready_limit_s.map_or(limit, Duration::from_secs_f64),
        drain: order.adapter.grace,
        grace: GRACE,
        // It holds no device's.
        memory: (!is_builtin).then(MemoryTerms::default),
        ..Terms::default()
    }
}

/// When each phase began, and how long all took, ms.
fn began(timings: &[(Phase, u64)]) -> (Vec<StartPhase>, Option<f64>) {
    let mut at_ms = 0;
    let phases = timings.iter().map(|(phase, ms)| {
        let begun_ms = at_ms as f64;
        at_ms += ms;
        StartPhase { phase: *phase, begun_ms }
    });
    (phases.collect(), Some(at_ms as f64))
}

/// The question for a token of the model that is meant.
#[derive(Clone)]
struct Question {
    probe: Probe,
    wanted: Wanted,
    found: Arc<Mutex<Found>>,
}

/// What has come of it so far.
#[derive(Default)]
struct Found {
    engine: Option<Engine>,
    /// When it first answered, but not as it should.
    answered: Option<Instant>,
}

impl Question {
    fn of(order: &Order<'_>, redactor: Redactor) -> Result<Self, EngineError> {
        let serving = &order.serving;
        let wanted = Wanted {
            kind: order.plan.kind,
            model: order.adapter.listed_model(serving),
            reuses_prefixes: serving.reuses_prefixes,
            splits_slots: serving.params.contains_key("parallel"),
        };
        let probe = Probe::of_ours(&format!("http://127.0.0.1:{}", order.port), redactor)?;
        Ok(Self { probe, wanted, found: Arc::default() })
    }

    async fn ask(self) -> ProbeOutcome {
        let identified = self.probe.identify(&self.wanted).await;
        let mut found = lock(&self.found);
        let error = match identified {
            Ok(engine) => {
                found.engine = Some(engine);
                return ProbeOutcome::Token;
            }
            Err(error) => error,
        };
        let is_final = match error.of_a_start() {
            OfAStart::Usual => false,
            OfAStart::ForAWhile => found.answered.get_or_insert_with(Instant::now).elapsed() > SETTLE_LIMIT,
            OfAStart::Final => true,
        };
        if is_final { ProbeOutcome::Refused(error.to_string()) } else { ProbeOutcome::NotYet(error.to_string()) }
    }
}

/// What the lines of an engine's log say of its start.
struct Signs {
    marks: Vec<Mark>,
    kv_tokens_line: Option<&'static str>,
    kv_tokens: Arc<Mutex<Option<u64>>>,
}

impl Signs {
    fn of(adapter: &Adapter, more: &[Mark]) -> Self {
        Self {
            marks: more.iter().chain(adapter.marks).copied().collect(),
            kv_tokens_line: adapter.kv_tokens_line,
            kv_tokens: Arc::default(),
        }
    }

    /// The phase that a line belongs to, where it begins one or says how much of it is done.
    fn take(&self, line: &str) -> Option<process::Mark> {
        if let Some(tokens) = self.kv_tokens_line.and_then(|before| number_after(line, before)) {
            *lock(&self.kv_tokens) = Some(tokens);
        }
        if let Some(mark) = self.marks.iter().find(|mark| line.contains(mark.text)) {
            return Some(process::Mark::of(mark.phase));
        }
        let (name, percent) = process::bar(line)?;
        let (_, phase) = BARS.iter().find(|(text, _)| name.contains(text))?;
        Some(process::Mark { phase: *phase, percent: Some(percent) })
    }
}

/// The whole number behind a text, thousands separated or not.
fn number_after(line: &str, before: &str) -> Option<u64> {
    let (_, rest) = line.split_once(before)?;
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != ',').unwrap_or(rest.len());
    rest[..end].replace(',', "").parse().ok()
}

/// Sends an engine's lines on until it is gone; lines that were lost on the way are one line that says so.
async fn forward(mut output: mpsc::Receiver<Line>, lines: mpsc::Sender<String>) {
    while let Some(Line { text, dropped_before, .. }) = output.recv().await {
        let lost =
            (dropped_before > 0).then(|| format!("[{dropped_before} lines came too fast and were dropped here]"));
        for line in lost.into_iter().chain([text]) {
            if lines.send(line).await.is_err() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Phase::{Compile, Download, Serve, Weights};

    fn check(kind: EngineKind, lines: &[&str], phases: &[Phase], kv_tokens: Option<u64>) {
        let signs = Signs::of(Adapter::of(kind).unwrap(), &[]);
        let mut seen: Vec<Phase> = lines.iter().filter_map(|line| signs.take(line)).map(|mark| mark.phase).collect();
        seen.dedup();
        assert_eq!((&seen[..], *lock(&signs.kv_tokens)), (phases, kv_tokens), "{kind:?}");
    }

    #[test]
    fn logs_tell_phases_and_capacity() {
        check(
            EngineKind::Vllm,
            &[
                "INFO 11-25 02:13:05 [api_server.py:2024] vLLM API server version 0.25.1",
                "(EngineCore pid=91) INFO 11-25 02:13:20 [gpu_model_runner.py:4128] Starting to load model /srv/llama2-7b...",
                "(EngineCore pid=91) INFO 11-25 02:13:22 [gpu_model_runner.py:4200] Model loading took 12.55 GiB memory and 1.5 seconds",
                "(EngineCore pid=91) INFO 11-25 02:14:02 [kv_cache_utils.py:1234] GPU KV cache size: 121,424 tokens",
                "INFO 11-25 02:14:30 [api_server.py:1400] Starting vLLM server on http://127.0.0.1:8000",
            ],
            &[Weights, Compile, Serve],
            Some(121_424),
        );
        check(
            EngineKind::Tgi,
            &[
                "INFO download: text_generation_launcher: Starting check and download process for m",
                "INFO text_generation_launcher: Starting shard shard-manager rank=0",
                "INFO text_generation_router: Warming up model",
                "INFO text_generation_router_v3: Setting max batch total tokens to 65536",
                "INFO text_generation_router: Connected",
            ],
            &[Download, Weights, Compile, Serve],
            Some(65_536),
        );
        check(
            EngineKind::Sglang,
            &[
                "Load weight begin. avail mem=78.1 GB",
                "Load weight end. elapsed=3 s",
                "INFO: Uvicorn running on http://x",
            ],
            &[Weights, Compile, Serve],
            None,
        );
        check(
            EngineKind::Transformers,
            &[
                "listening on http://127.0.0.1:40001; loading m",
                "phase import 4.20 s: torch 2.11.0, transformers 5.17.0",
                "phase tokenizer 0.20 s: read",
                "phase weights 1.00 s: read from m",
                "phase device 0.50 s: moved to cuda",
                "phase warm-up 0.70 s: 1 rows of 8 + 4 tokens",
                "ready http://127.0.0.1:40001",
            ],
            &[Weights, Compile, Serve],
            None,
        );
        check(EngineKind::Builtin, &["ready http://127.0.0.1:40001"], &[Serve], None);
        check(
            EngineKind::LlamaServer,
            &[
                "0.00.005.785 I srv    load_model: loading model 'tiny.gguf'",
                "0.00.012.032 I srv  llama_server: listening on http://127.0.0.1:18111",
            ],
            &[Weights, Serve],
            None,
        );
        // As builds before it said the same.
        let before = "main: server is listening on http://127.0.0.1:8080 - starting the main loop";
        check(EngineKind::LlamaServer, &["main: HTTP server is listening, hostname: 0.0.0.0", before], &[Serve], None);
        check(EngineKind::LlamaServer, &["ready http://stranger"], &[], None);
    }

    #[test]
    fn bars_tell_how_much_of_a_phase_is_done() {
        let check = |line: &str, expect: Option<(Phase, u8)>| {
            let signs = Signs::of(Adapter::of(EngineKind::Vllm).unwrap(), &[]);
            let seen = signs.take(line).map(|mark| (mark.phase, mark.percent.unwrap()));
            assert_eq!(seen, expect, "{line}");
        };
        check("Fetching 4 files:  25%|██▌       | 1/4 [00:03<00:09,  3.21s/it]", Some((Download, 25)));
        check(
            "model-00001-of-00002.safetensors:  43%|████▎     | 4.29G/9.98G [00:10<00:13, 421MB/s]",
            Some((Download, 43)),
        );
        check("Downloading shards:  50%|█████     | 1/2 [00:40<00:40, 40.1s/it]", Some((Download, 50)));
        check(
            "Loading safetensors checkpoint shards:  75% Completed | 3/4 [00:02<00:00,  1.35it/s]",
            Some((Weights, 75)),
        );
        check("Multi-thread loading checkpoint shards: 100%|██████████| 4/4 [00:01<00:00]", Some((Weights, 100)));
        check("Capturing CUDA graphs (decode, FULL):  40%|████      | 14/35 [00:01<00:01]", Some((Compile, 40)));
        check("Processed prompts:  40%|████      | 14/35 [00:01<00:01]", None);
        check("GPU use 45% of memory", None);
    }

    #[test]
    fn what_the_newer_runner_of_vllm_says() {
        check(
            EngineKind::Vllm,
            &[
                "(EngineCore pid=1177) INFO 11-26 21:59:23 [model_runner.py:281] Loading model from scratch...",
                "(EngineCore pid=1177) INFO 11-26 21:59:25 [model_runner.py:302] Model loading took 12.55 GiB and 2.421153 seconds",
                "(APIServer pid=826) INFO 11-26 22:00:16 [api_server.py:616] Starting vLLM server on http://127.0.0.1:8000",
            ],
            &[Weights, Compile, Serve],
            None,
        );
    }

    #[test]
    fn phases_begin_where_the_one_before_ends() {
        let (phases, whole_ms) = began(&[(Phase::Process, 1500), (Weights, 0), (Serve, 20)]);
        let begun: Vec<(Phase, f64)> = phases.into_iter().map(|start| (start.phase, start.begun_ms)).collect();
        assert_eq!(begun, [(Phase::Process, 0.0), (Weights, 1500.0), (Serve, 1500.0)]);
        assert_eq!(whole_ms, Some(1520.0));
    }
}
