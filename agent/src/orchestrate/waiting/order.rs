//! Owns the order in which runs wait: by priority, then as they came, unless somebody moves one.
//! Must not know what runs need or when they start.

use shared::ids::RunId;
use shared::people::Who;
use shared::queue::{Arranged, Arrangement};

/// The place behind all others of a priority, and before the lower ones.
#[must_use]
pub fn place_of(priorities: impl IntoIterator<Item = i32>, priority: i32) -> usize {
    let behind = priorities.into_iter().enumerate().filter(|(_, other)| *other >= priority);
    behind.map(|(place, _)| place + 1).max().unwrap_or(0)
}

/// Runs that wait, in their order after a start of the agent: those that were arranged as they were left, the others by
/// when they began to wait, Unix ms, behind those of their priority.
#[must_use]
pub fn restored(arranged: Arrangement, mut waiting: Vec<(u64, RunId)>) -> Vec<Arranged> {
    waiting.sort();
    let is_there = |one: &Arranged| waiting.iter().any(|(_, run)| *run == one.run);
    let mut order: Vec<Arranged> = arranged.runs.into_iter().filter(is_there).collect();
    for (_, run) in waiting {
        if order.iter().all(|one| one.run != run) {
            let place = place_of(order.iter().map(|one| one.priority), 0);
            order.insert(place, Arranged { run, priority: 0, held: None::<Who> });
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_stands_behind_those_of_its_priority() {
        let check = |others: &[i32], priority, expect| {
            assert_eq!(place_of(others.iter().copied(), priority), expect, "{priority} among {others:?}");
        };
        check(&[], 0, 0);
        check(&[0, 0], 0, 2);
        check(&[5, 0, 0], 3, 1);
        check(&[5, 0, -1], 5, 1);
        check(&[5, 0, -1], 0, 2);
        check(&[5, 0], -9, 2);
        // Somebody moved a run before one of a lower priority, which then stands behind it all the same.
        check(&[0, 5, 0], 5, 2);
    }

    #[test]
    fn runs_wait_after_a_restart_as_they_were_left() {
        let run = |n| RunId::new(u64::from(n), n);
        let one = |n, priority| Arranged { run: run(n), priority, held: None };
        let arranged = Arrangement { paused: None, runs: vec![one(3, 2), one(9, 0), one(1, 0), one(2, -1)] };
        // The run 9 has had its turn; 4 and 5 came later, and 1, though it is older, was moved there.
        let waiting = vec![(5, run(5)), (1, run(1)), (2, run(2)), (3, run(3)), (4, run(4))];
        let order: Vec<RunId> = restored(arranged, waiting).into_iter().map(|one| one.run).collect();
        assert_eq!(order, [3, 1, 4, 5, 2].map(run));
        // A run that was resumed waits since then, not since it was made.
        let order: Vec<RunId> =
            restored(Arrangement::default(), vec![(9, run(1)), (2, run(2))]).into_iter().map(|one| one.run).collect();
        assert_eq!(order, [2, 1].map(run));
    }
}
