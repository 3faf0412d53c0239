//! Owns the engine's counters and gauges and their Prometheus text.
//! Must not know who reads them.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::sample::Ending;

/// Why a request left the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It ended by itself.
    Ended(Ending),
    /// Its client went away.
    Abort,
    /// The engine failed.
    Error,
}

/// Numbers that the worker writes and `/metrics` shows.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Rows that are generating.
    pub requests_running: AtomicU64,
    /// Requests in the queue.
    pub requests_waiting: AtomicU64,
    /// Prompt tokens computed, padding not counted.
    pub prompt_tokens: AtomicU64,
    /// Tokens generated.
    pub generation_tokens: AtomicU64,
    /// Bytes of the KV cache's filled part, read from its tensors.
    pub kv_bytes_held: AtomicU64,
    /// Bytes of the KV cache's tensors; 0 with the cache off.
    pub kv_bytes_capacity: AtomicU64,
    stop: AtomicU64,
    length: AtomicU64,
    abort: AtomicU64,
    error: AtomicU64,
}

impl Metrics {
    /// Counts a request that has left.
    pub fn count(&self, outcome: Outcome) {
        let counter = match outcome {
            Outcome::Ended(Ending::Stop) => &self.stop,
            Outcome::Ended(Ending::Length) => &self.length,
            Outcome::Abort => &self.abort,
            Outcome::Error => &self.error,
        };
        counter.fetch_add(1, Relaxed);
    }

    /// Everything in Prometheus' text format 0.0.4.
    pub fn render(&self) -> String {
        let mut text = String::with_capacity(2048);
        let plain = [
            ("requests_running", "gauge", "Requests that are generating.", &self.requests_running),
            ("requests_waiting", "gauge", "Requests in the queue.", &self.requests_waiting),
            ("prompt_tokens_total", "counter", "Prompt tokens computed, without padding.", &self.prompt_tokens),
            ("generation_tokens_total", "counter", "Tokens generated.", &self.generation_tokens),
            ("kv_bytes_held", "gauge", "Bytes of the KV cache's filled part, padding included.", &self.kv_bytes_held),
            ("kv_bytes_capacity", "gauge", "Bytes allocated for the KV cache.", &self.kv_bytes_capacity),
        ];
        for (name, kind, help, value) in plain {
            head(&mut text, name, kind, help);
            line(&mut text, name, "", value);
        }
        head(&mut text, "requests_total", "counter", "Requests that have left, by the reason they did.");
        for (reason, value) in
            [("stop", &self.stop), ("length", &self.length), ("abort", &self.abort), ("error", &self.error)]
        {
            line(&mut text, "requests_total", &format!("{{finished_reason=\"{reason}\"}}"), value);
        }
        text
    }
}

const PREFIX: &str = "tokenprism_builtin_";

// Writing to a String cannot fail; the results are dropped on purpose.
fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    writeln!(text, "# HELP {PREFIX}{name} {help}\n# TYPE {PREFIX}{name} {kind}").ok();
}

fn line(text: &mut String, name: &str, labels: &str, value: &AtomicU64) {
    writeln!(text, "{PREFIX}{name}{labels} {}", value.load(Relaxed)).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_has_help_and_type() {
        let metrics = Metrics::default();
        metrics.count(Outcome::Abort);
        metrics.prompt_tokens.fetch_add(12, Relaxed);
        let text = metrics.render();
        assert!(text.contains("\ntokenprism_builtin_prompt_tokens_total 12\n"));
        assert!(text.contains("\ntokenprism_builtin_requests_total{finished_reason=\"abort\"} 1\n"));
        assert!(text.contains("\ntokenprism_builtin_requests_total{finished_reason=\"stop\"} 0\n"));
        for sample in text.lines().filter(|line| !line.starts_with('#')) {
            let name = sample.split(['{', ' ']).next().unwrap();
            assert!(text.contains(&format!("# HELP {name} ")), "{name}");
            assert!(text.contains(&format!("# TYPE {name} ")), "{name}");
        }
    }
}
