//! Owns everything that knows a vendor: how an engine is launched, probed and asked for work.
//! Must not know statistics, storage or viewers.

mod adapter;
mod attach;
pub mod builtin;
mod cache;
mod error;
mod exposition;
mod gpu;
mod launch;
mod life;
mod request;
mod rules;
mod tool;
mod vocabulary;

pub use adapter::parameters;
pub use cache::{PrefixCounters, PrefixReading};
pub use error::EngineError;
pub use request::{Ask, Extras, Message, Prompt, RequestShape, Role};
pub use rules::check;
pub use vocabulary::{Vocabulary, WORDS};

use crate::load::Target;
use crate::secret::{Redactor, Secrets};
use life::Life;
use shared::caveat::Caveat;
use shared::engine::EngineInfo;
use shared::ids::ConfigurationIndex;
use shared::plan::{Configuration, Plan};
use std::path::Path;
use tokio::sync::mpsc;

/// What the agent has for engines.
#[derive(Clone, Debug)]
pub struct Means {
    /// API keys and tokens.
    secrets: Secrets,
    /// Whose containers are: this agent's data directory.
    owner: String,
}

impl Means {
    /// The means of an agent with this data directory.
    #[must_use]
    pub fn of(data_dir: &Path) -> Self {
        let whole = std::path::absolute(data_dir).unwrap_or_else(|_| data_dir.to_owned());
        Self { secrets: Secrets::of(data_dir), owner: whole.display().to_string() }
    }

    /// Ends containers that an earlier agent with this data directory left behind.
    pub async fn reap(&self) {
        launch::reap(&self.owner).await;
    }
}

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
    /// Takes the secrets that it got out of what it says.
    pub redactor: Redactor,
    life: Life,
}

impl Engine {
    /// Launches the plan's engine in one of its configurations, or attaches it, and waits until it has generated a
    /// token. Lines of a launched engine's log go to `lines`.
    ///
    /// # Errors
    /// [`EngineError`] as a sentence: unreachable, unknown model, refused, died while starting.
    pub async fn start(
        plan: &Plan,
        index: ConfigurationIndex,
        configuration: &Configuration,
        means: &Means,
        lines: mpsc::Sender<String>,
    ) -> Result<Self, EngineError> {
        match plan.engine.url {
            Some(_) => attach::attach(plan, means).await,
            None => launch::start(plan, index, configuration, means, lines).await,
        }
    }

    /// How a launched engine ended, where it has, as a sentence.
    pub fn died(&mut self) -> Option<String> {
        let status = self.life.ended()?;
        Some(format!("The engine's process ended while it was measured ({status}); its log shows why."))
    }

    /// Ends a launched engine and waits until it is gone; an attached one is left alone.
    pub async fn stop(self) {
        self.life.stop().await;
    }
}
