//! Owns an engine's life as a state machine: Starting ▸ Loading ▸ Ready ▸ Draining ▸ Gone | Failed.
//! Must not know processes, sockets or clocks: time is a parameter, since an origin of the caller's.

mod ladder;
mod phase;
#[cfg(test)]
mod tests;
mod words;

pub use ladder::{Ladder, Limits, Step};
pub use phase::Mark;
pub use words::{Action, Ending, Event, Failure, PortOwner, Probed, Report, State, Terms};

use super::memory::{DeviceUse, MemoryBack, MemoryWait};
use crate::telemetry::Reading;
use phase::Phases;
use shared::engine::Phase;
use std::time::Duration;

/// The life of one engine. Feed it events, do the actions that it returns in their order, and feed it
/// [`Event::Tick`] when its [deadline](Life::deadline) has come.
#[derive(Clone, Debug)]
pub struct Life {
    terms: Terms,
    now: Duration,
    stage: Stage,
    phases: Phases,
    start_by: Duration,
    last_probe: String,
    before: Option<Reading<Vec<DeviceUse>>>,
    failure: Option<Failure>,
    memory: MemoryBack,
    supervised: bool,
    kills: u32,
}

/// How long a GPU's driver may take to answer, beyond all waiting for memory.
const DRIVER_LIMIT: Duration = Duration::from_secs(10);
/// How long the rest of an engine may take to end after its first process has, where its end was asked for.
const AFTER_THE_FIRST: Duration = Duration::from_secs(1);
/// From this SIGKILL on, what a supervisor has not done is done beside it: it may be stopped.
const BESIDE_FROM: u32 = 3;

#[derive(Clone, Debug)]
enum Stage {
    /// Memory is read before anything of ours holds some.
    Before,
    Starting,
    Loading {
        /// When the next probe is due; absent while one is under way.
        probe_at: Option<Duration>,
    },
    Ready,
    /// Processes are on their way down.
    Ending(Ladder),
    /// No process is left; device memory is waited for.
    Freeing {
        wait: MemoryWait,
        /// When the next look is due; absent while one is under way.
        look_at: Option<Duration>,
        /// When a look that is under way is not waited for any more.
        give_up_at: Duration,
    },
    Over,
}

impl Life {
    /// A life that begins now, and its first actions.
    #[must_use]
    pub fn begin(terms: Terms, now: Duration) -> (Self, Vec<Action>) {
        let mut actions = vec![Action::Report(Report::State(State::Starting))];
        let stage = if terms.memory.is_some() {
            actions.push(Action::ReadMemory);
            Stage::Before
        } else {
            actions.push(Action::Spawn);
            Stage::Starting
        };
        let life = Self {
            start_by: now + terms.start_limit,
            terms,
            now,
            stage,
            phases: Phases::starting(now),
            last_probe: "nothing was asked yet".to_owned(),
            before: None,
            failure: None,
            memory: MemoryBack::NotWatched,
            supervised: true,
            kills: 0,
        };
        (life, actions)
    }

    /// Where it is.
    #[must_use]
    pub fn state(&self) -> State {
        match (&self.stage, &self.failure) {
            (Stage::Before | Stage::Starting, _) => State::Starting,
            (Stage::Loading { .. }, _) => State::Loading,
            (Stage::Ready, _) => State::Ready,
            (Stage::Ending(_) | Stage::Freeing { .. }, _) => State::Draining,
            (Stage::Over, None) => State::Gone,
            (Stage::Over, Some(_)) => State::Failed,
        }
    }

    /// Why it ends or ended, where nobody asked.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// Each phase of its start with how long it took, ms; empty until the first token.
    #[must_use]
    pub fn timings(&self) -> Vec<(Phase, u64)> {
        self.phases.timings()
    }

    /// What devices held before anything of ours ran; nothing where that is unknown.
    #[must_use]
    pub fn memory_before(&self) -> &[DeviceUse] {
        match &self.before {
            Some(Reading::Value(before)) => before,
            _ => &[],
        }
    }

    /// What became of device memory; meant for the end.
    #[must_use]
    pub fn memory(&self) -> &MemoryBack {
        &self.memory
    }

    /// When it wants [`Event::Tick`]; never while it waits for something else.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        match &self.stage {
            Stage::Before | Stage::Starting => Some(self.start_by),
            Stage::Loading { probe_at } => Some(probe_at.map_or(self.start_by, |at| at.min(self.start_by))),
            Stage::Ending(ladder) => Some(ladder.deadline()),
            Stage::Freeing { look_at, give_up_at, .. } => Some(look_at.unwrap_or(*give_up_at)),
            Stage::Ready | Stage::Over => None,
        }
    }

    /// Takes an event and gives what is to be done. Events carry stamps of several sources, so time that seems to
    /// run backwards stands still instead.
    #[must_use]
    pub fn on(&mut self, now: Duration, event: Event) -> Vec<Action> {
        self.now = self.now.max(now);
        let before = self.state();
        let mut actions = Vec::new();
        match event {
            Event::Memory(reading) => self.memory_read(reading, &mut actions),
            Event::Spawned => self.spawned(&mut actions),
            Event::SpawnFailed(why) => self.fail(Failure::Spawn(why), Duration::ZERO, &mut actions),
            Event::Seen(mark) => self.seen(mark, &mut actions),
            Event::Probed(probed) => self.probed(probed, &mut actions),
            Event::Exited(ending) => self.exited(ending, &mut actions),
            Event::Emptied => self.emptied(&mut actions),
            Event::SupervisorLost => self.supervisor_lost(&mut actions),
            Event::StopAsked { drain } => self.end(drain, &mut actions),
            Event::Tick => self.tick(&mut actions),
        }
        if self.state() != before {
            actions.push(Action::Report(Report::State(self.state())));
        }
        actions
    }

    fn memory_read(&mut self, reading: Reading<Vec<DeviceUse>>, actions: &mut Vec<Action>) {
        match &mut self.stage {
            Stage::Before => {
                self.before = Some(reading);
                self.stage = Stage::Starting;
                self.phases = Phases::starting(self.now);
                self.start_by = self.now + self.terms.start_limit;
                actions.push(Action::Spawn);
            }
            Stage::Freeing { wait, look_at, .. } => match wait.look(&reading, self.now) {
                Some(back) => {
                    self.memory = back;
                    self.stage = Stage::Over;
                }
                None => *look_at = self.terms.memory.map(|memory| self.now + memory.every),
            },
            // Its answer came when nobody waited for it any more.
            Stage::Starting | Stage::Loading { .. } | Stage::Ready | Stage::Ending(_) | Stage::Over => {}
        }
    }

    fn spawned(&mut self, actions: &mut Vec<Action>) {
        if matches!(self.stage, Stage::Starting) {
            self.stage = Stage::Loading { probe_at: None };
            actions.push(Action::Probe);
        }
    }

    fn seen(&mut self, mark: Mark, actions: &mut Vec<Action>) {
        if !matches!(self.stage, Stage::Starting | Stage::Loading { .. }) {
            return;
        }
        if self.phases.seen(mark.phase, self.now) {
            actions.push(Action::Report(Report::Phase(mark.phase)));
        }
        if mark.percent.is_some() && mark.phase == self.phases.current() {
            actions.push(Action::Report(Report::Progress(mark)));
        }
    }

    fn probed(&mut self, probed: Probed, actions: &mut Vec<Action>) {
        let Stage::Loading { probe_at } = &mut self.stage else { return };
        match probed {
            Probed::Token(PortOwner::Ours | PortOwner::Published) => {
                self.phases.finish(self.now);
                self.stage = Stage::Ready;
            }
            // Whoever answered, it may not have been our engine.
            Probed::Token(PortOwner::Stranger(who)) => self.fail(Failure::PortTaken(who), self.terms.drain, actions),
            Probed::Refused(why) => self.fail(Failure::Refused(why), self.terms.drain, actions),
            Probed::NotYet(why) | Probed::Token(PortOwner::Unknown(why)) => {
                self.last_probe = why;
                *probe_at = Some(self.now + self.terms.probe_every);
            }
        }
    }

    fn exited(&mut self, ending: Ending, actions: &mut Vec<Action>) {
        match &mut self.stage {
            // Asked for: what it leaves behind has little to finish without it.
            Stage::Ending(ladder) => {
                let step = ladder.hasten(self.now, AFTER_THE_FIRST);
                self.take(step, actions);
            }
            Stage::Before | Stage::Starting | Stage::Loading { .. } | Stage::Ready => {
                self.fail(Failure::Exited(ending), Duration::ZERO, actions);
            }
            Stage::Freeing { .. } | Stage::Over => {}
        }
    }

    fn emptied(&mut self, actions: &mut Vec<Action>) {
        match &self.stage {
            Stage::Ending(_) => {}
            Stage::Freeing { .. } | Stage::Over => return,
            // Its last process is gone and nobody said how its first one ended.
            Stage::Before | Stage::Starting | Stage::Loading { .. } | Stage::Ready => {
                self.failed(Failure::SupervisorLost, actions);
            }
        }
        self.stage = match (self.before.take(), self.terms.memory) {
            (Some(Reading::Value(before)), Some(terms)) => {
                actions.push(Action::ReadMemory);
                let give_up_at = self.now + terms.limit + DRIVER_LIMIT;
                Stage::Freeing { wait: MemoryWait::begin(before, terms, self.now), look_at: None, give_up_at }
            }
            (Some(Reading::Failed(why)), _) => {
                self.memory = MemoryBack::Unknown(why);
                Stage::Over
            }
            (Some(Reading::NotSupported), _) => {
                self.memory = MemoryBack::Unknown("this host has no device that tells its memory".to_owned());
                Stage::Over
            }
            (None, _) | (_, None) => Stage::Over,
        };
    }

    fn supervisor_lost(&mut self, actions: &mut Vec<Action>) {
        if !self.supervised || matches!(self.stage, Stage::Before | Stage::Freeing { .. } | Stage::Over) {
            return;
        }
        // What the supervisor was to kill is ours to kill now.
        self.supervised = false;
        if let Stage::Ending(ladder) = &mut self.stage {
            match ladder.hasten(self.now, Duration::ZERO) {
                // SIGKILL was sent already, but perhaps to nobody who could pass it on.
                None => actions.push(Action::Sweep),
                step => self.take(step, actions),
            }
        } else {
            self.fail(Failure::SupervisorLost, Duration::ZERO, actions);
        }
    }

    fn end(&mut self, drain: Duration, actions: &mut Vec<Action>) {
        match &mut self.stage {
            // Nothing was started.
            Stage::Before => self.stage = Stage::Over,
            Stage::Starting | Stage::Loading { .. } | Stage::Ready => self.descend(drain, actions),
            Stage::Ending(ladder) => {
                let step = ladder.hasten(self.now, drain);
                self.take(step, actions);
            }
            Stage::Freeing { .. } | Stage::Over => {}
        }
    }

    fn tick(&mut self, actions: &mut Vec<Action>) {
        let late = self.now >= self.start_by;
        match &mut self.stage {
            Stage::Before if late => {
                // A driver that hangs would hang the engine too.
                let last = "the GPU's driver did not say how much memory is in use".to_owned();
                self.failed(Failure::TooSlow { limit: self.terms.start_limit, last }, actions);
                self.stage = Stage::Over;
            }
            Stage::Starting | Stage::Loading { .. } if late => {
                let failure = Failure::TooSlow { limit: self.terms.start_limit, last: self.last_probe.clone() };
                self.fail(failure, self.terms.drain, actions);
            }
            Stage::Loading { probe_at } => {
                if probe_at.is_some_and(|at| self.now >= at) {
                    *probe_at = None;
                    actions.push(Action::Probe);
                }
            }
            Stage::Ending(ladder) => {
                let step = ladder.at(self.now);
                self.take(step, actions);
            }
            Stage::Freeing { look_at: look_at @ Some(_), .. } => {
                if look_at.take_if(|at| self.now >= *at).is_some() {
                    actions.push(Action::ReadMemory);
                }
            }
            Stage::Freeing { give_up_at, .. } if self.now >= *give_up_at => {
                self.memory = MemoryBack::Unknown("the driver did not answer".to_owned());
                self.stage = Stage::Over;
            }
            Stage::Freeing { .. } | Stage::Before | Stage::Starting | Stage::Ready | Stage::Over => {}
        }
    }

    /// A failure of something that lives: its end begins.
    fn fail(&mut self, failure: Failure, drain: Duration, actions: &mut Vec<Action>) {
        match self.stage {
            Stage::Starting | Stage::Loading { .. } | Stage::Ready => {
                self.failed(failure, actions);
                self.descend(drain, actions);
            }
            Stage::Before | Stage::Ending(_) | Stage::Freeing { .. } | Stage::Over => {}
        }
    }

    /// What is remembered and told of a failure.
    fn failed(&mut self, failure: Failure, actions: &mut Vec<Action>) {
        actions.push(Action::Report(Report::Failed(failure.clone())));
        // The first is the root of those that follow.
        self.failure.get_or_insert(failure);
    }

    fn descend(&mut self, drain: Duration, actions: &mut Vec<Action>) {
        let (ladder, step) = Ladder::begin(self.now, Limits { drain, grace: self.terms.grace });
        self.stage = Stage::Ending(ladder);
        self.take(Some(step), actions);
    }

    fn take(&mut self, step: Option<Step>, actions: &mut Vec<Action>) {
        match step {
            None => {}
            Some(Step::Terminate(drain)) => actions.push(Action::Terminate(drain)),
            Some(Step::Kill) => {
                self.kills += 1;
                actions.extend(self.supervised.then_some(Action::Kill));
                actions.extend((!self.supervised || self.kills >= BESIDE_FROM).then_some(Action::Sweep));
            }
            Some(Step::GiveUp) => {
                self.failed(Failure::Unkillable { grace: self.terms.grace }, actions);
                self.stage = Stage::Over;
            }
        }
    }
}
