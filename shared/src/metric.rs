//! Owns the registry of metrics: key, name, unit, direction, definition, and how others' numbers differ.
//! Must not know how a metric is computed or drawn.

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Lower is better.
    Lower,
    /// Higher is better.
    Higher,
    /// Neither.
    Neutral,
}

/// One metric.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Key in files.
    pub key: &'static str,
    /// Name on pages.
    pub name: &'static str,
    /// Unit of the value in files and on pages.
    pub unit: &'static str,
    /// Which way is better.
    pub direction: Direction,
    /// What it means, in the words of METRICS.md.
    pub definition: &'static str,
    /// How other tools' numbers of this name differ.
    pub others: &'static str,
}

macro_rules! metrics {
    ($($key:literal $name:literal $unit:literal $direction:ident $definition:literal $others:literal;)*) => {
        /// Every metric that this version computes.
        pub const METRICS: &[Metric] = &[$(Metric {
            key: $key, name: $name, unit: $unit, direction: Direction::$direction, definition: $definition, others: $others,
        }),*];
    };
}

metrics! {
    "ttft" "TTFT" "ms" Lower
        "Time to first token: from the first byte of the request handed to an open connection to the arrival of the first chunk with generated output."
        "vLLM's bench starts before the connection is opened; AIPerf and GuideLLM agree.";
    "tpot" "TPOT" "ms" Lower
        "Time per output token after the first chunk: (last − first arrival) / (tokens − tokens of the first chunk). Absent for one chunk."
        "vLLM's TPOT and AIPerf's ITL agree; GuideLLM's TPOT counts from the send and divides by all tokens.";
    "chunk_gap" "Chunk gap" "ms" Lower
        "Time between consecutive output chunks, pooled over requests. A chunk is not a token."
        "vLLM's bench calls this ITL; AIPerf calls it ICL.";
    "e2e" "E2E latency" "ms" Lower
        "From the first byte sent to the last output chunk."
        "vLLM's bench agrees since 0.33; before, the usage chunk moved the end.";
    "queue_client" "Client queue" "ms" Lower
        "From the instant the request became due to its first byte sent; the client's own share, never part of TTFT."
        "vLLM's bench: client_queue_time.";
    "output_throughput" "Output throughput" "tok/s" Higher
        "Output tokens whose arrival falls in the window, per second of the window; tokens of failed requests excluded."
        "vLLM's bench divides all tokens by the whole wall time.";
    "total_throughput" "Total throughput" "tok/s" Higher
        "Prompt and output tokens in the window per second; prompt tokens are credited at the first arrival."
        "GuideLLM counted prompt tokens twice before 0.3.";
    "request_throughput" "Request throughput" "req/s" Higher
        "Requests that ended well in the window, per second."
        "vLLM's bench divides by the whole wall time.";
    "in_flight" "In flight" "requests" Neutral
        "Requests between first byte sent and end of stream; time-weighted mean and peak."
        "vLLM's max_concurrent_requests counts requests per one-second bucket.";
    "goodput" "Goodput" "req/s" Higher
        "Requests that meet every limit of the plan, per second of the window; failures are misses."
        "vLLM's bench agrees on requests and drops failures.";
    "cost_per_mtok" "Cost" "$/Mtok" Lower
        "GPUs × price per GPU-hour × hours of the window / output tokens × 10⁶."
        "Some scripts price each request's latency instead of the window.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_unique() {
        let mut keys: Vec<_> = METRICS.iter().map(|m| m.key).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), METRICS.len());
    }
}
