//! Owns why a trial has no request that ended well: the first error, or a window that no request fitted into.
//! Must not know how load is made or what becomes of the run.

use crate::record::{RequestRecord, Span};
use shared::plan::LoadPlan;

/// Why none of a trial's requests ended well, as sentences; nothing where one did.
pub(super) fn why_none_ended_well(records: &[RequestRecord], span: &Span, load: &LoadPlan) -> Option<String> {
    if records.iter().any(|record| record.outcome.is_ok()) {
        return None;
    }
    let none_is_of_the_window = !records.iter().any(|record| span.holds(record));
    Some(match load.duration_s.filter(|_| load.requests.is_none() && none_is_of_the_window) {
        Some(duration_s) => too_short(records.len(), duration_s, load),
        None => {
            let said = records.iter().find_map(|record| record.error.as_deref());
            format!("Every request failed, so the run stopped: {}", said.unwrap_or("no request was sent."))
        }
    })
}

fn too_short(begun: usize, duration_s: f64, load: &LoadPlan) -> String {
    let window = match load.warmup_s > 0.0 {
        true => format!("the window of {duration_s} s after {} s of warm-up", load.warmup_s),
        false => format!("the window of {duration_s} s"),
    };
    match load.arrival.is_open() {
        true => format!(
            "No request was due in {window}, so nothing was measured and the run stopped. Set load.duration_s in the \
             plan to several times the time between two requests, or a higher rate."
        ),
        false => format!(
            "No request was sent in {window}: those that were in flight before it ({begun}) were not over when it was, \
             so nothing was measured and the run stopped. Set load.duration_s in the plan to several times what one \
             request takes, or set load.requests instead."
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Window;
    use shared::outcome::Outcome;
    use shared::plan::{Arrival, Plan};
    use shared::units::NS_PER_S;

    const S: u64 = NS_PER_S;

    /// A request sent at that second that ended so, with an error where that is no good end.
    fn sent(at_s: u64, outcome: Outcome) -> RequestRecord {
        let error = (!outcome.is_ok()).then(|| "It went wrong.".to_owned());
        RequestRecord { sent_ns: Some(at_s * S), end_ns: 9 * S, outcome, error, ..RequestRecord::due(0, at_s * S) }
    }

    fn load(more: &str) -> LoadPlan {
        let text = format!(
            "schema = 1\nname = \"x\"\n[engine]\nkind = \"builtin\"\n[workload]\ninput_tokens = 8\noutput_tokens = 4\n\
             [load]\n{more}\n"
        );
        Plan::from_toml(&text).unwrap().load
    }

    /// The window is from the 3rd to the 4th second.
    fn check(plan: &str, records: &[RequestRecord], expect: Option<&str>) {
        let load = load(plan);
        let window = Window {
            start_ns: Some(3 * S),
            end_ns: Some(4 * S),
            load_end_ns: 9 * S,
            by_count: load.requests.is_some(),
            arrival: load.arrival,
        };
        let why = why_none_ended_well(records, &Span::of(records, window), &load);
        match expect {
            Some(words) => assert!(why.as_deref().is_some_and(|why| why.contains(words)), "{words:?} in {why:?}"),
            None => assert_eq!(why, None),
        }
    }

    #[test]
    fn every_way_to_measure_nothing_has_its_own_sentence() {
        let closed = "concurrency = [2]\nduration_s = 1.0\nwarmup_s = 3.0";
        let extra = [sent(0, Outcome::Cancelled), sent(1, Outcome::Cancelled)];
        check(
            closed,
            &extra,
            Some("No request was sent in the window of 1 s after 3 s of warm-up: those that were in"),
        );
        check(closed, &extra, Some("before it (2) were not over when it was"));
        check(
            closed,
            &[sent(0, Outcome::Cancelled), sent(3, Outcome::TimedOut)],
            Some("failed, so the run stopped: It"),
        );
        check(closed, &[sent(0, Outcome::Cancelled), sent(3, Outcome::Ok)], None);
        check(closed, &[sent(0, Outcome::Ok), sent(1, Outcome::Cancelled)], None);
        check("concurrency = [2]\nrequests = 4", &[sent(3, Outcome::Refused)], Some("stopped: It went wrong."));
        check("concurrency = [2]\nrequests = 4", &[], Some("stopped: no request was sent."));
        let open = "arrival = \"poisson\"\nrate = [0.1]\nduration_s = 1.0";
        check(open, &[], Some("No request was due in the window of 1 s, so nothing was measured"));
        assert_eq!(load(open).arrival, Arrival::Poisson);
    }
}
