//! Owns the columns of the table of points: what each shows of a summary, and which rule doubts it.
//! Must not know how figures are computed.

use super::beside::{ENERGY, SERVER};
use super::limit::{OF_THROUGHPUT, OF_TPOT, OF_TTFT};
use crate::caveat::Rule;
use crate::format;
use crate::outcome::Outcome;
use crate::summary::Summary;
use crate::view::RunView;

/// Columns under one heading.
pub struct Group {
    /// The heading.
    pub name: &'static str,
    /// The metric that the heading leads to.
    pub metric: Option<&'static str>,
    /// The columns.
    pub columns: &'static [Column],
}

/// One column.
pub struct Column {
    /// Its name under the heading.
    pub name: &'static str,
    /// Key of the figure: that of its interval over repeats, where it has one.
    pub key: &'static str,
    /// Its text.
    pub text: fn(&Summary) -> String,
    /// What is said of it on hover beside doubts and intervals, empty for nothing.
    pub hover: fn(&Summary) -> String,
    /// The metric that its name leads to, where that is not the group's.
    pub metric: Option<&'static str>,
    /// It is there only where what the hardware allows is known.
    pub needs_limit: bool,
}

const fn column(name: &'static str, key: &'static str, text: fn(&Summary) -> String) -> Column {
    told(name, key, text, |_| String::new())
}

/// One of which something is said on hover.
pub(super) const fn told(
    name: &'static str,
    key: &'static str,
    text: fn(&Summary) -> String,
    hover: fn(&Summary) -> String,
) -> Column {
    Column { name, key, text, hover, metric: None, needs_limit: false }
}

fn unsent(s: &Summary) -> u64 {
    s.outcomes.get(&Outcome::Unsent).copied().unwrap_or(0)
}

const REQUESTS: Group = Group {
    name: "Requests",
    metric: None,
    columns: &[
        column("attempted", "attempted", |s| format::count(s.attempted)),
        column("ok", "ok", |s| format::count(s.ok)),
        column("failed", "failed", |s| format::count(s.attempted.saturating_sub(s.ok))),
    ],
};
const RATE: Group = Group {
    name: "Rate, req/s",
    metric: Some("offered_rate"),
    columns: &[
        column("offered", "offered_rate", |s| format::bare(s.offered_rate)),
        column("sent", "sent_rate", |s| format::bare(s.sent_rate)),
        column("late", "sent_late", |s| format::or_absent(s.sent_late, format::count)),
        column("unsent", "unsent", |s| format::count(unsent(s))),
    ],
};
const DUE: Group = Group {
    name: "TTFT from due, ms (headline)",
    metric: Some("ttft_scheduled"),
    columns: &[
        column("mean", "ttft_scheduled.mean", |s| format::bare(s.ttft_scheduled.mean_ms)),
        column("p50", "ttft_scheduled.p50", |s| format::percentile(s.ttft_scheduled.p50)),
        column("p99", "ttft_scheduled.p99", |s| format::percentile(s.ttft_scheduled.p99)),
        column("n", "", |s| format::or_absent(s.ttft_scheduled.n, format::count)),
    ],
};
const TTFT: Group = Group {
    name: "TTFT, ms",
    metric: Some("ttft"),
    columns: &[
        column("mean", "ttft.mean", |s| format::bare(s.ttft.mean_ms)),
        column("p50", "ttft.p50", |s| format::percentile(s.ttft.p50)),
        column("p99", "ttft.p99", |s| format::percentile(s.ttft.p99)),
        column("n", "", |s| format::or_absent(s.ttft.n, format::count)),
        OF_TTFT,
    ],
};
const TPOT: Group = Group {
    name: "TPOT, ms",
    metric: Some("tpot"),
    columns: &[
        column("mean", "tpot.mean", |s| format::bare(s.tpot.mean_ms)),
        column("p50", "tpot.p50", |s| format::percentile(s.tpot.p50)),
        column("p99", "tpot.p99", |s| format::percentile(s.tpot.p99)),
        column("n", "", |s| format::or_absent(s.tpot.n, format::count)),
        OF_TPOT,
    ],
};
const GAP: Group = Group {
    name: "Chunk gap, ms",
    metric: Some("chunk_gap"),
    columns: &[
        column("p99", "chunk_gap.p99", |s| format::percentile(s.chunk_gap.p99)),
        column("n", "", |s| format::or_absent(s.chunk_gap.n, format::count)),
    ],
};
const THROUGHPUT: Group = Group {
    name: "Throughput",
    metric: Some("output_throughput"),
    columns: &[
        column("output tok/s", "output_throughput", |s| format::bare(s.output_throughput)),
        OF_THROUGHPUT,
        column("req/s", "request_throughput", |s| format::bare(s.request_throughput)),
    ],
};
const GOODPUT: Group = Group {
    name: "Goodput",
    metric: Some("goodput"),
    columns: &[
        column("kept", "goodput.share", |s| {
            format::or_absent(s.goodput.filter(|g| g.of > 0), |g| format::share(g.met as f64 / g.of as f64))
        }),
        column("req/s", "goodput", |s| format::bare(s.goodput.and_then(|g| g.requests_per_s))),
    ],
};
const IN_FLIGHT: Group = Group {
    name: "In flight",
    metric: Some("in_flight"),
    columns: &[
        column("mean", "in_flight", |s| format::bare(s.in_flight_mean)),
        column("peak", "in_flight.peak", |s| format::or_absent(s.in_flight_peak.map(u64::from), format::count)),
    ],
};
const COST: Group = Group {
    name: "Cost",
    metric: Some("cost_per_mtok"),
    columns: &[told(
        "$/Mtok",
        "cost_per_mtok",
        |s| format::or_absent(s.cost_per_mtok_output, |c| format::usd(c.0)),
        price_words,
    )],
};

/// The price behind a cost, and where it comes from.
fn price_words(s: &Summary) -> String {
    let origin = s.price_origin.as_ref().map(|origin| format!(" {}", origin.words())).unwrap_or_default();
    match s.price {
        Some(price) => format!("At {} per GPU-hour{origin}.", format::usd(price.0)),
        None => "No price of the engine's GPUs is known, or not how many it uses.".to_owned(),
    }
}

/// What a run has beside what every run has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Has {
    /// Requests with times of their own.
    pub open: bool,
    /// Limits.
    pub limits: bool,
    /// A server that tells its own latencies.
    pub server: bool,
    /// GPUs whose energy is known.
    pub energy: bool,
    /// GPUs of which it is known what they allow.
    pub limit: bool,
}

/// A group with those of its columns that are shown.
pub struct Shown {
    /// The group.
    pub group: &'static Group,
    /// Its columns.
    pub columns: Vec<&'static Column>,
}

impl Has {
    /// What a run has so far.
    #[must_use]
    pub fn of(view: &RunView) -> Self {
        let plan = view.header.as_ref().map(|header| &header.plan);
        let any = |has: fn(&Summary) -> bool| view.trials.iter().filter_map(|trial| trial.summary.as_ref()).any(has);
        Self {
            open: plan.is_some_and(|plan| plan.load.arrival.is_open()),
            limits: plan.is_some_and(|plan| plan.slo.is_some()),
            server: any(|s| s.server.as_ref().is_some_and(|server| server.ttft.is_some())),
            energy: any(|s| s.energy.is_some()),
            limit: any(|s| s.limit.is_some()),
        }
    }
}

/// The groups of a run: the headline first, and what not every run has where it is there.
#[must_use]
pub fn groups(has: Has) -> Vec<Shown> {
    let all = [
        (&REQUESTS, true),
        (&RATE, has.open),
        (&DUE, has.open),
        (&TTFT, true),
        (&SERVER, has.server),
        (&TPOT, true),
        (&GAP, true),
        (&THROUGHPUT, true),
        (&GOODPUT, has.limits),
        (&IN_FLIGHT, true),
        (&COST, true),
        (&ENERGY, has.energy),
    ];
    let columns =
        |group: &'static Group| group.columns.iter().filter(|column| has.limit || !column.needs_limit).collect();
    all.into_iter().filter(|(_, has)| *has).map(|(group, _)| Shown { group, columns: columns(group) }).collect()
}

/// Whether a rule's finding doubts the figure of this key.
pub(super) fn doubts(rule: &Rule, key: &str) -> bool {
    // A share of what the hardware allows is as doubtful as what it is a share of.
    let key = key.strip_prefix("of_").unwrap_or(key);
    match rule {
        Rule::ClientLate { .. }
        | Rule::ClientLagging { .. }
        | Rule::WarmUpNotSettled { .. }
        | Rule::UnaskedCacheHits { .. } => key.starts_with("ttft"),
        Rule::TooFewSamples { .. } | Rule::SamplesDependent { .. } => key.starts_with("ttft") && key.ends_with(".p99"),
        Rule::Failures { .. } | Rule::ConnectionsRefused { .. } => key == "failed",
        Rule::Unsent { .. } => key == "unsent",
        Rule::OfferedRateMissed { .. } => key == "sent_rate",
        Rule::ConcurrencyNotReached { .. } => key.starts_with("in_flight"),
        Rule::ShortOutput { .. } => matches!(key, "output_throughput" | "throughput") || key.starts_with("tpot"),
        Rule::ClientBusy { .. } => key.ends_with("throughput"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Metric;

    const ALL: Has = Has { open: true, limits: true, server: true, energy: true, limit: true };

    #[test]
    fn headings_lead_to_metrics_and_an_open_loop_begins_with_its_headline() {
        for shown in groups(ALL) {
            let metrics = shown.columns.iter().filter_map(|column| column.metric).chain(shown.group.metric);
            metrics.for_each(|key| assert!(Metric::find(key).is_some(), "{key}"));
        }
        let names = |has| groups(has).iter().map(|shown| shown.group.name).collect::<Vec<_>>();
        assert_eq!(names(Has::default())[1], "TTFT, ms");
        let open = names(Has { open: true, ..Has::default() });
        assert_eq!(open[2], "TTFT from due, ms (headline)");
        assert!(!open.contains(&"Goodput") && !open.contains(&"Energy"));
    }

    #[test]
    fn every_rule_marks_a_figure() {
        let keys: Vec<&str> = groups(ALL).iter().flat_map(|shown| &shown.columns).map(|c| c.key).collect();
        let check = |rule: Rule, expect: &[&str]| {
            let marked: Vec<&str> = keys.iter().copied().filter(|key| doubts(&rule, key)).collect();
            assert_eq!(marked, expect, "{}", rule.label());
        };
        check(Rule::Failures { failed: 1, attempted: 2 }, &["failed"]);
        check(Rule::Unsent { unsent: 1, attempted: 2 }, &["unsent"]);
        check(Rule::OfferedRateMissed { offered: 2.0, sent: 1.0 }, &["sent_rate"]);
        check(Rule::TooFewSamples { n: 1, needed: 100 }, &["ttft_scheduled.p99", "ttft.p99"]);
        check(Rule::ConcurrencyNotReached { reached: 1, target: 2, requests: None }, &["in_flight", "in_flight.peak"]);
        check(Rule::ClientBusy { busy: 1.0 }, &["output_throughput", "of_throughput", "request_throughput"]);
    }
}
