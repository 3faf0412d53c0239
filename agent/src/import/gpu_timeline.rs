//! Owns `gpu_memory_data.json` of the published study: a GPU's memory under load, which is TGI's KV cache by its method.
//! Must not know any other format.

use super::json::{self, Bounded};
use super::kv_timeline::{MAX_READS, kin, watched};
use super::tool::TGI_MEMORY;
use super::trial::{Trial, Watched, figure, told};
use serde::Deserialize;
use shared::caveat::Caveat;
use shared::engine::EngineKind;
use shared::plan::Level;
use shared::summary::{Summary, TokenSource};
use shared::telemetry::{Field, GpuFacts, MEMORY_USED};

/// `nvidia-smi` calls it MB.
const MIB: f64 = 1_048_576.0;
/// All the GPUs of the host together, of which the script reads a sum; which they are nobody says.
const SOURCE: &str = "gpu:all";

#[derive(Deserialize)]
struct File {
    model_name: Option<String>,
    num_prompts: Option<u32>,
    max_concurrency: Option<u32>,
    history_times: Bounded<f64, MAX_READS>,
    history_memory_mb: Bounded<f64, MAX_READS>,
    total_memory_mb: Option<f64>,
    requests_completed: Option<u64>,
    requests_failed: Option<u64>,
    total_time_sec: Option<f64>,
    throughput_req_per_sec: Option<f64>,
    tool: Option<String>,
    engine: Option<EngineKind>,
}

/// Whether these names are those of such a file.
pub(super) fn is_named<'a>(mut has: impl FnMut(&'a str) -> bool) -> bool {
    ["history_memory_mb", "baseline_memory_mb", "requests_completed"].into_iter().all(&mut has)
}

/// What it tells: answers and their rate, no latency and no token, and the memory over time.
///
/// # Errors
/// A sentence where something is missing or does not fit together.
pub(super) fn trial(text: &str, folder: &str) -> Result<Trial, String> {
    let file: File = json::parse(text)?;
    // The script writes 0 where nvidia-smi did not answer; a GPU that holds a model is never empty.
    let bytes = |mb: &f64| match *mb {
        0.0 => Field::Failed(Field::NO_ANSWER),
        mb if mb.is_finite() && mb > 0.0 => Field::Value((mb * MIB) as u64),
        _ => Field::Failed(Field::IMPLAUSIBLE),
    };
    let memory: Vec<Field> = file.history_memory_mb.0.iter().map(bytes).collect();
    let total = file.total_memory_mb.as_ref().and_then(|mb| bytes(mb).value());
    let gpu = GpuFacts { source: SOURCE.to_owned(), memory_bytes: total, ..GpuFacts::default() };
    let watched = Watched { gpu: Some(gpu), ..watched(SOURCE, &file.history_times.0, &[(MEMORY_USED, memory)])? };
    let mut kin = kin(file.tool.as_deref(), file.engine, (&TGI_MEMORY, EngineKind::Tgi));
    kin.folder = folder.to_owned();
    kin.part = "GPU memory".to_owned();
    kin.model = file.model_name;
    // Our own export of a run without trials has the memory alone.
    let Some(level) = file.max_concurrency.map(Level::Concurrency) else {
        let window_s = file.history_times.0.last().copied().unwrap_or_default();
        let summary = Summary { window_s, ..told() };
        return Ok(Trial { watched: Some(Box::new(watched)), ..Trial::of(kin, None, summary) });
    };
    let count = |n: Option<u64>, name: &str| n.ok_or_else(|| format!("It has no usable \"{name}\"."));
    let ok = count(file.requests_completed, "requests_completed")?;
    let failed = count(file.requests_failed, "requests_failed")?;
    let summary = Summary {
        attempted: ok.checked_add(failed).ok_or("Its requests are too many.")?,
        ok,
        not_connected: (failed == 0).then_some(0),
        window_s: figure(file.total_time_sec).ok_or("It has no usable \"total_time_sec\".")?,
        request_throughput: figure(file.throughput_req_per_sec),
        token_source: TokenSource::Unknown,
        caveats: vec![Caveat::TokenCountUnknown, Caveat::PriceUnknown, Caveat::WholeTime],
        ..told()
    };
    let requests = file.num_prompts;
    Ok(Trial { requests, watched: Some(Box::new(watched)), ..Trial::of(kin, Some(level), summary) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_that_failed_is_a_gap() {
        let text = r#"{"baseline_memory_mb": 20000, "model_name": "m", "num_prompts": 100, "max_concurrency": 128,
            "history_times": [0.0, 0.1, 0.2], "history_memory_mb": [20000, 0, 20480], "history_memory_percent": [87, 0, 89],
            "peak_memory_mb": 20480, "peak_memory_percent": 89.0, "total_memory_mb": 23034, "kv_cache_overhead_mb": 480,
            "requests_completed": 98, "requests_failed": 2, "total_time_sec": 19.5, "throughput_req_per_sec": 5.025641025641026}"#;
        let trial = trial(text, "results/kv_cache_study").unwrap();
        let s = &trial.summary;
        assert_eq!(
            (s.attempted, s.ok, s.not_connected, s.request_throughput),
            (100, 98, None, Some(5.025641025641026))
        );
        assert_eq!((s.output_tokens, s.ttft.mean_ms), (None, None));
        let watched = trial.watched.unwrap();
        let failed = Field::Failed(Field::NO_ANSWER).to_wire();
        assert_eq!(watched.reads[0].groups[0].values, [20_971_520_000, failed, 21_474_836_480]);
        assert_eq!(watched.gpu.unwrap().memory_bytes, Some(24_152_899_584));
    }
}
