//! Owns everything that knows a vendor: how an engine is launched, probed and asked for work.
//! Must not know statistics, storage or viewers.

mod adapter;
mod attach;
pub mod baseline;
pub mod builtin;
mod cache;
mod diagnose;
mod error;
mod exposition;
mod found;
mod gpu;
mod hub;
mod launch;
mod life;
mod metrics;
mod onlooker;
mod request;
mod rules;
mod shape;
mod standing;
mod tool;
mod vocabulary;

pub use adapter::parameters;
pub use cache::{PrefixCounters, PrefixReading};
pub use diagnose::{Cause, Diagnosis, diagnose, explain, reason};
pub use error::EngineError;
pub use found::look;
pub use gpu::planned;
pub use launch::inherits_a_mask;
pub use life::EngineDeath;
pub use metrics::{History, Scraper, ServerMetrics};
pub use onlooker::{Begun, Onlooker};
pub use request::{Ask, Extras, Message, Prompt, RequestShape, Role};
pub use rules::check;
pub use standing::Standing;
pub use vocabulary::{Vocabulary, WORDS};

use crate::load::Target;
use crate::process::Host;
use crate::secret::{Redactor, Secrets};
use life::Life;
use shared::caveat::Caveat;
use shared::engine::EngineInfo;
use shared::ids::ConfigurationIndex;
use shared::plan::{Configuration, Plan};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// What the agent has for engines.
#[derive(Clone)]
pub struct Means {
    /// Where they are started.
    host: Host,
    /// API keys and tokens.
    secrets: Secrets,
    /// Folder for programs that the agent brings along.
    programs: PathBuf,
    /// The engine that was started by hand.
    standing: Standing,
    /// Versions that programs told; nothing where each start is to ask anew.
    versions: Option<Arc<Versions>>,
}

/// What each program answered to the question for its version, by its command line.
type Versions = Mutex<BTreeMap<Vec<String>, Option<adapter::Version>>>;

impl Means {
    /// The means of an agent with this data directory, whose engines are started on this host.
    #[must_use]
    pub fn of(data_dir: &Path, host: Host) -> Self {
        let programs = data_dir.join("programs");
        Self { host, secrets: Secrets::of(data_dir), programs, standing: Standing::default(), versions: None }
    }

    /// The engine that was started by hand, which all clones of these means know.
    #[must_use]
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// The same for one run, in which no program changes: each is asked for its version once.
    #[must_use]
    pub fn of_a_run(&self) -> Self {
        Self { versions: Some(Arc::default()), ..self.clone() }
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
    /// Where it shows its metrics.
    pub metrics: ServerMetrics,
    /// What must be said beside its numbers.
    pub caveats: Vec<Caveat>,
    /// Takes the secrets that it got out of what it says.
    pub redactor: Redactor,
    life: Life,
}

impl Engine {
    /// Launches the plan's engine in one of its configurations, or attaches it, and waits until it has generated a
    /// token. Whoever looks on gets the lines of a launched engine's log.
    ///
    /// # Errors
    /// [`EngineError`] as a sentence: unreachable, unknown model, refused, died while starting.
    pub async fn start(
        plan: &Plan,
        index: ConfigurationIndex,
        configuration: &Configuration,
        means: &Means,
        onlooker: impl Into<Onlooker>,
    ) -> Result<Self, EngineError> {
        match plan.engine.url {
            Some(_) => attach::attach(plan, means).await,
            None => launch::start(plan, index, configuration, means, onlooker.into()).await,
        }
    }

    /// What this host's GPUs held before it was started, bytes by their UUID; nothing where it was there before us, or
    /// where they did not tell.
    pub fn memory_before(&self) -> BTreeMap<String, u64> {
        self.life.memory_before()
    }

    /// How a launched engine died, where it has.
    pub fn death(&self) -> Option<EngineDeath> {
        self.life.death()
    }

    /// The same where nothing succeeds any more: waits a little until it is known whether it is dead.
    pub async fn death_soon(&self) -> Option<EngineDeath> {
        self.life.death_soon().await
    }

    /// Waits until a launched engine is dead, which it may never be.
    pub async fn died(&self) -> EngineDeath {
        self.life.died().await
    }

    /// Ends a launched engine and waits until nothing of it is left; an attached one is left alone. Where device memory
    /// is not back then: a sentence.
    pub async fn stop(self) -> Option<String> {
        self.life.stop().await
    }
}
