//! Owns runs that wait and run: their order, what each needs, which start when, and why the others wait.
//! Must not know what a run does in its turn.

mod arrange;
mod company;
mod decide;
mod forecast;
mod line;
mod need;
mod order;
mod past;
mod restore;
mod shown;
mod worker;

pub(super) use company::Company;
pub(super) use line::{Line, Waiting};
pub(super) use past::Past;
pub(super) use restore::restore;
pub(super) use worker::{Work, Worker};

use std::time::Duration;

/// How the queue treats what waits.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// What waits outlives this process: it is taken over from the one before, and left to the next. Without, nothing is taken
    /// over, and what waits at the end is cancelled.
    pub lasting: bool,
    /// How long a run waits for the end of processes on its GPUs that this agent did not start, before it starts beside them.
    pub patience: Duration,
}

impl Terms {
    /// Those of an agent that serves.
    #[must_use]
    pub fn serving(patience: Duration) -> Self {
        Self { lasting: true, patience }
    }

    /// Those of a command that executes what it was told, and nothing else, while somebody sits in front of it.
    #[must_use]
    pub fn of_a_command() -> Self {
        Self { lasting: false, patience: Duration::ZERO }
    }
}
