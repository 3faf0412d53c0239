//! Owns what the lines of an engine's log say of its start: phases, capacity, and the last lines for a failure.
//! Must not know processes or time sources; takes milliseconds.

use crate::engine::adapter::{Adapter, Mark};
use shared::engine::{Phase, StartPhase};
use std::collections::VecDeque;

/// Lines that are kept for the case that the start fails.
const KEPT_LINES: usize = 200;

/// What the lines have said so far.
#[derive(Debug)]
pub(super) struct Signs {
    /// Its phases, in order.
    pub phases: Vec<StartPhase>,
    /// Tokens that its KV cache holds.
    pub kv_tokens: Option<u64>,
    /// Its last lines, oldest first.
    pub last: VecDeque<String>,
    kv_tokens_line: Option<&'static str>,
    /// Marks that have not been seen yet.
    ahead: Vec<Mark>,
}

impl Signs {
    /// Nothing has been said.
    pub fn of(adapter: &Adapter, more: &[Mark]) -> Self {
        Self {
            phases: vec![StartPhase { phase: Phase::Process, begun_ms: 0.0 }],
            kv_tokens: None,
            last: VecDeque::new(),
            kv_tokens_line: adapter.kv_tokens_line,
            ahead: more.iter().chain(adapter.marks).copied().collect(),
        }
    }

    /// Takes a line that came so many ms after spawn.
    pub fn take(&mut self, line: &str, ms: f64) {
        if let Some(place) = self.ahead.iter().position(|mark| line.contains(mark.text)) {
            let mark = self.ahead.swap_remove(place);
            self.begin(mark.phase, ms);
        }
        if let Some(tokens) = self.kv_tokens_line.and_then(|before| number_after(line, before)) {
            self.kv_tokens = Some(tokens);
        }
        self.last.push_back(line.to_owned());
        if self.last.len() > KEPT_LINES {
            self.last.pop_front();
        }
    }

    fn begin(&mut self, phase: Phase, begun_ms: f64) {
        if self.phases.last().is_none_or(|last| last.phase != phase) {
            self.phases.push(StartPhase { phase, begun_ms });
        }
    }
}

/// The whole number behind a text, thousands separated or not.
fn number_after(line: &str, before: &str) -> Option<u64> {
    let (_, rest) = line.split_once(before)?;
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != ',').unwrap_or(rest.len());
    rest[..end].replace(',', "").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::engine::EngineKind;

    fn check(kind: EngineKind, lines: &[&str], phases: &[Phase], kv_tokens: Option<u64>) {
        let mut signs = Signs::of(Adapter::of(kind).unwrap(), &[]);
        for (line, ms) in lines.iter().zip(1u32..) {
            signs.take(line, ms.into());
        }
        let got: Vec<Phase> = signs.phases.iter().map(|phase| phase.phase).collect();
        assert_eq!((got.as_slice(), signs.kv_tokens), (phases, kv_tokens), "{lines:?}");
    }

    #[test]
    fn phases_and_capacity_of_each_engine() {
        use Phase::{Compile, Download, Process, Serve, Weights};
        check(
            EngineKind::Vllm,
            &[
                "INFO 11-25 02:13:05 [api_server.py:2024] vLLM API server version 0.25.1",
                "(EngineCore pid=91) INFO 11-25 02:13:20 [gpu_model_runner.py:4128] Starting to load model /srv/llama2-7b...",
                "(EngineCore pid=91) INFO 11-25 02:13:22 [gpu_model_runner.py:4200] Model loading took 12.55 GiB memory and 1.5 seconds",
                "(EngineCore pid=91) INFO 11-25 02:14:02 [kv_cache_utils.py:1234] GPU KV cache size: 121,424 tokens",
                "INFO 11-25 02:14:30 [api_server.py:1400] Starting vLLM server on http://127.0.0.1:8000",
            ],
            &[Process, Weights, Compile, Serve],
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
            &[Process, Download, Weights, Compile, Serve],
            Some(65_536),
        );
        check(
            EngineKind::Sglang,
            &[
                "Load weight begin. avail mem=78.1 GB",
                "Load weight end. elapsed=3 s",
                "INFO: Uvicorn running on http://x",
            ],
            &[Process, Weights, Compile, Serve],
            None,
        );
        let baseline =
            ["phase tokenizer 0.31 s: read", "phase weights 2.10 s: read from m", "ready http://127.0.0.1:40001"];
        check(EngineKind::Transformers, &baseline, &[Process, Weights, Serve], None);
        let llama = ["srv load_model: loading model 'm.gguf'", "main: server is listening on http://127.0.0.1:8080"];
        check(EngineKind::LlamaServer, &llama, &[Process, Weights, Serve], None);
    }

    #[test]
    fn the_last_lines_are_kept() {
        let mut signs = Signs::of(Adapter::of(EngineKind::Builtin).unwrap(), &[]);
        (0..500).for_each(|n| signs.take(&format!("line {n}"), 0.0));
        assert_eq!((signs.last.len(), signs.last.back().map(String::as_str)), (KEPT_LINES, Some("line 499")));
    }
}
