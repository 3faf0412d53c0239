//! Owns what engines' counters say that their prefix cache did.
//! Must not know trials or what a hit is worth.

use super::attach::Probe;
use super::metrics::{LIMIT, PATH, read_some};
use shared::summary::PrefixCache;
use shared::telemetry::{PREFIX_HITS, PREFIX_QUERIES};

/// The prefix cache's counters of an engine that has them.
#[derive(Clone)]
pub struct PrefixCounters {
    probe: Probe,
}

/// What they showed at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrefixReading {
    queries: u64,
    hits: u64,
}

impl PrefixCounters {
    /// Looks for the counters among the server's metrics.
    pub(super) async fn find(probe: &Probe) -> Option<Self> {
        let text = probe.text(PATH, LIMIT).await.ok()?;
        PrefixReading::of(&text).map(|_| Self { probe: probe.clone() })
    }

    /// Reads them; absent where that failed.
    pub async fn read(&self) -> Option<PrefixReading> {
        let text = self.probe.text(PATH, LIMIT).await;
        let text =
            text.inspect_err(|error| tracing::warn!(%error, "the prefix cache's counters were not read")).ok()?;
        PrefixReading::of(&text)
    }
}

impl PrefixReading {
    /// Absent where a counter is not there or cannot be read.
    fn of(text: &str) -> Option<Self> {
        let [queries, hits] = read_some(text, [PREFIX_QUERIES, PREFIX_HITS]);
        Some(Self { queries: queries.value()?, hits: hits.value()? })
    }

    /// What was counted since an earlier reading; absent where the counters have begun anew.
    #[must_use]
    pub fn since(self, before: Self) -> Option<PrefixCache> {
        Some(PrefixCache {
            queries: self.queries.checked_sub(before.queries)?,
            hits: self.hits.checked_sub(before.hits)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Option<(u64, u64)>) {
        let got = PrefixReading::of(text).map(|reading| (reading.queries, reading.hits));
        assert_eq!(got, expect, "{text}");
    }

    #[test]
    fn each_engine_and_version_is_read_by_its_own_names() {
        check(
            "vllm:prefix_cache_queries_total{engine=\"0\"} 149524.0\nvllm:prefix_cache_hits_total{engine=\"0\"} 18848.0",
            Some((149_524, 18_848)),
        );
        check("vllm:gpu_prefix_cache_queries_total 10\nvllm:gpu_prefix_cache_hits_total 4", Some((10, 4)));
        check("sglang:prompt_tokens_total 10\nsglang:cached_tokens_total{cache_source=\"device\"} 4", Some((10, 4)));
        check("llamacpp:prompt_tokens_total 36\nllamacpp:prompt_tokens_cached_total 21", Some((57, 21)));
    }

    #[test]
    fn an_engine_without_them_is_unknown() {
        check("tokenprism_prompt_tokens_total 5", None);
        check("vllm:prefix_cache_queries_total 5", None);
        check("vllm:external_prefix_cache_queries_total 5\nvllm:external_prefix_cache_hits_total 5", None);
    }

    #[test]
    fn a_counter_that_began_anew_is_unknown() {
        let at = |queries, hits| PrefixReading { queries, hits };
        assert_eq!(at(30, 5).since(at(10, 4)), Some(PrefixCache { queries: 20, hits: 1 }));
        assert_eq!(at(30, 5).since(at(30, 5)), Some(PrefixCache::default()));
        assert_eq!(at(9, 5).since(at(10, 4)), None);
        assert_eq!(at(30, 3).since(at(10, 4)), None);
    }
}
