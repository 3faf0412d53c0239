//! Owns a trial's window: what is credited to it, and which requests belong to it (METRICS.md, "Windows").
//! Must not know what is made of them.

use crate::record::RequestRecord;
use shared::plan::{Arrival, Plan};
use shared::summary::Summary;
use shared::units::NS_PER_S;

/// What the load generator says of a trial's window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// When it opened; absent where the load level was never reached.
    pub start_ns: Option<u64>,
    /// When the saturated part, or the duration, ended.
    pub end_ns: Option<u64>,
    /// End of the last request.
    pub load_end_ns: u64,
    /// True where the trial has a number of requests, false where it has a duration.
    pub by_count: bool,
    /// What decides whether a request belongs to it.
    pub arrival: Arrival,
}

/// The window as figures take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its first ns.
    pub start_ns: u64,
    /// The first ns after it.
    pub end_ns: u64,
    /// True where the saturated part held too few requests, so that ramp and drain are in it.
    pub whole: bool,
    by_count: bool,
    arrival: Arrival,
}

impl Span {
    /// By duration as the load generator says. By count the saturated part where at least 80 % of its requests ended
    /// in it, else from its opening to the last end; of bursts always that, for a burst has no saturated part.
    #[must_use]
    pub fn of(records: &[RequestRecord], window: Window) -> Self {
        let Window { by_count, arrival, load_end_ns, .. } = window;
        let span = |start_ns, end_ns, whole| Self { start_ns, end_ns, whole, by_count, arrival };
        let Some(start) = window.start_ns else {
            let keys = records.iter().filter(|r| arrival.is_open() || r.sent_ns.is_some());
            let first = keys.map(|r| r.member_ns(arrival.is_open())).min().unwrap_or(load_end_ns);
            return span(first, load_end_ns, true);
        };
        if by_count && arrival == Arrival::Burst {
            return span(start, load_end_ns, false);
        }
        let Some(end) = window.end_ns else { return span(start, load_end_ns, true) };
        if !by_count {
            return span(start, end, false);
        }
        let mine = || records.iter().filter(|r| r.sent_ns.is_some() && r.member_ns(arrival.is_open()) >= start);
        let (all, ended) = (mine().count(), mine().filter(|r| r.end_ns < end).count());
        if ended * 100 >= all * 80 { span(start, end, false) } else { span(start, load_end_ns, true) }
    }

    /// The span that a trial's figures say they are over.
    #[must_use]
    pub fn of_summary(summary: &Summary, plan: &Plan) -> Self {
        let start_ns = summary.window_start_ns;
        Self {
            start_ns,
            // Rounded, not cut: seconds in floating point miss the nanosecond by less than a half.
            end_ns: start_ns.saturating_add((summary.window_s * NS_PER_S as f64).round() as u64),
            whole: false,
            by_count: plan.load.requests.is_some(),
            arrival: plan.load.arrival,
        }
    }

    /// Its length, ns.
    #[must_use]
    pub fn length_ns(&self) -> u64 {
        self.end_ns.saturating_sub(self.start_ns)
    }

    /// True where an event at this time is credited to it.
    #[must_use]
    pub fn contains(&self, t_ns: u64) -> bool {
        (self.start_ns..self.end_ns).contains(&t_ns)
    }

    /// True where the request's latencies are samples of it; by count that is every request after warm-up.
    #[must_use]
    pub fn holds(&self, record: &RequestRecord) -> bool {
        let end_ns = if self.by_count { u64::MAX } else { self.end_ns };
        (self.start_ns..end_ns).contains(&record.member_ns(self.arrival.is_open()))
    }

    /// Most requests in flight at once within it.
    #[must_use]
    pub fn in_flight_peak(&self, records: &[RequestRecord]) -> u32 {
        let mut edges: Vec<(u64, i64)> = Vec::with_capacity(records.len() * 2);
        for record in records {
            if let Some(sent) = record.sent_ns
                && sent < self.end_ns
                && record.end_ns > self.start_ns
            {
                edges.push((sent, 1));
                edges.push((record.end_ns, -1));
            }
        }
        // At one instant an end comes before a start: the slot was refilled, not doubled.
        edges.sort_unstable();
        let (mut now, mut most) = (0i64, 0i64);
        for (_, step) in edges {
            now += step;
            most = most.max(now);
        }
        u32::try_from(most).unwrap_or(0)
    }
}
