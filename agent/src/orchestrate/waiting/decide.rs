//! Owns the decision of which waiting runs start now, and why each of the others waits.
//! Must not know clocks, the log, or how anything is started; time is a parameter.

use super::need::{Need, listed};
use shared::ids::RunId;
use shared::people::Who;
use std::time::Duration;

/// A run that waits, as far as it matters for whether it starts.
#[derive(Clone, Debug)]
pub struct Asking<'a> {
    /// The run.
    pub run: &'a RunId,
    /// What it needs; absent while that is being found out.
    pub need: Option<&'a Need>,
    /// Who holds it back.
    pub held: Option<&'a Who>,
    /// Somebody else's processes on its GPUs.
    pub others: Option<&'a Others>,
}

/// Processes that this agent did not start, on GPUs that a run needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Others {
    /// Who they are and where, as the beginning of a sentence.
    pub who: String,
    /// How long the run still waits for their end; nothing is left once it starts beside them.
    pub left: Duration,
}

/// What is decided of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It starts.
    Starts,
    /// It waits, for what this sentence says.
    Waits(String),
}

/// Decides on runs in their order, the first one first. A run starts where nothing that is under way keeps it out, and
/// nothing that stands before it either: so that no run waits for ever for GPUs that later ones take again and again.
#[must_use]
pub fn decide(paused: Option<&Who>, waiting: &[Asking<'_>], running: &[(&RunId, &Need)]) -> Vec<Decision> {
    let mut before: Vec<(&RunId, Option<&Need>, bool)> =
        running.iter().map(|(run, need)| (*run, Some(*need), true)).collect();
    let mut decided = Vec::with_capacity(waiting.len());
    for asking in waiting {
        let why = match (asking.held, paused) {
            (Some(who), _) => Some(format!("Held back by {}: it starts once it is released.", who.name)),
            (None, Some(who)) => Some(format!("The queue was paused by {}.", who.name)),
            (None, None) => kept_out(asking, &before).or_else(|| asking.others.and_then(beside)),
        };
        // What is held back takes no turn, so others pass it.
        if asking.held.is_none() {
            before.push((asking.run, asking.need, why.is_none()));
        }
        decided.push(why.map_or(Decision::Starts, Decision::Waits));
    }
    decided
}

/// Why a run cannot start beside those before it; nothing where it can.
fn kept_out(asking: &Asking<'_>, before: &[(&RunId, Option<&Need>, bool)]) -> Option<String> {
    let Some(need) = asking.need else { return Some("Which GPUs it needs is being found out.".to_owned()) };
    let excluded = before.iter().find(|(_, other, _)| other.is_none_or(|other| other.excludes(need)));
    let (run, other, goes) = excluded?;
    Some(match (need, other, goes) {
        (_, None, _) => format!("The run {run} is before it, and which GPUs that needs is being found out."),
        (Need::Gpus(gpus), Some(Need::Gpus(others)), goes) => {
            let shared = listed(gpus.intersection(others));
            if *goes {
                format!("It needs {shared}, which the run {run} has.")
            } else {
                format!("It needs {shared}, and so does the run {run}, which is before it.")
            }
        }
        (Need::Host, _, true) => format!("It is measured alone, and the run {run} is under way."),
        (Need::Host, _, false) => format!("It is measured alone, and the run {run} is before it."),
        (_, Some(Need::Host), true) => format!("The run {run} is under way and is measured alone."),
        (_, Some(Need::Host), false) => format!("The run {run} is before it and is measured alone."),
    })
}

fn beside(others: &Others) -> Option<String> {
    let minutes = others.left.as_secs().div_ceil(60);
    let is_left = !others.left.is_zero();
    is_left.then(|| {
        format!("{}. It starts when that has ended, or in {minutes} min beside it, and then says so.", others.who)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use std::slice::from_ref;

    fn run(n: u32) -> RunId {
        RunId::new(1, n)
    }

    fn on(gpus: &[&str]) -> Need {
        Need::of(Some(gpus.iter().map(|uuid| format!("GPU-{uuid}")).collect()))
    }

    fn ada() -> Who {
        Who { id: "t1".into(), name: "Ada".into() }
    }

    /// What is decided of runs 0, 1, … by what each needs, while runs 100, 101, … are under way.
    fn check(waiting: &[Need], running: &[Need], expect: &[&str]) {
        let ids: Vec<RunId> = (0..waiting.len() as u32).map(run).collect();
        let under_way: Vec<RunId> = (100..100 + running.len() as u32).map(run).collect();
        let asking: Vec<Asking<'_>> = ids
            .iter()
            .zip(waiting)
            .map(|(run, need)| Asking { run, need: Some(need), held: None, others: None })
            .collect();
        let running: Vec<(&RunId, &Need)> = under_way.iter().zip(running).collect();
        let decided = decide(None, &asking, &running);
        assert_eq!(decided.len(), expect.len());
        for (decision, words) in decided.iter().zip(expect) {
            match decision {
                Decision::Starts => assert_eq!(*words, "starts"),
                Decision::Waits(why) => assert!(why.contains(words), "{why} has not: {words}"),
            }
        }
    }

    #[test]
    fn what_needs_other_gpus_starts_and_the_others_say_why_they_wait() {
        let (a, b) = (on(&["a"]), on(&["b"]));
        check(&[a.clone(), b.clone(), a.clone()], &[], &["starts", "starts", "needs GPU-a, which the run"]);
        check(&[on(&["a", "b"]), b.clone()], from_ref(&a), &["which the run", "and so does the run"]);
        check(&[Need::Host, a.clone()], &[], &["starts", "is under way and is measured alone"]);
        check(
            &[Need::Host, b.clone()],
            from_ref(&a),
            &["measured alone, and the run", "before it and is measured alone"],
        );
        check(&[Need::Host, Need::Host], &[], &["starts", "is measured alone, and the run"]);
        check(
            &[a.clone(), Need::Host, b],
            &[a],
            &["which the run", "measured alone", "before it and is measured alone"],
        );
        check(&[], &[Need::Host], &[]);
    }

    #[test]
    fn what_is_held_or_paused_waits_and_only_what_is_held_is_passed() {
        let (first, second, who, need) = (run(1), run(2), ada(), on(&["a"]));
        let asking = |run, held| Asking { run, need: Some(&need), held, others: None };
        let waiting = [asking(&first, Some(&who)), asking(&second, None)];
        let said = |decision: &Decision| match decision {
            Decision::Starts => "starts".to_owned(),
            Decision::Waits(why) => why.clone(),
        };
        let decided = decide(None, &waiting, &[]);
        assert_eq!(said(&decided[0]), "Held back by Ada: it starts once it is released.");
        assert_eq!(said(&decided[1]), "starts");
        assert_eq!(said(&decide(Some(&who), &waiting, &[])[1]), "The queue was paused by Ada.");
    }

    #[test]
    fn somebody_elses_process_is_waited_for_until_nothing_is_left_of_that() {
        let (first, second, need) = (run(1), run(2), on(&["a"]));
        let of = |left| Others { who: "The process 7 (python) is on GPU-a".into(), left: Duration::from_secs(left) };
        let (waits, over) = (of(61), of(0));
        let asking = |run, others| Asking { run, need: Some(&need), held: None, others };
        let decided = decide(None, &[asking(&first, Some(&waits)), asking(&second, None)], &[]);
        let expect = "The process 7 (python) is on GPU-a. It starts when that has ended, or in 2 min beside it, and then says so.";
        assert_eq!(decided[0], Decision::Waits(expect.into()));
        assert!(matches!(&decided[1], Decision::Waits(why) if why.contains("and so does the run")));
        assert_eq!(decide(None, &[asking(&first, Some(&over))], &[]), [Decision::Starts]);
    }

    fn any_need() -> impl Strategy<Value = Option<Need>> {
        let gpus = proptest::collection::btree_set(0..4u8, 1..4);
        let on = gpus.prop_map(|gpus| Need::of(Some(gpus.iter().map(|n| format!("GPU-{n}")).collect::<BTreeSet<_>>())));
        prop_oneof![8 => on.prop_map(Some), 2 => Just(Some(Need::Host)), 1 => Just(None)]
    }

    proptest! {
        #[test]
        fn no_gpu_is_ever_given_twice_and_nobody_is_overtaken(
            waiting in proptest::collection::vec((any_need(), proptest::bool::weighted(0.2), 0..3u64), 0..12),
            pool in proptest::collection::vec(any_need(), 0..6),
        ) {
            // What is under way was decided on before: no two of it keep each other out.
            let mut running: Vec<Need> = Vec::new();
            for need in pool.into_iter().flatten() {
                if running.iter().all(|other| !other.excludes(&need)) {
                    running.push(need);
                }
            }
            let (ids, under_way): (Vec<RunId>, Vec<RunId>) = ((0..12).map(run).collect(), (100..112).map(run).collect());
            let who = ada();
            let others: Vec<Option<Others>> = waiting.iter().map(|(_, _, left)| {
                (*left > 0).then(|| Others { who: "x".into(), left: Duration::from_secs(*left - 1) })
            }).collect();
            let asking: Vec<Asking<'_>> = waiting.iter().zip(&ids).zip(&others).map(|(((need, held, _), run), others)| {
                Asking { run, need: need.as_ref(), held: held.then_some(&who), others: others.as_ref() }
            }).collect();
            let with_ids: Vec<(&RunId, &Need)> = under_way.iter().zip(&running).collect();
            let decided = decide(None, &asking, &with_ids);
            prop_assert_eq!(decided.len(), asking.len());
            let mut all: Vec<&Need> = running.iter().collect();
            for (place, (decision, asked)) in decided.iter().zip(&asking).enumerate() {
                if *decision != Decision::Starts {
                    continue;
                }
                let need = asked.need.unwrap();
                prop_assert!(asked.held.is_none() && asked.others.is_none_or(|others| others.left.is_zero()));
                prop_assert!(all.iter().all(|other| !other.excludes(need)), "two runs on one GPU");
                let mut overtaken = asking[..place].iter().zip(&decided).filter(|(one, d)| {
                    one.held.is_none() && **d != Decision::Starts && one.need.is_none_or(|other| other.excludes(need))
                });
                prop_assert!(overtaken.next().is_none());
                all.push(need);
            }
            // Where nothing is under way, the first that may start does.
            let first = asking.iter().zip(&decided).find(|(asked, _)| asked.held.is_none());
            if let Some((asked, decision)) = first && running.is_empty() {
                let may = asked.need.is_some() && asked.others.is_none_or(|others| others.left.is_zero());
                prop_assert_eq!(*decision == Decision::Starts, may);
            }
            prop_assert!(!decide(Some(&who), &asking, &with_ids).contains(&Decision::Starts));
        }
    }
}
