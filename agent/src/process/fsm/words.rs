//! Owns what an engine's life is told, what it tells, and how it can fail.
//! Must not know in which order these come.

use super::phase::Mark;
use crate::process::memory::{DeviceUse, MemoryTerms};
use crate::telemetry::Reading;
use serde::{Deserialize, Serialize};
use shared::engine::Phase;
use std::fmt;
use std::time::Duration;

/// The limits of one life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// From the start until the first generated token.
    pub start_limit: Duration,
    /// Between the answer to a probe and the next probe.
    pub probe_every: Duration,
    /// From SIGTERM to SIGKILL where nobody says otherwise.
    pub drain: Duration,
    /// From SIGKILL until the processes must be gone; docker may need more of it than the kernel does.
    pub grace: Duration,
    /// When device memory counts as back; absent where the engine holds none.
    pub memory: Option<MemoryTerms>,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            start_limit: Duration::from_secs(600),
            probe_every: Duration::from_millis(200),
            drain: Duration::from_secs(10),
            grace: Duration::from_secs(10),
            memory: None,
        }
    }
}

/// Everything that can happen to an engine.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Device memory was read.
    Memory(Reading<Vec<DeviceUse>>),
    /// Its program runs.
    Spawned,
    /// Its program could not be started; the reason.
    SpawnFailed(String),
    /// A line of its output was recognised.
    Seen(Mark),
    /// A probe came back.
    Probed(Probed),
    /// Its first process ended.
    Exited(Ending),
    /// No process of it is left, and no container.
    Emptied,
    /// The process that watches it is gone, or does not answer any more.
    SupervisorLost,
    /// Somebody wants it to end, within this drain limit.
    StopAsked {
        /// From SIGTERM to SIGKILL; nothing begins with SIGKILL.
        drain: Duration,
    },
    /// Time has passed.
    Tick,
}

/// Everything that an engine's life asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Read the memory of all devices; answered by [`Event::Memory`].
    ReadMemory,
    /// Start the engine under a supervisor; answered by [`Event::Spawned`] or [`Event::SpawnFailed`], and in the end
    /// by [`Event::Emptied`].
    Spawn,
    /// Ask for one generated token; answered by [`Event::Probed`].
    Probe,
    /// Have the supervisor ask the group to end within this time.
    Terminate(Duration),
    /// Have the supervisor kill whatever is left.
    Kill,
    /// Kill whatever is left ourselves, as the ledger knows it; answered by [`Event::Emptied`].
    Sweep,
    /// Tell who watches.
    Report(Report),
}

/// What watchers are told.
#[derive(Clone, Debug, PartialEq)]
pub enum Report {
    /// It has come to another state.
    State(State),
    /// It failed, and its end begins.
    Failed(Failure),
    /// Its start has come to another phase.
    Phase(Phase),
    /// How far the phase is.
    Progress(Mark),
}

/// Where an engine is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not running yet.
    Starting,
    /// Running, no token yet.
    Loading,
    /// It has generated a token on a port of its own.
    Ready,
    /// On its way down, asked for or not.
    Draining,
    /// Over, as somebody asked.
    Gone,
    /// Over, and nobody asked.
    Failed,
}

/// What one probe found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probed {
    /// Nothing that serves yet, and how that showed.
    NotYet(String),
    /// One generated token of the model that is meant, on a port of this owner.
    Token(PortOwner),
    /// An answer that waiting will not change, as a sentence.
    Refused(String),
}

/// Whose socket listens on a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortOwner {
    /// A process of our engine.
    Ours,
    /// Docker's, for the container that we started.
    Published,
    /// Somebody else, as a sentence.
    Stranger(String),
    /// It could not be found out; the reason.
    Unknown(String),
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// By itself, with this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl Ending {
    /// The signal that ended it; shells and containers say 128 and its number.
    #[must_use]
    pub fn signal(self) -> Option<i32> {
        match self {
            Self::Signal(signal) => Some(signal),
            Self::Code(code) => (129..=128 + 64).contains(&code).then_some(code - 128),
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |signal: i32| match nix::sys::signal::Signal::try_from(signal) {
            Ok(signal) => signal.as_str().to_owned(),
            Err(_) => format!("signal {signal}"),
        };
        match (self, self.signal()) {
            (Self::Signal(signal), _) => write!(f, "{}", name(*signal)),
            (Self::Code(code), Some(signal)) => write!(f, "exit code {code}, which stands for {}", name(signal)),
            (Self::Code(code), None) => write!(f, "exit code {code}"),
        }
    }
}

/// Why an engine's life ended before anybody asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Its program did not start.
    #[error("{0}")]
    Spawn(String),
    /// Its first process ended; that an exit code is 0 makes it no better.
    #[error("Its process ended ({0}).")]
    Exited(Ending),
    /// No token within the limit.
    #[error("It had not generated a token after {} s: {last}", limit.as_secs())]
    TooSlow {
        /// The limit.
        limit: Duration,
        /// What the last probe found.
        last: String,
    },
    /// It answered something that waiting does not change.
    #[error("{0}")]
    Refused(String),
    /// Somebody else answered on its port.
    #[error("{0}")]
    PortTaken(String),
    /// The process that watches it was ended from outside.
    #[error("The process that watches it was killed from outside, so it was ended too.")]
    SupervisorLost,
    /// The agent does not follow it any more.
    #[error("The agent lost track of it, which is a fault of this program; the agent's log says more.")]
    Unfollowed,
    /// It cannot be killed.
    #[error(
        "Processes of it are still there {} s after SIGKILL: the kernel does not let go of them, as it happens with a \
        driver that hangs. The next start of the agent tries again.",
        grace.as_secs()
    )]
    Unkillable {
        /// How long was waited.
        grace: Duration,
    },
}
