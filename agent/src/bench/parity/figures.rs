//! Owns which figures are compared, and where each stands in a summary.
//! Must not know who says them.

use shared::summary::{Distribution, Summary};

/// A figure that is compared.
pub(super) struct Figure {
    /// What the table calls it.
    pub name: &'static str,
    /// Its metric in the registry.
    pub metric: &'static str,
    /// Digits after the point.
    pub digits: usize,
    /// Where it stands.
    pub of: fn(&Summary) -> Option<f64>,
}

const fn figure(name: &'static str, metric: &'static str, digits: usize, of: fn(&Summary) -> Option<f64>) -> Figure {
    Figure { name, metric, digits, of }
}

/// All of them, in the order of the table.
pub(super) const FIGURES: &[Figure] = &[
    figure("TTFT mean, ms", "ttft", 2, |s| s.ttft.mean_ms),
    figure("TTFT p50, ms", "ttft", 2, |s| p50(&s.ttft)),
    figure("TTFT p99, ms", "ttft", 2, |s| p99(&s.ttft)),
    figure("TPOT mean, ms", "tpot", 3, |s| s.tpot.mean_ms),
    figure("TPOT p50, ms", "tpot", 3, |s| p50(&s.tpot)),
    figure("TPOT p99, ms", "tpot", 3, |s| p99(&s.tpot)),
    figure("gap between chunks mean, ms", "chunk_gap", 3, |s| s.chunk_gap.mean_ms),
    figure("gap between chunks p50, ms", "chunk_gap", 3, |s| p50(&s.chunk_gap)),
    figure("gap between chunks p99, ms", "chunk_gap", 3, |s| p99(&s.chunk_gap)),
    figure("end to end mean, ms", "e2e", 2, |s| s.e2e.mean_ms),
    figure("end to end p50, ms", "e2e", 2, |s| p50(&s.e2e)),
    figure("end to end p99, ms", "e2e", 2, |s| p99(&s.e2e)),
    figure("output tokens/s", "output_throughput", 2, |s| s.output_throughput),
    figure("requests/s", "request_throughput", 3, |s| s.request_throughput),
    figure("in flight, mean", "in_flight", 3, |s| s.in_flight_mean),
    figure("requests that ended well", "request_throughput", 0, |s| Some(s.ok as f64)),
    figure("output tokens", "output_throughput", 0, |s| s.output_tokens.map(|n| n as f64)),
    figure("prompt tokens", "total_throughput", 0, |s| s.prompt_tokens.map(|n| n as f64)),
];

fn p50(of: &Distribution) -> Option<f64> {
    of.p50.ms()
}

fn p99(of: &Distribution) -> Option<f64> {
    of.p99.ms()
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::metric::METRICS;

    #[test]
    fn every_figure_is_of_a_metric_of_the_registry() {
        for figure in FIGURES {
            assert!(METRICS.iter().any(|metric| metric.key == figure.metric), "{}", figure.metric);
        }
    }
}
