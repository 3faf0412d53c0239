//! Owns the result of `vllm bench serve` of old and new versions, and what `vllm bench sweep` adds to it.
//! Must not know where it stands: a file of its own, a list, or a line of CSV.

use super::cell::{Cell, Row};
use super::tool::VLLM_BENCH;
use super::trial::{Kin, Said, Trial, count, figure, told};
use super::when::When;
use shared::caveat::Caveat;
use shared::engine::EngineKind;
use shared::plan::{Arrival, Level};
use shared::summary::{Distribution, Summary};
use std::collections::BTreeMap;

/// Names that every version writes.
const ALWAYS: [&str; 5] = ["completed", "duration", "request_throughput", "model_id", "num_prompts"];
/// Names of the result itself, in all versions, beside those that end as a latency's do.
const KNOWN: &[&str] = &[
    "date",
    "endpoint_type",
    "backend",
    "label",
    "model_id",
    "tokenizer_id",
    "num_prompts",
    "request_rate",
    "burstiness",
    "max_concurrency",
    "duration",
    "completed",
    "failed",
    "total_input_tokens",
    "total_output_tokens",
    "total_input",
    "total_output",
    "request_throughput",
    "request_goodput",
    "request_goodput:",
    "output_throughput",
    "input_throughput",
    "total_token_throughput",
    "max_output_tokens_per_s",
    "max_concurrent_requests",
    "rtfx",
    "run_number",
    "best_of",
    "use_beam_search",
    "version",
    "input_lens",
    "output_lens",
    "start_times",
    "ttfts",
    "itls",
    "generated_texts",
    "errors",
    "ramp_up_strategy",
    "ramp_up_start_rps",
    "ramp_up_end_rps",
    "random_input_len",
    "random_output_len",
    "num_warmups",
];
/// Ends of names that are not an engine's parameter.
const KNOWN_ENDS: [&str; 5] = ["_ms", "_rps", "_len", "_path", "_name"];
/// Greatest difference of two means that are the same but for rounding.
const ROUNDING: f64 = 1e-9;

/// Whether a row is such a result.
pub(super) fn is_one(row: &Row) -> bool {
    ALWAYS.iter().all(|name| row.0.contains_key(*name))
}

/// Whether these names are those of such a result.
pub(super) fn is_named<'a>(mut has: impl FnMut(&'a str) -> bool) -> bool {
    ALWAYS.into_iter().all(&mut has)
}

/// The trial that a row tells of.
///
/// # Errors
/// A sentence that names what is missing or cannot be.
pub(super) fn trial(row: &Row, folder: &str) -> Result<Trial, String> {
    let facts = Facts(&row.0);
    let kin = facts.kin(folder)?;
    let (arrival, level) = facts.level()?;
    let summary = facts.summary()?;
    let begun = facts.text("date").map(When::of_text).unwrap_or_default();
    let begun = When { unix_ms: begun.unix_ms.map(|end| end.saturating_sub((summary.window_s * 1e3) as u64)), ..begun };
    let alike = facts.are_alike(&summary);
    let open = arrival.is_open();
    let kin = Kin {
        arrival,
        burstiness: facts.number("burstiness").filter(|_| arrival == Arrival::Gamma),
        max_in_flight: facts.int("max_concurrency")?.filter(|_| open),
        ..kin
    };
    Ok(Trial {
        repeat: facts.int("run_number")?,
        requests: facts.int("num_prompts")?,
        begun,
        alike,
        ..Trial::of(kin, Some(level), summary)
    })
}

struct Facts<'a>(&'a BTreeMap<String, Cell>);

impl Facts<'_> {
    fn number(&self, name: &str) -> Option<f64> {
        self.0.get(name)?.number()
    }

    fn text(&self, name: &str) -> Option<&str> {
        if let Some(Cell::Text(text)) = self.0.get(name) { Some(text) } else { None }
    }

    /// A small whole number; absent where there is none.
    fn int(&self, name: &str) -> Result<Option<u32>, String> {
        let whole = |n: f64| (n.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&n)).then_some(n as u32);
        self.number(name).map(|n| whole(n).ok_or_else(|| format!("\"{name}\" is {n}, which cannot be."))).transpose()
    }

    /// A figure that the file must have.
    fn needed(&self, name: &str) -> Result<f64, String> {
        figure(self.number(name)).ok_or_else(|| format!("It has no usable \"{name}\"."))
    }

    fn kin(&self, folder: &str) -> Result<Kin, String> {
        let word = self.text("backend").or(self.text("endpoint_type"));
        let mut kin = Kin::of(&VLLM_BENCH, word.map_or(EngineKind::OpenaiCompletions, engine));
        kin.engine_word = word.map(str::to_owned);
        kin.model = self.text("model_id").map(str::to_owned);
        kin.folder = folder.to_owned();
        kin.input_tokens = self.int("random_input_len")?;
        kin.output_tokens = self.int("random_output_len")?;
        // A sweep adds what it varied to each result; without it, what is unknown is only what somebody noted.
        if self.0.contains_key("run_number") {
            let is_param = |name: &str| {
                !KNOWN.contains(&name)
                    && !KNOWN_ENDS.iter().any(|end| name.ends_with(end))
                    && !name.contains(['%', ':'])
            };
            // The context limit alone ends as lengths of a workload do.
            let is_param = |name: &str| name == "max_model_len" || is_param(name);
            let params = self.0.iter().filter(|(name, _)| !name.is_empty() && is_param(name));
            kin.params = params.filter_map(|(name, cell)| Some((name.clone(), cell.param()?))).collect();
        }
        Ok(kin)
    }

    /// How requests arrived: without a rate they wait for room, all at once where there is no limit to it.
    fn level(&self) -> Result<(Arrival, Level), String> {
        if let Some((from, to)) = self.number("ramp_up_start_rps").zip(self.number("ramp_up_end_rps")) {
            return Ok((Arrival::Ramp, Level::Ramp { from, to }));
        }
        match (self.number("request_rate").filter(|rate| *rate > 0.0), self.int("max_concurrency")?) {
            (Some(rate), _) => match self.number("burstiness") {
                None | Some(1.0) => Ok((Arrival::Poisson, Level::Rate(rate))),
                Some(_) => Ok((Arrival::Gamma, Level::Rate(rate))),
            },
            (None, Some(n)) => Ok((Arrival::Closed, Level::Concurrency(n))),
            (None, None) => {
                let all = self.int("num_prompts")?.ok_or("It says neither a rate nor how many requests there were.")?;
                Ok((Arrival::Burst, Level::Burst(all)))
            }
        }
    }

    fn summary(&self) -> Result<Summary, String> {
        let ok = count(Some(self.needed("completed")?)).ok_or("\"completed\" is no whole number.")?;
        let failed = count(self.number("failed"));
        let attempted = failed.map(|failed| ok + failed).or(count(self.number("num_prompts"))).unwrap_or(ok).max(ok);
        let total = |name: &str, old: &str| count(self.number(name)).or(count(self.number(old)));
        Ok(Summary {
            attempted,
            ok,
            // Where nothing failed, every request got its connection.
            not_connected: (attempted == ok).then_some(0),
            window_s: self.needed("duration")?,
            ttft: self.latency("ttft", Some(ok)),
            tpot: self.latency("tpot", self.timed(ok)),
            chunk_gap: self.latency("itl", None),
            e2e: self.latency("e2el", Some(ok)),
            prompt_tokens: total("total_input_tokens", "total_input"),
            output_tokens: total("total_output_tokens", "total_output"),
            output_throughput: figure(self.number("output_throughput")),
            total_throughput: figure(self.number("total_token_throughput")),
            request_throughput: figure(self.number("request_throughput")),
            caveats: vec![Caveat::PriceUnknown, Caveat::WholeTime],
            ..told()
        })
    }

    fn latency(&self, name: &str, n: Option<u64>) -> Distribution {
        let of = |what: &str| self.number(&format!("{what}_{name}_ms"));
        let said = Said {
            n,
            mean: of("mean"),
            min: None,
            max: None,
            p50: of("median").or(of("p50")),
            p90: of("p90"),
            p95: of("p95"),
            p99: of("p99"),
        };
        said.times(1.0)
    }

    /// Requests that have a time per token: those with more than one, where the file tells.
    fn timed(&self, ok: u64) -> Option<u64> {
        match self.0.get("output_lens") {
            Some(Cell::List { n, above_one, .. }) if *n == ok => Some(*above_one),
            _ => self.output_length(ok).map(|length| if length > 1.0 { ok } else { 0 }),
        }
    }

    /// The length of all outputs, where they are of one: then, and in practice only then, the mean time per token times
    /// the mean length is the mean time after the first token.
    fn output_length(&self, ok: u64) -> Option<f64> {
        if let Some(Cell::List { n, all, .. }) = self.0.get("output_lens") {
            return all.filter(|_| *n == ok);
        }
        let mean = |name: &str| self.number(&format!("mean_{name}_ms"));
        let length = self.number("total_output_tokens")? / ok as f64;
        let after_first = mean("e2el")? - mean("ttft")?;
        let same = (mean("tpot")? * (length - 1.0) - after_first).abs() <= ROUNDING * after_first.abs();
        (same && length.fract() == 0.0).then_some(length)
    }

    /// Whether all prompts, and all outputs, seem to be of one length.
    fn are_alike(&self, summary: &Summary) -> bool {
        let prompts = match self.0.get("input_lens") {
            Some(Cell::List { all, .. }) => all.is_some(),
            _ => summary.prompt_tokens.is_some_and(|n| summary.ok > 1 && n % summary.ok == 0),
        };
        prompts && self.output_length(summary.ok).is_some()
    }
}

/// The kind of engine that is asked in this way; the word itself is kept beside it.
fn engine(word: &str) -> EngineKind {
    match word {
        "vllm" => EngineKind::Vllm,
        "sglang" | "sglang-native" | "sglang-oai" => EngineKind::Sglang,
        "tgi" => EngineKind::Tgi,
        "llama.cpp" => EngineKind::LlamaServer,
        word if word.ends_with("chat") => EngineKind::OpenaiChat,
        _ => EngineKind::OpenaiCompletions,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::json;

    fn row(more: &str) -> Row {
        json::parse(&format!(
            r#"{{"date": "20251202-234641", "backend": "vllm", "model_id": "m", "num_prompts": 100, "request_rate": "inf",
                "burstiness": 1.0, "max_concurrency": 4, "duration": 10.0, "completed": 100, "total_input_tokens": 400,
                "total_output_tokens": 600, "request_throughput": 10.0, "output_throughput": 60.0 {more}}}"#
        ))
        .unwrap()
    }

    fn check(more: &str, expect: impl Fn(&Trial)) {
        expect(&trial(&row(more), "f").unwrap_or_else(|why| panic!("{more}: {why}")));
    }

    #[test]
    fn levels() {
        let level = |more: &str, expect: (Arrival, Level)| {
            check(more, |t| assert_eq!((t.kin.arrival, t.level), (expect.0, Some(expect.1)), "{more}"));
        };
        level("", (Arrival::Closed, Level::Concurrency(4)));
        level(r#", "max_concurrency": null"#, (Arrival::Burst, Level::Burst(100)));
        level(r#", "request_rate": 2.5"#, (Arrival::Poisson, Level::Rate(2.5)));
        level(r#", "request_rate": 2.5, "burstiness": 0.5"#, (Arrival::Gamma, Level::Rate(2.5)));
        let ramp = r#", "ramp_up_strategy": "linear", "ramp_up_start_rps": 1, "ramp_up_end_rps": 9"#;
        level(ramp, (Arrival::Ramp, Level::Ramp { from: 1.0, to: 9.0 }));
        check(r#", "request_rate": 2.5"#, |t| assert_eq!(t.kin.max_in_flight, Some(4)));
    }

    #[test]
    fn what_is_not_said_is_absent() {
        check("", |t| {
            let s = &t.summary;
            assert_eq!((s.in_flight_peak, s.in_flight_mean, s.not_connected), (None, None, Some(0)));
            assert_eq!((s.ttft.n, s.ttft.mean_ms, s.ttft.p99), (None, None, shared::summary::Percentile::Unknown));
            assert_eq!((t.alike, t.repeat), (false, None));
        });
        // A mean of zero is one that nobody measured (vllm-project/vllm#5895).
        check(r#", "mean_ttft_ms": 0.0, "median_ttft_ms": 0.0"#, |t| assert_eq!(t.summary.ttft.mean_ms, None));
        check(r#", "failed": 2"#, |t| assert_eq!((t.summary.attempted, t.summary.not_connected), (102, None)));
    }

    #[test]
    fn samples_are_counted_where_the_file_tells_how_many() {
        let tpot = r#", "mean_tpot_ms": 10.0, "mean_ttft_ms": 5.0"#;
        check(tpot, |t| assert_eq!((t.summary.tpot.mean_ms, t.summary.tpot.n), (Some(10.0), None)));
        // Six tokens each: 5 + 5 × 10 ms.
        check(&format!(r#"{tpot}, "mean_e2el_ms": 55.0"#), |t| {
            assert_eq!((t.summary.tpot.n, t.alike), (Some(100), true))
        });
        check(&format!(r#"{tpot}, "mean_e2el_ms": 54.0"#), |t| assert_eq!((t.summary.tpot.n, t.alike), (None, false)));
        let lens = (0..100).map(|n| if n < 40 { "1" } else { "9" }).collect::<Vec<_>>().join(",");
        check(&format!(r#"{tpot}, "output_lens": [{lens}]"#), |t| assert_eq!(t.summary.tpot.n, Some(60)));
    }

    #[test]
    fn a_sweep_adds_the_engines_parameters() {
        let more = r#", "run_number": 2, "max_num_seqs": 256, "max_model_len": 4096, "dtype": "auto", "mean_x_ms": 1"#;
        check(more, |t| {
            assert_eq!(t.kin.params.keys().collect::<Vec<_>>(), ["dtype", "max_model_len", "max_num_seqs"]);
            assert_eq!(t.repeat, Some(2));
        });
        check(r#", "note": "by hand""#, |t| assert!(t.kin.params.is_empty()));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let refused = |more: &str, words: &str| {
            let why = trial(&row(more), "").unwrap_err();
            assert!(why.contains(words), "{why}");
        };
        refused(r#", "duration": -1.0"#, "\"duration\"");
        refused(r#", "duration": null"#, "\"duration\"");
        refused(r#", "completed": 0.5"#, "completed");
        refused(r#", "max_concurrency": -4"#, "\"max_concurrency\" is -4");
    }
}
