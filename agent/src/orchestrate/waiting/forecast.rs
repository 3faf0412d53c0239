//! Owns when each waiting run will start, played forward from how long each is known to take.
//! Must not know clocks, nor where lengths are known from.

use super::decide::{Asking, Decision, decide};
use super::need::Need;
use shared::ids::RunId;
use shared::people::Who;

/// A run that waits. Nobody knows how long others will be on its GPUs.
pub struct Expected<'a> {
    /// What matters for whether it starts.
    pub asking: Asking<'a>,
    /// How long it will take, s, where that is known.
    pub takes_s: Option<f64>,
}

/// When each starts, s from now; absent where that hangs on something unknown. What is under way comes with how long it
/// will go on, s.
#[must_use]
pub fn forecast(
    paused: Option<&Who>,
    waiting: &[Expected<'_>],
    running: &[(&RunId, &Need, Option<f64>)],
) -> Vec<Option<f64>> {
    let mut starts = vec![None; waiting.len()];
    let mut under_way: Vec<(&RunId, &Need, Option<f64>)> = running.to_vec();
    let mut now_s = 0.0;
    loop {
        let left: Vec<usize> = (0..waiting.len()).filter(|place| starts[*place].is_none()).collect();
        let asking: Vec<Asking<'_>> = left.iter().map(|place| waiting[*place].asking.clone()).collect();
        let busy: Vec<(&RunId, &Need)> = under_way.iter().map(|(run, need, _)| (*run, *need)).collect();
        for (place, decision) in left.into_iter().zip(decide(paused, &asking, &busy)) {
            let Expected { asking: Asking { run, need: Some(need), .. }, takes_s } = &waiting[place] else { continue };
            if decision == Decision::Starts {
                starts[place] = Some(now_s);
                under_way.push((run, need, takes_s.map(|takes| now_s + takes)));
            }
        }
        let Some(next) = under_way.iter().filter_map(|(_, _, until)| *until).min_by(f64::total_cmp) else {
            return starts;
        };
        now_s = next;
        under_way.retain(|(_, _, until)| until.is_none_or(|until| until > next));
    }
}

#[cfg(test)]
mod tests {
    use super::super::decide::Others;
    use super::*;
    use std::time::Duration;

    fn on(gpu: &str) -> Need {
        if gpu == "host" { Need::Host } else { Need::of(Some([format!("GPU-{gpu}")].into())) }
    }

    fn check(waiting: &[(&str, Option<f64>)], running: &[(&str, Option<f64>)], expect: &[Option<f64>]) {
        let ids: Vec<RunId> = (0..20).map(|n| RunId::new(1, n)).collect();
        let needs: Vec<Need> = waiting.iter().chain(running).map(|(gpu, _)| on(gpu)).collect();
        let (of_waiting, of_running) = needs.split_at(waiting.len());
        let waiting: Vec<Expected<'_>> = waiting
            .iter()
            .zip(of_waiting)
            .zip(&ids)
            .map(|(((_, takes_s), need), run)| {
                let asking = Asking { run, need: Some(need), held: None, others: None };
                Expected { asking, takes_s: *takes_s }
            })
            .collect();
        let running: Vec<(&RunId, &Need, Option<f64>)> =
            running.iter().zip(of_running).zip(&ids[10..]).map(|(((_, left), need), run)| (run, need, *left)).collect();
        assert_eq!(forecast(None, &waiting, &running), expect);
        let who = Who { id: "t".into(), name: "Ada".into() };
        assert!(forecast(Some(&who), &waiting, &running).iter().all(Option::is_none));
    }

    #[test]
    fn starts_follow_from_the_ends_of_what_is_before() {
        let known = Some;
        check(
            &[("a", known(10.0)), ("a", known(5.0)), ("b", known(7.0)), ("b", None), ("b", known(1.0))],
            &[],
            &[
                known(0.0),
                known(10.0),
                known(0.0),
                known(7.0),
                // After one of unknown length.
                None,
            ],
        );
        check(
            &[("a", known(1.0)), ("host", known(4.0)), ("b", known(1.0))],
            &[("a", known(3.0)), ("b", known(9.0))],
            &[known(3.0), known(9.0), known(13.0)],
        );
        check(&[("a", known(1.0)), ("b", known(1.0))], &[("a", None)], &[None, known(0.0)]);
        check(&[], &[("host", known(1.0))], &[]);
    }

    #[test]
    fn what_is_held_or_waits_for_others_has_no_known_start() {
        let (ids, need) = ([1, 2, 3].map(|n| RunId::new(1, n)), on("a"));
        let who = Who { id: "t".into(), name: "Ada".into() };
        let others = Others { who: "x".into(), left: Duration::from_secs(60) };
        let expected = |run, held, others| Expected {
            asking: Asking { run, need: Some(&need), held, others },
            takes_s: Some(2.0),
        };
        let waiting =
            [expected(&ids[0], Some(&who), None), expected(&ids[1], None, None), expected(&ids[2], None, None)];
        assert_eq!(forecast(None, &waiting, &[]), [None, Some(0.0), Some(2.0)]);
        let waiting = [expected(&ids[0], None, Some(&others)), expected(&ids[1], None, None)];
        assert_eq!(forecast(None, &waiting, &[]), [None, None]);
    }
}
