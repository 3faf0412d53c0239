//! Owns an engine as the launching code holds it: start it, wait until it is ready, notice its death, stop it.
//! Must not know how any of this is done.

use super::docker::Container;
use super::drive::Driver;
use super::fsm::{Failure, Mark, State, Terms};
use super::host::Host;
use super::kin::Kin;
use super::memory::{DeviceUse, MemoryBack};
use super::output::{Line, Outlet};
use crate::secret::Secret;
use shared::engine::Phase;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// Lines that wait for their reader; more are dropped and counted.
const WAITING_LINES: usize = 1024;

/// What to start.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The program; for a container, docker.
    pub program: PathBuf,
    /// Its arguments, a vector and never a shell line.
    pub args: Vec<OsString>,
    /// Variables added to its environment.
    pub env: Vec<(String, String)>,
    /// Secrets added to its environment, by variable. They go nowhere else, and are taken out of what it says.
    pub secrets: Vec<(String, Secret)>,
    /// The port of 127.0.0.1 that it is to listen on, or that docker is to forward to it.
    pub port: u16,
    /// Its container, where it runs in one: `args` are then [`Container::run_args`].
    pub container: Option<Container>,
}

/// What a probe of the launching code found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeOutcome {
    /// Nothing that serves yet, and how that showed.
    NotYet(String),
    /// One generated token of the model that is meant.
    Token,
    /// An answer that waiting will not change, as a sentence.
    Refused(String),
}

/// Where an engine is, for who watches.
#[derive(Clone, Debug)]
pub struct Condition {
    /// Its state.
    pub state: State,
    /// The phase of its start.
    pub phase: Phase,
    /// How much of that phase is done, where its output says so.
    pub percent: Option<u8>,
    /// Each phase of its start with how long it took, ms; empty until it was ready.
    pub timings: Vec<(Phase, u64)>,
    /// Its processes, once they run; absent where it runs in a container, whose processes are docker's.
    pub kin: Option<Kin>,
    /// What devices held before it was started; nothing where that is unknown, or not yet.
    pub memory_before: Arc<[DeviceUse]>,
    /// How it died, where nobody asked for its end.
    pub death: Option<Arc<Death>>,
}

/// An end that nobody asked for.
#[derive(Clone, Debug)]
pub struct Death {
    /// Why, as far as the process itself shows it.
    pub failure: Failure,
    /// The last lines of both outputs, oldest first, where its own reason stands.
    pub lines: Vec<Line>,
}

#[cfg(test)]
impl Death {
    /// One of an engine that said these lines.
    pub(crate) fn saying(failure: Failure, lines: &[&str]) -> Self {
        let line = |text: &&str| Line {
            at: std::time::Instant::now(),
            source: super::output::Source::Stderr,
            text: (*text).to_owned(),
            progress: false,
            cut_bytes: 0,
            dropped_before: 0,
        };
        Self { failure, lines: lines.iter().map(line).collect() }
    }
}

/// What is to be said of an engine when nothing of it is left.
#[derive(Clone, Debug)]
pub struct Ended {
    /// How it died, where nobody asked for its end.
    pub death: Option<Arc<Death>>,
    /// Whether the devices have their memory back.
    pub memory: MemoryBack,
    /// Lines of its output that nobody read in time.
    pub dropped_lines: u64,
}

/// A launched engine. Dropping it kills the engine, with everything that it started, in the background.
pub struct Child {
    stops: mpsc::Sender<Duration>,
    condition: watch::Receiver<Condition>,
    task: JoinHandle<Ended>,
}

impl Child {
    /// Starts an engine. Its lines arrive on the receiver, which closes when the engine is gone.
    ///
    /// `recognise` is shown every line and tells which belong to which phase of its start. `probe` asks it for one generated token; it
    /// is called again, with a pause, as long as the answer is [`ProbeOutcome::NotYet`]. Whether the port is the
    /// engine's own is checked beside it.
    pub fn start<Probe, Answer>(
        host: &Host,
        launch: Launch,
        terms: Terms,
        recognise: impl FnMut(&str) -> Option<Mark> + Send + 'static,
        probe: Probe,
    ) -> (Self, mpsc::Receiver<Line>)
    where
        Probe: Fn() -> Answer + Send + 'static,
        Answer: Future<Output = ProbeOutcome> + Send + 'static,
    {
        let (outlet, lines) = Outlet::new(WAITING_LINES);
        let (stops, asked) = mpsc::channel(1);
        let first = Condition {
            state: State::Starting,
            phase: Phase::Process,
            percent: None,
            timings: vec![],
            kin: None,
            memory_before: Arc::default(),
            death: None,
        };
        let (shown, condition) = watch::channel(first);
        let driver = Driver::new(host.clone(), launch, Box::new(recognise), probe, outlet, shown);
        let task = tokio::spawn(driver.run(terms, asked));
        (Self { stops, condition, task }, lines)
    }

    /// Waits until it has generated a token on a port of its own; each phase of the start with its ms.
    ///
    /// # Errors
    /// [`Death`] where it failed before. What is left of it is ended by then or about to be; [`Child::stop`] waits.
    pub async fn ready(&mut self) -> Result<Vec<(Phase, u64)>, Arc<Death>> {
        let settled = |condition: &Condition| condition.death.is_some() || !condition.timings.is_empty();
        match self.condition.wait_for(settled).await {
            Ok(condition) => condition.death.clone().map_or_else(|| Ok(condition.timings.clone()), Err),
            Err(_) => Err(Arc::new(Death { failure: Failure::Unfollowed, lines: vec![] })),
        }
    }

    /// Where it is; a receiver that can be waited on.
    #[must_use]
    pub fn condition(&self) -> watch::Receiver<Condition> {
        self.condition.clone()
    }

    /// How it died, where it did and nobody asked.
    #[must_use]
    pub fn death(&self) -> Option<Arc<Death>> {
        self.condition.borrow().death.clone()
    }

    /// SIGTERM, the drain limit, SIGKILL; returns when nothing of it is left and device memory is back or known not
    /// to be. The client's own streams should be closed before: some engines wait for them.
    pub async fn stop(self, drain: Duration) -> Ended {
        let death = self.death();
        // A full queue means that it was asked already; a closed one, that it is over.
        if let Err(error) = self.stops.try_send(drain) {
            tracing::debug!(%error, "an engine is on its way down");
        }
        let unfollowed = || Ended { death, memory: MemoryBack::NotWatched, dropped_lines: 0 };
        self.task.await.unwrap_or_else(|error| {
            tracing::error!(%error, "the task that follows an engine ended badly");
            unfollowed()
        })
    }
}
