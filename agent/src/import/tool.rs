//! Owns what is said of the tools whose files are read: their names, and how their figures differ from ours.
//! Must not know their formats.

use shared::caveat::Caveat;
use shared::metric::METRICS;
use shared::source::{Definition, Source};

/// A tool.
#[derive(Debug)]
pub(super) struct Tool {
    /// Its name, as the registry of metrics has it where it is one of those.
    pub name: &'static str,
    /// Definitions beside those of the registry: the metric's key, and a sentence.
    pub others: &'static [(&'static str, &'static str)],
    /// What must be said beside every run of it.
    pub caveats: &'static [Caveat],
}

/// The name of vLLM's bench, as the registry of metrics has it.
pub const VLLM_BENCH_NAME: &str = "vLLM bench";

/// `vllm bench serve`, and `vllm bench sweep`, which calls it.
pub(super) static VLLM_BENCH: Tool = Tool {
    name: VLLM_BENCH_NAME,
    others: &[
        ("percentiles", "Interpolated between ranks (NumPy's default), where ours are nearest ranks."),
        (
            "in_flight",
            "max_concurrent_requests counts requests in a one-second bucket and is not taken for a concurrency.",
        ),
    ],
    caveats: &[Caveat::OthersDefinitions, Caveat::SummariesOnly, Caveat::WholeTime, Caveat::CacheHitsUnknown],
};

/// GuideLLM.
pub(super) static GUIDELLM: Tool = Tool {
    name: "GuideLLM",
    others: &[],
    caveats: &[Caveat::OthersDefinitions, Caveat::SummariesOnly, Caveat::CacheHitsUnknown],
};

/// AIPerf.
pub(super) static AIPERF: Tool = Tool {
    name: "AIPerf",
    others: &[("percentiles", "Interpolated between ranks (NumPy's default), where ours are nearest ranks.")],
    caveats: &[Caveat::OthersDefinitions, Caveat::SummariesOnly, Caveat::WholeTime, Caveat::CacheHitsUnknown],
};

/// The published study's client of `/generate_stream`, `metrics.py`.
pub(super) static TGI_SCRIPT: Tool = Tool {
    name: "the study's TGI script",
    others: &[
        ("ttft", "Starts before a connection is opened, where none is idle; counted to the first event with a token."),
        ("e2e", "Until the end of the stream."),
        ("output_throughput", "All tokens of a batch / its whole wall time, ramp and drain included."),
    ],
    caveats: &[Caveat::OthersDefinitions, Caveat::WholeTime, Caveat::CacheHitsUnknown],
};

/// The published study's look at a GPU's memory under load, `kv_cache.py` beside it.
pub(super) static TGI_MEMORY: Tool = Tool {
    name: "the study's GPU memory script",
    others: &[("request_throughput", "Answers with status 200 / whole wall time.")],
    caveats: &[Caveat::OthersDefinitions, Caveat::SummariesOnly, Caveat::WholeTime, Caveat::CacheHitsUnknown],
};

/// The published study's look at a KV cache in use, `kv_cache.py` of its vLLM part.
pub(super) static KV_TIMELINE: Tool = Tool {
    name: "the study's KV cache script",
    others: &[],
    caveats: &[Caveat::OthersDefinitions, Caveat::SummariesOnly, Caveat::CacheHitsUnknown],
};

/// Our own export of such a timeline: of the run that it is of, the figures are in another file.
pub(super) static OWN_TIMELINE: Tool =
    Tool { name: Source::OWN, others: &[], caveats: &[Caveat::SummariesOnly, Caveat::CacheHitsUnknown] };

impl Tool {
    /// How its figures differ from ours, of those that `has` says are there.
    pub(super) fn definitions(&self, has: impl Fn(&str) -> bool) -> Vec<Definition> {
        let definition = |metric: &str, says: &str| Definition { metric: metric.to_owned(), says: says.to_owned() };
        let own = self.others.iter().map(|(metric, says)| definition(metric, says));
        let told = |metric: &str| self.others.iter().any(|(of, _)| *of == metric);
        let registered = METRICS.iter().filter(|metric| has(metric.key) && !told(metric.key)).filter_map(|metric| {
            let peer = metric.others.iter().find(|peer| peer.tool == self.name && peer.differs())?;
            Some(definition(metric.key, peer.says))
        });
        own.chain(registered).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_come_from_the_registry_and_leave_out_what_is_the_same() {
        let of = |tool: &Tool| -> Vec<String> { tool.definitions(|_| true).into_iter().map(|d| d.metric).collect() };
        let vllm = of(&VLLM_BENCH);
        for key in ["percentiles", "ttft", "tpot", "chunk_gap", "e2e", "output_throughput", "in_flight"] {
            assert!(vllm.iter().any(|metric| metric == key), "{key} is not in {vllm:?}");
        }
        assert!(!of(&GUIDELLM).iter().any(|metric| metric == "ttft"));
        assert_eq!(VLLM_BENCH.definitions(|_| false).len(), VLLM_BENCH.others.len());
    }
}
