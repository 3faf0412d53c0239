//! Owns everything that knows a vendor: how an engine is launched, probed and asked for work.
//! Must not know statistics, storage or viewers.

mod attach;
pub mod builtin;
mod cache;
mod diagnose;
mod error;
mod exposition;
mod launch;
mod request;
mod vocabulary;

pub use cache::{PrefixCounters, PrefixReading};
pub use diagnose::{Cause, Diagnosis, diagnose, explain, reason};
pub use error::EngineError;
pub use request::{Ask, Extras, Message, Prompt, RequestShape, Role};
pub use vocabulary::{Vocabulary, WORDS};

use crate::load::Target;
use crate::process::{Child, Failure, Host};
use shared::caveat::Caveat;
use shared::event::EngineInfo;
use shared::plan::{EngineKind, Plan};
use std::time::Duration;
use tokio::sync::mpsc;

/// From SIGTERM to SIGKILL where a run is over: its streams are closed, so nothing is worth waiting for long.
const DRAIN: Duration = Duration::from_secs(5);

/// An engine that has answered with a generated token.
pub struct Engine {
    /// What is known of it.
    pub info: EngineInfo,
    /// Where load goes.
    pub target: Target,
    /// How a request for work is written for it.
    pub shape: RequestShape,
    /// Token ids that prompts can be made of; absent where it takes text only.
    pub vocabulary: Option<Vocabulary>,
    /// What its prefix cache counts; absent where it has no such counters.
    pub prefix_counters: Option<PrefixCounters>,
    /// What must be said beside its numbers.
    pub caveats: Vec<Caveat>,
    child: Option<Child>,
}

impl Engine {
    /// Launches or attaches the plan's engine and waits until it has generated a token. Lines of a launched
    /// engine's log go to `lines`.
    ///
    /// # Errors
    /// [`EngineError`] as a sentence: unreachable, unknown model, refused, died while starting.
    pub async fn start(plan: &Plan, host: &Host, lines: mpsc::Sender<String>) -> Result<Self, EngineError> {
        match plan.engine.kind {
            EngineKind::Builtin => launch::builtin(plan, host, lines).await,
            _ => attach::attach(plan).await,
        }
    }

    /// How a launched engine ended, where it has, as a sentence.
    pub fn died(&self) -> Option<String> {
        let death = self.child.as_ref()?.death()?;
        let what = match &death.failure {
            Failure::Exited(ending) => format!("The engine's process ended while it was measured ({ending})."),
            other => format!("The engine's process ended while it was measured. {other}"),
        };
        Some(reason(&death).map_or_else(|| what.clone(), |why| format!("{what} {why}")))
    }

    /// Ends a launched engine and waits until it is gone; an attached one is left alone.
    pub async fn stop(self) {
        if let Some(child) = self.child {
            child.stop(DRAIN).await;
        }
    }
}
