//! Owns the columns of the table of points: what each shows of a summary, and which rule doubts it.
//! Must not know how figures are computed.

use crate::format;
use shared::caveat::Rule;
use shared::outcome::Outcome;
use shared::summary::Summary;

/// Columns under one heading.
pub struct Group {
    pub name: &'static str,
    /// The metric that the heading leads to.
    pub metric: Option<&'static str>,
    pub columns: &'static [Column],
}

/// One column.
pub struct Column {
    pub name: &'static str,
    /// Key of the figure: that of its interval over repeats, where it has one.
    pub key: &'static str,
    /// Its text.
    pub text: fn(&Summary) -> String,
}

const fn column(name: &'static str, key: &'static str, text: fn(&Summary) -> String) -> Column {
    Column { name, key, text }
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
    columns: &[column("$/Mtok", "cost_per_mtok", |s| format::or_absent(s.cost_per_mtok_output, |c| format::usd(c.0)))],
};

/// The groups of a run: the headline first, and what only an open loop, or only limits, have where there are such.
pub fn groups(open: bool, limits: bool) -> Vec<&'static Group> {
    let mut groups = if open { vec![&REQUESTS, &RATE, &DUE] } else { vec![&REQUESTS] };
    groups.extend([&TTFT, &TPOT, &GAP, &THROUGHPUT]);
    if limits {
        groups.push(&GOODPUT);
    }
    groups.extend([&IN_FLIGHT, &COST]);
    groups
}

/// Whether a rule's finding doubts the figure of this key.
pub fn doubts(rule: &Rule, key: &str) -> bool {
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
        Rule::ShortOutput { .. } => key == "output_throughput" || key.starts_with("tpot"),
        Rule::ClientBusy { .. } => key.ends_with("_throughput"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::metric::Metric;

    #[test]
    fn headings_lead_to_metrics_and_an_open_loop_begins_with_its_headline() {
        for group in groups(true, true) {
            assert!(group.metric.is_none_or(|key| Metric::find(key).is_some()), "{}", group.name);
        }
        let names = |open, limits| groups(open, limits).iter().map(|g| g.name).collect::<Vec<_>>();
        assert_eq!(names(false, false)[1], "TTFT, ms");
        assert_eq!(names(true, false)[2], "TTFT from due, ms (headline)");
        assert!(!names(true, false).contains(&"Goodput"));
    }

    #[test]
    fn every_rule_marks_a_figure() {
        let keys: Vec<&str> = groups(true, true).iter().flat_map(|g| g.columns).map(|c| c.key).collect();
        let check = |rule: Rule, expect: &[&str]| {
            let marked: Vec<&str> = keys.iter().copied().filter(|key| doubts(&rule, key)).collect();
            assert_eq!(marked, expect, "{}", rule.label());
        };
        check(Rule::Failures { failed: 1, attempted: 2 }, &["failed"]);
        check(Rule::Unsent { unsent: 1, attempted: 2 }, &["unsent"]);
        check(Rule::OfferedRateMissed { offered: 2.0, sent: 1.0 }, &["sent_rate"]);
        check(Rule::TooFewSamples { n: 1, needed: 100 }, &["ttft_scheduled.p99", "ttft.p99"]);
        check(Rule::ConcurrencyNotReached { reached: 1, target: 2, requests: None }, &["in_flight", "in_flight.peak"]);
        check(Rule::ClientBusy { busy: 1.0 }, &["output_throughput", "request_throughput"]);
    }
}
