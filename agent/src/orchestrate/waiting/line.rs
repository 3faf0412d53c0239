//! Owns the state of the queue in memory: the runs that wait, in their order, and those that are under way.
//! Must not know the log, nor how turns are taken.

use super::company::Company;
use super::decide::{Asking, Decision, Others, decide};
use super::need::Need;
use super::order::place_of;
use crate::load::Clock;
use crate::orchestrate::floor::Place;
use crate::orchestrate::run::Turn;
use shared::ids::RunId;
use shared::people::Who;
use shared::plan::Plan;
use shared::queue::{Arranged, Arrangement, Change};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// A run that waits.
pub struct Waiting {
    /// Its turn to come.
    pub turn: Turn,
    /// Its place among those that start engines.
    pub place: Place,
    /// Greater ones go first.
    pub priority: i32,
    /// Who holds it back.
    pub held: Option<Who>,
    /// What it needs; absent while that is being found out.
    pub need: Option<Need>,
    /// Others on its GPUs, and since when they have been seen there.
    pub others: Option<(Others, Instant)>,
}

impl Waiting {
    /// One of which nothing is known yet.
    pub fn new(turn: Turn, place: Place) -> Self {
        Self { turn, place, priority: 0, held: None, need: None, others: None }
    }

    /// What matters of it for whether it starts.
    pub fn asking(&self) -> Asking<'_> {
        Asking {
            run: &self.turn.run,
            need: self.need.as_ref(),
            held: self.held.as_ref(),
            others: self.others.as_ref().map(|(others, _)| others),
        }
    }

    /// Says who else is on its GPUs now.
    pub fn sees(&mut self, seen: Option<(String, bool)>, patience: Duration) {
        self.others = seen.map(|(who, waits)| {
            let since = self.others.as_ref().map_or_else(Instant::now, |(_, since)| *since);
            let left = if waits { patience.saturating_sub(since.elapsed()) } else { Duration::ZERO };
            (Others { who, left }, since)
        });
    }
}

/// A run that is under way.
pub struct Running {
    /// Ends it.
    pub cancel: CancellationToken,
    /// Says that somebody wanted that, and not the agent's end.
    pub asked: CancellationToken,
    /// Its time.
    pub clock: Clock,
    /// What it does.
    pub plan: Plan,
    /// What it has of the host.
    pub need: Need,
    /// What it is beside.
    pub company: Company,
    /// When its turn came.
    pub begun: Instant,
    /// Its place among those that start engines.
    _place: Place,
}

/// What waits and what is under way.
#[derive(Default)]
pub struct Line {
    /// Who paused it.
    pub paused: Option<Who>,
    /// What waits, the next one first.
    pub waiting: Vec<Waiting>,
    /// What is under way.
    pub running: BTreeMap<RunId, Running>,
    /// Turns that were over so far.
    pub ended: u64,
}

impl Line {
    /// Puts a run behind those of its priority.
    pub fn join(&mut self, waiting: Waiting) {
        let place = place_of(self.waiting.iter().map(|other| other.priority), waiting.priority);
        self.waiting.insert(place, waiting);
    }

    /// Where a run waits.
    pub fn place(&self, run: &RunId) -> Option<usize> {
        self.waiting.iter().position(|waiting| waiting.turn.run == *run)
    }

    /// Ends a run that waits or is under way, since somebody asked for that; false where it does neither.
    pub fn cancel(&self, run: &RunId) -> bool {
        let running = self.running.get(run).map(|running| (&running.cancel, &running.asked));
        let waiting = || self.waiting.iter().find(|waiting| waiting.turn.run == *run);
        let tokens = running.or_else(|| waiting().map(|waiting| (&waiting.turn.cancel, &waiting.turn.asked)));
        let Some((cancel, asked)) = tokens else { return false };
        asked.cancel();
        cancel.cancel();
        true
    }

    /// The time of a run that waits or is under way.
    pub fn clock(&self, run: &RunId) -> Option<Clock> {
        let running = self.running.get(run).map(|running| running.clock);
        running.or_else(|| self.place(run).map(|at| self.waiting[at].turn.clock))
    }

    /// Does what somebody wants of a run that waits; false where one of those named does not wait.
    pub fn change(&mut self, run: &RunId, change: &Change, by: &Who) -> bool {
        let Some(at) = self.place(run) else { return false };
        match change {
            Change::Held(true) => {
                self.waiting[at].held.get_or_insert_with(|| by.clone());
            }
            Change::Held(false) => self.waiting[at].held = None,
            Change::Priority(priority) => {
                let mut waiting = self.waiting.remove(at);
                waiting.priority = *priority;
                self.join(waiting);
            }
            Change::Before(other) if other == run => {}
            Change::Before(other) => {
                let Some(before) = self.place(other) else { return false };
                let priority = self.waiting[before].priority;
                let mut waiting = self.waiting.remove(at);
                waiting.priority = priority;
                self.waiting.insert(before - usize::from(at < before), waiting);
            }
        }
        true
    }

    /// How it is arranged, to be kept.
    pub fn arrangement(&self) -> Arrangement {
        let arranged = |waiting: &Waiting| Arranged {
            run: waiting.turn.run.clone(),
            priority: waiting.priority,
            held: waiting.held.clone(),
        };
        Arrangement { paused: self.paused.clone(), runs: self.waiting.iter().map(arranged).collect() }
    }

    /// Takes over an arrangement that was kept: of runs that wait what is said of them there, the others behind them as they are.
    pub fn arrange(&mut self, arrangement: Arrangement) {
        self.paused = arrangement.paused;
        let mut left = std::mem::take(&mut self.waiting);
        for arranged in arrangement.runs {
            if let Some(at) = left.iter().position(|waiting| waiting.turn.run == arranged.run) {
                let Arranged { priority, held, .. } = arranged;
                self.waiting.push(Waiting { priority, held, ..left.remove(at) });
            }
        }
        self.waiting.extend(left);
    }

    /// What is decided of each that waits.
    pub fn decided(&self) -> Vec<Decision> {
        let asking: Vec<Asking<'_>> = self.waiting.iter().map(Waiting::asking).collect();
        let running: Vec<(&RunId, &Need)> = self.running.iter().map(|(run, running)| (run, &running.need)).collect();
        decide(self.paused.as_ref(), &asking, &running)
    }

    /// Takes out the turns that come now: those that start, and those that were cancelled, which end at once.
    pub fn due(&mut self) -> Vec<Turn> {
        let decided = self.decided();
        let mut due = Vec::new();
        for (waiting, decision) in std::mem::take(&mut self.waiting).into_iter().zip(decided) {
            let cancelled = waiting.turn.cancel.is_cancelled();
            match waiting.need.clone() {
                _ if cancelled => due.push(waiting.turn),
                Some(need) if decision == Decision::Starts => due.push(self.begin(waiting, need)),
                _ => self.waiting.push(waiting),
            }
        }
        due
    }

    /// Takes out the turns of those that were cancelled, which end at once.
    pub fn cancelled(&mut self) -> Vec<Turn> {
        let over = self.waiting.extract_if(.., |waiting| waiting.turn.cancel.is_cancelled());
        over.map(|waiting| waiting.turn).collect()
    }

    /// Takes out everything that waits.
    pub fn give_up(&mut self) -> Vec<Turn> {
        std::mem::take(&mut self.waiting).into_iter().map(|waiting| waiting.turn).collect()
    }

    fn begin(&mut self, waiting: Waiting, need: Need) -> Turn {
        let Waiting { turn, place, others, .. } = waiting;
        if let Some((others, _)) = others {
            turn.company.shares(&others.who);
        }
        for (run, other) in &self.running {
            other.company.joins(&turn.run);
            turn.company.joins(run);
        }
        let running = Running {
            cancel: turn.cancel.clone(),
            asked: turn.asked.clone(),
            clock: turn.clock,
            plan: turn.plan.clone(),
            need,
            company: turn.company.clone(),
            begun: Instant::now(),
            _place: place,
        };
        self.running.insert(turn.run.clone(), running);
        turn
    }

    /// A turn is over.
    pub fn end(&mut self, run: &RunId) {
        self.running.remove(run);
        self.ended += 1;
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::orchestrate::floor::Floor;
    use crate::orchestrate::resume::Before;

    pub fn run(n: u32) -> RunId {
        RunId::new(1, n)
    }

    fn ada() -> Who {
        Who { id: "t1".into(), name: "Ada".into() }
    }

    fn waiting(n: u32, gpu: &str) -> Waiting {
        let plan = shared::preset::find("first").unwrap();
        let place = Floor::default().for_run(&plan).unwrap();
        let turn = Turn {
            run: run(n),
            plan,
            clock: Clock::starting_now(),
            before: Before::default(),
            cancel: CancellationToken::new(),
            asked: CancellationToken::new(),
            company: Company::default(),
        };
        let need = (!gpu.is_empty()).then(|| Need::of(Some([gpu.to_owned()].into())));
        Waiting { need, ..Waiting::new(turn, place) }
    }

    fn line(runs: &[(u32, &str)]) -> Line {
        let mut line = Line::default();
        runs.iter().for_each(|(n, gpu)| line.join(waiting(*n, gpu)));
        line
    }

    fn order(line: &Line) -> Vec<u32> {
        (0..9).filter_map(|n| Some((line.place(&run(n))?, n))).collect::<BTreeMap<_, _>>().into_values().collect()
    }

    #[test]
    fn runs_are_moved_and_what_is_kept_of_that_arranges_them_again() {
        let mut line = line(&[(1, "GPU-a"), (2, "GPU-a"), (3, "GPU-a"), (4, "GPU-a")]);
        let mut check = |n: u32, change: Change, done: bool, expect: &[u32]| {
            assert_eq!(line.change(&run(n), &change, &ada()), done);
            assert_eq!(order(&line), expect, "{n} {change:?}");
            // Whoever takes over finds the same.
            let kept = line.arrangement();
            let mut again = self::line(&[(1, "GPU-a"), (2, "GPU-a"), (3, "GPU-a"), (4, "GPU-a")]);
            again.arrange(kept.clone());
            assert_eq!((again.arrangement(), order(&again)), (kept, expect.to_vec()));
        };
        check(3, Change::Before(run(1)), true, &[3, 1, 2, 4]);
        check(3, Change::Before(run(4)), true, &[1, 2, 3, 4]);
        check(4, Change::Priority(7), true, &[4, 1, 2, 3]);
        check(2, Change::Before(run(4)), true, &[2, 4, 1, 3]);
        check(2, Change::Before(run(2)), true, &[2, 4, 1, 3]);
        check(1, Change::Before(run(8)), false, &[2, 4, 1, 3]);
        check(8, Change::Held(true), false, &[2, 4, 1, 3]);
        check(1, Change::Held(true), true, &[2, 4, 1, 3]);
        check(2, Change::Priority(-1), true, &[4, 1, 3, 2]);
        // It came before one of its own priority, which it keeps.
        assert_eq!(line.waiting[0].priority, 7);
        line.join(waiting(5, "GPU-a"));
        assert_eq!(order(&line), [4, 1, 3, 5, 2]);
    }

    #[test]
    fn what_goes_side_by_side_knows_of_each_other() {
        let mut line = line(&[(1, "GPU-a"), (2, "GPU-a"), (3, "GPU-b"), (4, "")]);
        let due: Vec<Turn> = line.due();
        assert_eq!(due.iter().map(|turn| turn.run.clone()).collect::<Vec<_>>(), [run(1), run(3)]);
        assert_eq!(due[0].company.runs(), [run(3)]);
        assert_eq!(due[1].company.runs(), [run(1)]);
        line.end(&run(1));
        // What it needs is not known, so nothing goes beside it; what is cancelled ends in any case.
        assert!(line.cancel(&run(4)) && !line.cancel(&run(1)));
        let due: Vec<RunId> = line.due().into_iter().map(|turn| turn.run).collect();
        assert_eq!((due, order(&line)), (vec![run(2), run(4)], vec![]));
        assert_eq!((line.running.len(), line.ended), (2, 1));
    }

    #[test]
    fn others_are_waited_for_as_long_as_they_have_been_seen() {
        let mut one = waiting(1, "GPU-a");
        let seen = |waits| Some(("The process 7 is on GPU-a".to_owned(), waits));
        one.sees(seen(true), Duration::from_secs(60));
        let left = |one: &Waiting| one.others.as_ref().map(|(others, _)| others.left);
        assert!(left(&one) > Some(Duration::from_secs(50)));
        one.sees(seen(true), Duration::ZERO);
        assert_eq!(left(&one), Some(Duration::ZERO));
        one.sees(None, Duration::from_secs(60));
        assert_eq!(left(&one), None);
        one.sees(seen(false), Duration::from_secs(60));
        assert_eq!(left(&one), Some(Duration::ZERO));
    }
}
