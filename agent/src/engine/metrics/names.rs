//! Owns the names by which engines tell the same things, by engine and version; present names before former ones.
//! Must not know how often they are read.

use crate::engine::exposition::{Page, Unreadable};
use crate::record::Buckets;
use shared::telemetry::{self as signals, Field, Signal};

/// Millionths in a whole.
const PPM: f64 = 1e6;

/// How one engine tells a signal.
pub(super) struct Name {
    signal: Signal,
    how: How,
    /// The first that is there counts.
    names: &'static [&'static str],
}

/// What a metric holds.
enum How {
    /// A number, summed over the engine's parts.
    Count,
    /// A part of a whole, the mean over the engine's parts.
    Share,
    /// A number that the engine tells in two; the second is what the first leaves out.
    CountWithout(&'static str),
    /// A part of a whole that the engine tells beside it.
    PartOf(&'static str),
}

/// One engine's names.
pub(super) struct Names {
    /// Begins the name of each of its metrics.
    prefix: &'static str,
    signals: &'static [Name],
    /// Time to first token, s.
    ttft: &'static [&'static str],
    /// Time between tokens, s.
    itl: &'static [&'static str],
}

const fn count(signal: Signal, names: &'static [&'static str]) -> Name {
    Name { signal, how: How::Count, names }
}

const fn share(signal: Signal, names: &'static [&'static str]) -> Name {
    Name { signal, how: How::Share, names }
}

const VLLM: Names = Names {
    prefix: "vllm:",
    signals: &[
        // The former name was hidden in 0.11 and removed in 0.12; versions around 0.9 had both.
        share(signals::KV_USED, &["vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"]),
        count(signals::RUNNING, &["vllm:num_requests_running"]),
        count(signals::WAITING, &["vllm:num_requests_waiting"]),
        count(signals::PREEMPTIONS, &["vllm:num_preemptions_total"]),
        count(signals::PROMPT_TOKENS, &["vllm:prompt_tokens_total"]),
        count(signals::OUTPUT_TOKENS, &["vllm:generation_tokens_total"]),
        // Former names until 0.11, the last of them without their suffix.
        count(
            signals::PREFIX_QUERIES,
            &[
                "vllm:prefix_cache_queries_total",
                "vllm:gpu_prefix_cache_queries_total",
                "vllm:gpu_prefix_cache_queries",
            ],
        ),
        count(
            signals::PREFIX_HITS,
            &["vllm:prefix_cache_hits_total", "vllm:gpu_prefix_cache_hits_total", "vllm:gpu_prefix_cache_hits"],
        ),
    ],
    ttft: &["vllm:time_to_first_token_seconds"],
    // The former name went between 0.13 and 0.16.
    itl: &["vllm:inter_token_latency_seconds", "vllm:time_per_output_token_seconds"],
};

const SGLANG: Names = Names {
    prefix: "sglang:",
    signals: &[
        share(signals::KV_USED, &["sglang:token_usage"]),
        count(signals::RUNNING, &["sglang:num_running_reqs"]),
        count(signals::WAITING, &["sglang:num_queue_reqs"]),
        count(signals::PREEMPTIONS, &["sglang:num_retracted_requests_total"]),
        count(signals::PROMPT_TOKENS, &["sglang:prompt_tokens_total"]),
        count(signals::OUTPUT_TOKENS, &["sglang:generation_tokens_total"]),
        count(signals::PREFIX_QUERIES, &["sglang:prompt_tokens_total"]),
        count(signals::PREFIX_HITS, &["sglang:cached_tokens_total"]),
    ],
    ttft: &["sglang:time_to_first_token_seconds"],
    itl: &["sglang:inter_token_latency_seconds"],
};

/// What its batch has reserved is not what is in use, so that there is no use of its cache.
const TGI: Names = Names {
    prefix: "tgi_",
    signals: &[
        count(signals::RUNNING, &["tgi_batch_current_size"]),
        count(signals::WAITING, &["tgi_queue_size"]),
        count(signals::PROMPT_TOKENS, &["tgi_request_input_length_sum"]),
        count(signals::OUTPUT_TOKENS, &["tgi_request_generated_tokens_sum"]),
    ],
    ttft: &[],
    itl: &[],
};

const LLAMA_CPP: Names = Names {
    prefix: "llamacpp:",
    signals: &[
        count(signals::RUNNING, &["llamacpp:requests_processing"]),
        count(signals::WAITING, &["llamacpp:requests_deferred"]),
        count(signals::PROMPT_TOKENS, &["llamacpp:prompt_tokens_total"]),
        count(signals::OUTPUT_TOKENS, &["llamacpp:tokens_predicted_total"]),
        // The first leaves out what came from the cache.
        Name {
            signal: signals::PREFIX_QUERIES,
            how: How::CountWithout("llamacpp:prompt_tokens_cached_total"),
            names: &["llamacpp:prompt_tokens_total"],
        },
        count(signals::PREFIX_HITS, &["llamacpp:prompt_tokens_cached_total"]),
    ],
    ttft: &[],
    itl: &[],
};

const BUILTIN: Names = Names {
    prefix: "tokenprism_builtin_",
    signals: &[
        Name {
            signal: signals::KV_USED,
            how: How::PartOf("tokenprism_builtin_kv_bytes_capacity"),
            names: &["tokenprism_builtin_kv_bytes_held"],
        },
        count(signals::KV_BYTES, &["tokenprism_builtin_kv_bytes_held"]),
        count(signals::RUNNING, &["tokenprism_builtin_requests_running"]),
        count(signals::WAITING, &["tokenprism_builtin_requests_waiting"]),
        count(signals::PROMPT_TOKENS, &["tokenprism_builtin_prompt_tokens_total"]),
        count(signals::OUTPUT_TOKENS, &["tokenprism_builtin_generation_tokens_total"]),
    ],
    ttft: &[],
    itl: &[],
};

const BASELINE: Names = Names {
    prefix: "tokenprism_baseline_",
    signals: &[
        count(signals::KV_BYTES, &["tokenprism_baseline_kv_bytes_held"]),
        count(signals::RUNNING, &["tokenprism_baseline_requests_running"]),
        count(signals::WAITING, &["tokenprism_baseline_requests_waiting"]),
        count(signals::PROMPT_TOKENS, &["tokenprism_baseline_prompt_tokens_total"]),
        count(signals::OUTPUT_TOKENS, &["tokenprism_baseline_generation_tokens_total"]),
    ],
    ttft: &[],
    itl: &[],
};

const ENGINES: [&Names; 6] = [&VLLM, &SGLANG, &TGI, &LLAMA_CPP, &BUILTIN, &BASELINE];

impl Names {
    /// Those of the engine whose page this is; none where nobody's metric is on it.
    pub fn of(page: &Page<'_>) -> Option<&'static Self> {
        ENGINES.into_iter().find(|names| page.has_prefix(names.prefix))
    }

    /// Every signal of the engine; of a counter its running total.
    pub fn read(&self, page: &Page<'_>) -> Vec<(Signal, Field)> {
        self.signals.iter().map(|name| (name.signal, name.read(page))).collect()
    }

    /// The same where nobody answers.
    pub fn unanswered(&self) -> Vec<(Signal, Field)> {
        self.signals.iter().map(|name| (name.signal, Field::Failed(Field::NO_ANSWER))).collect()
    }

    /// One signal.
    pub fn read_one(&self, signal: Signal, page: &Page<'_>) -> Field {
        let name = self.signals.iter().find(|name| name.signal.key == signal.key);
        name.map_or(Field::NotSupported, |name| name.read(page))
    }

    /// The engine's own time to first token.
    pub fn ttft(&self, page: &Page<'_>) -> Option<Buckets> {
        histogram(self.ttft, page)
    }

    /// The engine's own time between tokens.
    pub fn itl(&self, page: &Page<'_>) -> Option<Buckets> {
        histogram(self.itl, page)
    }
}

impl Name {
    fn read(&self, page: &Page<'_>) -> Field {
        let found = self.names.iter().find_map(|name| match self.how {
            How::Count => page.counter(name),
            How::Share => page.mean(name).map(|mean| mean.and_then(ppm)),
            How::CountWithout(left_out) => {
                let both = page.counter(name)?.and_then(|n| Ok((n, page.counter(left_out).ok_or(Unreadable)??)));
                Some(both.map(|(n, left_out)| n + left_out))
            }
            How::PartOf(whole) => {
                let both = page.counter(name)?.and_then(|n| Ok((n, page.counter(whole).ok_or(Unreadable)??)));
                // Where there is no whole, as without a cache, there is no part either.
                let part = both.map(|(n, whole)| (whole > 0).then(|| n as f64 / whole as f64));
                part.transpose().map(|part| part.and_then(ppm))
            }
        });
        match found {
            Some(Ok(value)) => Field::Value(value),
            Some(Err(Unreadable)) => Field::Failed(Field::UNREADABLE),
            None => Field::NotSupported,
        }
    }
}

/// A part of a whole in millionths. Some engines reckon with a block more or less than they have, so that full is a
/// little beyond 1.
fn ppm(share: f64) -> Result<u64, Unreadable> {
    if (0.0..=1.1).contains(&share) { Ok((share * PPM).round() as u64) } else { Err(Unreadable) }
}

fn histogram(names: &[&str], page: &Page<'_>) -> Option<Buckets> {
    names.iter().find_map(|name| page.histogram(name))?.ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use Field::{Failed, NotSupported, Value};

    fn check(text: &str, expect: &[(Signal, Field)]) {
        let page = Page::of(text);
        let names = Names::of(&page).unwrap();
        for (signal, field) in expect {
            assert_eq!(names.read_one(*signal, &page), *field, "{} in {text:.200}", signal.key);
        }
    }

    #[test]
    fn a_renamed_metric_is_found_by_either_name_and_a_missing_one_is_not_zero() {
        let new = "vllm:kv_cache_usage_perc{engine=\"0\"} 0.25";
        let old = "vllm:gpu_cache_usage_perc{engine=\"0\"} 0.75";
        check(new, &[(signals::KV_USED, Value(250_000))]);
        check(old, &[(signals::KV_USED, Value(750_000))]);
        check(&format!("{old}\n{new}"), &[(signals::KV_USED, Value(250_000))]);
        check("vllm:num_requests_running 0", &[(signals::KV_USED, NotSupported), (signals::RUNNING, Value(0))]);
        // Percent instead of a share, or no number: it is there and unknown.
        check("vllm:kv_cache_usage_perc 25", &[(signals::KV_USED, Failed(Field::UNREADABLE))]);
        check("vllm:kv_cache_usage_perc NaN", &[(signals::KV_USED, Failed(Field::UNREADABLE))]);
    }

    #[test]
    fn a_servers_own_latencies_are_its_histograms() {
        let page = Page::of(include_str!("../../../fixtures/metrics/vllm-0.25.1.txt"));
        let names = Names::of(&page).unwrap();
        let ttft = names.ttft(&page).unwrap().latency();
        assert_eq!((ttft.n, ttft.mean_ms.map(|ms| (ms * 1000.0).round())), (12, Some(20_733.0)));
        let p50 = ttft.p50.unwrap();
        assert_eq!((p50.above_ms, p50.up_to_ms), (10.0, Some(20.0)));
        assert!((p50.ms.unwrap() - (10.0 + 10.0 * 6.0 / 9.0)).abs() < 1e-9 && ttft.p99.is_none());
        let page = Page::of(include_str!("../../../fixtures/metrics/vllm-0.32.0.txt"));
        assert_eq!(names.itl(&page).unwrap().n(), 408);
        let page = Page::of(include_str!("../../../fixtures/metrics/tgi-3.3.7.txt"));
        assert_eq!(Names::of(&page).unwrap().ttft(&page), None);
    }

    #[test]
    fn nobodys_page_has_no_names() {
        assert!(Names::of(&Page::of("python_info 1\nhttp_requests_total 5")).is_none());
        assert!(Names::of(&Page::of("")).is_none());
    }

    #[test]
    fn what_real_servers_showed_under_load_is_read() {
        check(
            include_str!("../../../fixtures/metrics/vllm-0.25.1.txt"),
            &[
                (signals::KV_USED, Value(0)),
                (signals::RUNNING, Value(0)),
                (signals::PREFIX_QUERIES, Value(2068)),
                (signals::PREFIX_HITS, Value(0)),
                (signals::PROMPT_TOKENS, Value(2068)),
                (signals::OUTPUT_TOKENS, Value(1043)),
            ],
        );
        check(
            include_str!("../../../fixtures/metrics/vllm-0.32.0.txt"),
            &[
                (signals::KV_USED, Value(750_000)),
                (signals::RUNNING, Value(1)),
                (signals::WAITING, Value(0)),
                (signals::PREEMPTIONS, Value(2)),
                (signals::OUTPUT_TOKENS, Value(412)),
            ],
        );
        check(
            include_str!("../../../fixtures/metrics/tgi-3.3.7.txt"),
            &[
                (signals::KV_USED, NotSupported),
                (signals::PREEMPTIONS, NotSupported),
                (signals::RUNNING, Value(6)),
                (signals::WAITING, Value(0)),
                (signals::PROMPT_TOKENS, Value(365)),
                (signals::OUTPUT_TOKENS, Value(232)),
            ],
        );
        check(
            include_str!("../../../fixtures/metrics/llama-server-11434.txt"),
            &[
                (signals::RUNNING, Value(2)),
                (signals::WAITING, Value(4)),
                (signals::PREFIX_QUERIES, Value(570)),
                (signals::PREFIX_HITS, Value(24)),
                (signals::OUTPUT_TOKENS, Value(19)),
                (signals::KV_USED, NotSupported),
            ],
        );
        check(
            include_str!("../../../fixtures/metrics/baseline.txt"),
            &[
                (signals::KV_BYTES, Value(4 * (256 + 39) * 524_288)),
                (signals::KV_USED, NotSupported),
                (signals::RUNNING, Value(2)),
                (signals::WAITING, Value(3)),
                (signals::PROMPT_TOKENS, Value(1024)),
                (signals::OUTPUT_TOKENS, Value(120)),
            ],
        );
    }

    #[test]
    fn a_part_is_of_a_whole_and_without_one_there_is_no_share() {
        let page = |held: &str, capacity: &str| {
            format!("tokenprism_builtin_kv_bytes_held {held}\ntokenprism_builtin_kv_bytes_capacity {capacity}\n")
        };
        check(&page("250", "1000"), &[(signals::KV_USED, Value(250_000)), (signals::KV_BYTES, Value(250))]);
        check(&page("0", "1000"), &[(signals::KV_USED, Value(0))]);
        check(&page("0", "0"), &[(signals::KV_USED, NotSupported), (signals::KV_BYTES, Value(0))]);
        check(&page("5", "NaN"), &[(signals::KV_USED, Failed(Field::UNREADABLE))]);
        check("tokenprism_builtin_kv_bytes_held 5", &[(signals::KV_USED, Failed(Field::UNREADABLE))]);
    }
}
