//! Owns the way down: SIGTERM, the drain limit, SIGKILL to the group, and the end of patience.
//! Must not know who sends signals, or to whom.

use std::time::Duration;

/// SIGKILL is repeated this often: a process that was being forked while the group was killed is met the next time.
const REPEAT: Duration = Duration::from_millis(200);

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Ask to end within this time: SIGTERM to the group.
    Terminate(Duration),
    /// End it: SIGKILL to everything that is left.
    Kill,
    /// The kernel does not let go of it; nobody can do more.
    GiveUp,
}

/// How long each stage may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From SIGTERM to SIGKILL, for work in flight.
    pub drain: Duration,
    /// From the first SIGKILL until nothing is expected any more.
    pub grace: Duration,
}

/// The way down, begun. Its last step comes no later than drain plus grace after its first.
#[derive(Clone, Debug)]
pub struct Ladder {
    kill_at: Duration,
    give_up_at: Duration,
    killing: bool,
    over: bool,
    next: Duration,
}

impl Ladder {
    /// Begins with SIGTERM; with no drain limit, with SIGKILL.
    #[must_use]
    pub fn begin(now: Duration, limits: Limits) -> (Self, Step) {
        let kill_at = now + limits.drain;
        let killing = limits.drain.is_zero();
        let next = if killing { now + REPEAT.min(limits.grace) } else { kill_at };
        let ladder = Self { kill_at, give_up_at: kill_at + limits.grace, killing, over: false, next };
        (ladder, if killing { Step::Kill } else { Step::Terminate(limits.drain) })
    }

    /// Takes a shorter drain limit from now on; one that is longer than what is left changes nothing.
    pub fn hasten(&mut self, now: Duration, drain: Duration) -> Option<Step> {
        if !self.killing && now + drain < self.kill_at {
            let earlier = self.kill_at - (now + drain);
            self.kill_at -= earlier;
            self.give_up_at -= earlier;
            self.next = self.kill_at;
        }
        self.at(now)
    }

    /// When there is something to do next.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        self.next
    }

    /// What there is to do at this time.
    pub fn at(&mut self, now: Duration) -> Option<Step> {
        if self.over || now < self.next {
            return None;
        }
        if self.killing && now >= self.give_up_at {
            self.over = true;
            return Some(Step::GiveUp);
        }
        if !self.killing {
            // A late look does not shorten the time that the killed have to vanish.
            self.give_up_at = self.give_up_at.max(now + (self.give_up_at - self.kill_at));
            self.killing = true;
        }
        self.next = (now + REPEAT).min(self.give_up_at);
        Some(Step::Kill)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    /// The steps of a ladder that is looked at every 10 ms until it gives up, with their times.
    fn steps(drain: u64, grace: u64, hasten: Option<(u64, u64)>) -> Vec<(u64, Step)> {
        let (mut ladder, first) = Ladder::begin(MS(0), Limits { drain: MS(drain), grace: MS(grace) });
        let mut steps = vec![(0, first)];
        for now in (10..100_000).step_by(10) {
            let step = match hasten {
                Some((at, drain)) if at == now => ladder.hasten(MS(now), MS(drain)),
                _ => ladder.at(MS(now)),
            };
            steps.extend(step.map(|step| (now, step)));
        }
        steps
    }

    #[test]
    fn it_asks_then_kills_then_gives_up() {
        use Step::{GiveUp, Kill, Terminate};
        assert_eq!(steps(1000, 300, None), [(0, Terminate(MS(1000))), (1000, Kill), (1200, Kill), (1300, GiveUp)]);
        assert_eq!(steps(0, 300, None), [(0, Kill), (200, Kill), (300, GiveUp)]);
        assert_eq!(steps(0, 0, None), [(0, Kill), (10, GiveUp)]);
    }

    #[test]
    fn a_second_wish_only_shortens() {
        use Step::{GiveUp, Kill, Terminate};
        assert_eq!(steps(1000, 100, Some((500, 0))), [(0, Terminate(MS(1000))), (500, Kill), (600, GiveUp)]);
        assert_eq!(steps(1000, 100, Some((500, 100))), [(0, Terminate(MS(1000))), (600, Kill), (700, GiveUp)]);
        assert_eq!(steps(1000, 100, Some((500, 9000))), [(0, Terminate(MS(1000))), (1000, Kill), (1100, GiveUp)]);
    }
}
