//! Owns the figures that can be compared: a metric of the registry, of a latency one of its statistics.
//! Must not know how a figure is measured.

use crate::metric::{Direction, Metric};
use crate::source::Source;
use crate::summary::{Distribution, Summary};

/// A figure: a metric, and of a latency which statistic.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    metric: &'static Metric,
    what: Option<What>,
}

/// A statistic of a latency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Arithmetic mean.
    Mean,
    /// Median.
    P50,
    /// 90th percentile.
    P90,
    /// 95th percentile.
    P95,
    /// 99th percentile.
    P99,
}

impl What {
    const ALL: [(&str, What); 5] =
        [("mean", What::Mean), ("p50", What::P50), ("p90", What::P90), ("p95", What::P95), ("p99", What::P99)];

    fn of(self, latency: &Distribution) -> Option<f64> {
        match self {
            What::Mean => latency.mean_ms,
            What::P50 => latency.p50.ms(),
            What::P90 => latency.p90.ms(),
            What::P95 => latency.p95.ms(),
            What::P99 => latency.p99.ms(),
        }
    }

    fn key(self) -> &'static str {
        Self::ALL.iter().find(|(_, what)| *what == self).map_or("", |(key, _)| key)
    }
}

impl Figure {
    /// The figures of a curve against load, of a comparison's table, and of a ladder.
    pub const USUAL: &[&str] = &[
        "output_throughput",
        "total_throughput",
        "request_throughput",
        "per_user_throughput",
        "per_gpu_throughput",
        "goodput",
        "ttft.mean",
        "ttft.p50",
        "ttft.p99",
        "ttft_scheduled.p50",
        "ttft_scheduled.p99",
        "tpot.mean",
        "tpot.p50",
        "tpot.p99",
        "e2e.mean",
        "e2e.p99",
        "cost_per_mtok",
        "energy_per_token",
    ];

    /// The figure of a key: `output_throughput`, `ttft.p99`, or `ttft_p99` as a shell likes it. Of a latency without a
    /// statistic the mean.
    ///
    /// # Errors
    /// A sentence that names the keys there are.
    pub fn parse(key: &str) -> Result<Self, String> {
        let known = |metric: &str, what: Option<What>| {
            let metric = Metric::find(metric)?;
            let what = if latency(metric.key).is_some() { Some(what.unwrap_or(What::Mean)) } else { what };
            let figure = Self { metric, what };
            (figure.reader().is_some()).then_some(figure)
        };
        let split = key.rsplit_once(['.', '_']);
        let what = split.and_then(|(metric, end)| Some((metric, What::ALL.iter().find(|(key, _)| *key == end)?.1)));
        let found = known(key, None).or_else(|| what.and_then(|(metric, what)| known(metric, Some(what))));
        found.ok_or_else(|| {
            let key: String = key.chars().take(60).collect();
            format!(
                "\"{key}\" is no figure that can be compared; those are {}, and of each latency mean, p50, p90, p95 and p99.",
                Self::USUAL.join(", ")
            )
        })
    }

    /// Every usual figure.
    #[must_use]
    pub fn usual() -> Vec<Self> {
        Self::USUAL.iter().filter_map(|key| Self::parse(key).ok()).collect()
    }

    /// Its key, as intervals have it: `ttft.p99`.
    #[must_use]
    pub fn key(self) -> String {
        match self.what {
            Some(what) => format!("{}.{}", self.metric.key, what.key()),
            None => self.metric.key.to_owned(),
        }
    }

    /// Its name on pages and in tables: "TTFT p99".
    #[must_use]
    pub fn name(self) -> String {
        match self.what {
            Some(what) => format!("{} {}", self.metric.name, what.key()),
            None => self.metric.name.to_owned(),
        }
    }

    /// Its unit.
    #[must_use]
    pub fn unit(self) -> &'static str {
        self.metric.unit
    }

    /// Which way is better.
    #[must_use]
    pub fn direction(self) -> Direction {
        self.metric.direction
    }

    /// How another tool computed it, where not as here: the metric, and percentiles of any.
    pub(super) fn definitions_in(self, source: &Source) -> impl Iterator<Item = &str> {
        let ranked = self.what.is_some_and(|what| what != What::Mean);
        source.definition(self.metric.key).into_iter().chain(source.definition("percentiles").filter(|_| ranked))
    }

    /// Its value, where the summary has one.
    #[must_use]
    pub fn read(self, summary: &Summary) -> Option<f64> {
        match (self.reader()?, self.what) {
            (Reader::Latency(latency), Some(what)) => what.of(latency(summary)),
            (Reader::Rate(rate), None) => rate(summary),
            _ => None,
        }
    }

    fn reader(self) -> Option<Reader> {
        match self.what {
            Some(_) => latency(self.metric.key).map(Reader::Latency),
            None => rate(self.metric.key).map(Reader::Rate),
        }
    }
}

/// Where a figure stands in a summary.
enum Reader {
    Latency(fn(&Summary) -> &Distribution),
    Rate(fn(&Summary) -> Option<f64>),
}

fn latency(key: &str) -> Option<fn(&Summary) -> &Distribution> {
    Some(match key {
        "ttft" => |s| &s.ttft,
        "ttft_scheduled" => |s| &s.ttft_scheduled,
        "ttfv" => |s| &s.ttfv,
        "tpot" => |s| &s.tpot,
        "itl" => |s| &s.itl,
        "chunk_gap" => |s| &s.chunk_gap,
        "e2e" => |s| &s.e2e,
        "queue_client" => |s| &s.queue_client,
        _ => return None,
    })
}

fn rate(key: &str) -> Option<fn(&Summary) -> Option<f64>> {
    Some(match key {
        "output_throughput" => |s| s.output_throughput,
        "total_throughput" => |s| s.total_throughput,
        "request_throughput" => |s| s.request_throughput,
        "per_user_throughput" => |s| s.per_user_throughput,
        "per_gpu_throughput" => |s| s.per_gpu_throughput,
        "goodput" => |s| s.goodput?.requests_per_s,
        "cost_per_mtok" => |s| s.cost_per_mtok_output.map(|cost| cost.0),
        "energy_per_token" => |s| s.energy?.joules_per_token,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summary::Percentile;

    fn check(key: &str, expect: Option<(&str, &str)>) {
        let found = Figure::parse(key).ok();
        let names = found.map(|figure| (figure.key(), figure.name()));
        assert_eq!(names, expect.map(|(key, name)| (key.to_owned(), name.to_owned())), "{key}");
    }

    #[test]
    fn keys_are_read_in_both_ways_of_writing() {
        check("ttft.p99", Some(("ttft.p99", "TTFT p99")));
        check("ttft_p99", Some(("ttft.p99", "TTFT p99")));
        check("ttft", Some(("ttft.mean", "TTFT mean")));
        check("ttft_scheduled_p50", Some(("ttft_scheduled.p50", "TTFT, scheduled p50")));
        check("output_throughput", Some(("output_throughput", "Output throughput")));
        check("output_throughput.p50", None);
        check("ttft.p42", None);
        check("in_flight", None);
        check("", None);
        assert!(Figure::parse("tttft").unwrap_err().contains("ttft.p99"));
    }

    #[test]
    fn every_usual_figure_is_one() {
        let keys: Vec<String> = Figure::usual().into_iter().map(Figure::key).collect();
        assert_eq!(keys, Figure::USUAL);
    }

    #[test]
    fn what_a_summary_lacks_has_no_value() {
        let mut summary = Summary { output_throughput: Some(9.0), ..Summary::default() };
        summary.ttft.p99 = Percentile::AtLeastMs(7.0);
        let read = |key: &str| Figure::parse(key).unwrap().read(&summary);
        assert_eq!((read("output_throughput"), read("ttft.p99"), read("goodput")), (Some(9.0), None, None));
    }
}
