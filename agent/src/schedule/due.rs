//! Owns the decision of whether a schedule begins now: what is due, what was missed, and what becomes of that.
//! Must not know the clock; times are parameters.

use super::timetable::Timetable;
use shared::schedule::Missed;

/// How late something may begin and still count as on time, ms: a host that was busy, or asleep for a moment.
const ON_TIME_MS: u64 = 60_000;
/// Missed times that are counted one by one.
const MOST_COUNTED: usize = 1_000;

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The time that it is about, Unix ms; all times up to it are settled with it.
    pub at_unix_ms: u64,
    /// True where it begins.
    pub begins: bool,
    /// Times before it that were missed; of many, the first thousand are counted.
    pub missed: u32,
}

/// What is due now of times after the last one that was settled; nothing where there is none. No time comes twice, whatever the
/// clock does: one that is set back brings no time again that was settled, and one that is set forward passes over times as if the
/// agent had not been there.
#[must_use]
pub fn due(timetable: &Timetable, missed: Missed, settled_unix_ms: u64, now_unix_ms: u64) -> Option<Due> {
    let last = timetable.up_to(now_unix_ms).filter(|last| *last > settled_unix_ms)?;
    let before = timetable.times(settled_unix_ms).take(MOST_COUNTED).take_while(|time| *time < last).count();
    let before = u32::try_from(before).unwrap_or(u32::MAX);
    let begins = now_unix_ms - last <= ON_TIME_MS || missed == Missed::RunOnce;
    Some(Due { at_unix_ms: last, begins, missed: before })
}

#[cfg(test)]
mod tests {
    use super::super::timetable::tests::{at, cron};
    use super::*;
    use proptest::prelude::*;
    use shared::schedule::When;

    fn check(policy: Missed, settled: &str, now: &str, expect: Option<(&str, bool, u32)>) {
        let nightly = cron("0 2 * * *", "Europe/Berlin");
        let expect = expect.map(|(time, begins, missed)| Due { at_unix_ms: at(time), begins, missed });
        assert_eq!(due(&nightly, policy, at(settled), at(now)), expect, "{policy:?} {settled} {now}");
    }

    #[test]
    fn what_is_due_begins_once_and_what_was_missed_follows_the_policy() {
        use Missed::{RunOnce, Skip};
        for policy in [RunOnce, Skip] {
            check(policy, "2026-01-10T12:00:00Z", "2026-01-11T00:59:59Z", None);
            check(policy, "2026-01-10T12:00:00Z", "2026-01-11T01:00:00Z", Some(("2026-01-11T01:00:00Z", true, 0)));
            check(policy, "2026-01-10T12:00:00Z", "2026-01-11T01:00:59Z", Some(("2026-01-11T01:00:00Z", true, 0)));
            check(policy, "2026-01-11T01:00:00Z", "2026-01-11T01:00:30Z", None);
        }
        // The agent was away for three nights.
        let away = |policy, begins| {
            check(policy, "2026-01-10T12:00:00Z", "2026-01-13T08:00:00Z", Some(("2026-01-13T01:00:00Z", begins, 2)));
        };
        away(RunOnce, true);
        away(Skip, false);
        // It came back just in time for the last of them.
        check(Skip, "2026-01-10T12:00:00Z", "2026-01-13T01:00:20Z", Some(("2026-01-13T01:00:00Z", true, 2)));
    }

    #[test]
    fn a_clock_that_jumps_brings_no_time_twice() {
        // Set back by an hour right after the night's run, and again at that time.
        check(Missed::RunOnce, "2026-01-11T01:00:00Z", "2026-01-11T00:00:10Z", None);
        check(Missed::RunOnce, "2026-01-11T01:00:00Z", "2026-01-11T01:00:10Z", None);
        // Set forward by an hour over it.
        check(Missed::Skip, "2026-01-11T00:30:00Z", "2026-01-11T01:30:00Z", Some(("2026-01-11T01:00:00Z", false, 0)));
        check(Missed::RunOnce, "2026-01-11T00:30:00Z", "2026-01-11T01:30:00Z", Some(("2026-01-11T01:00:00Z", true, 0)));
        // The night without a 02:00 and the one with two.
        check(Missed::Skip, "2026-03-28T12:00:00Z", "2026-03-29T01:00:05Z", Some(("2026-03-29T01:00:00Z", true, 0)));
        check(Missed::Skip, "2026-10-24T12:00:00Z", "2026-10-25T00:00:05Z", Some(("2026-10-25T00:00:00Z", true, 0)));
        check(Missed::Skip, "2026-10-25T00:00:00Z", "2026-10-25T01:00:05Z", None);
    }

    #[test]
    fn once_is_once() {
        let once = Timetable::of(&When::Once(1_000_000)).unwrap();
        let of = |settled, now| due(&once, Missed::Skip, settled, now).map(|due| due.begins);
        assert_eq!(of(0, 999_999), None);
        assert_eq!(of(0, 1_000_000), Some(true));
        assert_eq!(of(0, 1_000_000 + ON_TIME_MS + 1), Some(false));
        assert_eq!(of(1_000_000, 9_000_000), None);
    }

    proptest! {
        #[test]
        fn each_time_is_settled_once_however_the_clock_wanders(steps in proptest::collection::vec(-7_200_000i64..14_400_000, 1..60)) {
            let hourly = cron("15 * * * *", "Europe/Berlin");
            // Around the end of summer time.
            let (mut settled, mut now) = (at("2026-10-24T20:00:00Z"), at("2026-10-24T20:00:00Z"));
            for step in steps {
                now = now.saturating_add_signed(step);
                if let Some(due) = due(&hourly, Missed::RunOnce, settled, now) {
                    prop_assert!(due.at_unix_ms > settled && due.at_unix_ms <= now);
                    settled = due.at_unix_ms;
                }
                prop_assert!(hourly.up_to(now).is_none_or(|last| last <= settled));
            }
        }
    }
}
