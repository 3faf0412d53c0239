//! Owns what sampling costs an engine's answers: pairs of trials, one with and one without it, in random order.
//! Must not know how load or sampling work inside.

use super::host::{created, unix_ms};
use super::resume::Before;
use super::run::{Failure, Turn, Writer};
use super::telemetry::Watch;
use super::trial::{self, TrialPlace};
use super::waiting::Company;
use crate::blob::BlobStore;
use crate::engine::{Engine, Means};
use crate::load::Clock;
use crate::log::SqliteLog;
use crate::record::Terms;
use crate::workload::{Workload, salt_of};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use shared::ids::RunId;
use shared::plan::{Level, Plan};
use shared::statistics::student_interval;
use shared::summary::Interval;
use shared::telemetry::ObserverFigures;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Why it could not be measured, as a sentence.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotMeasured(String);

impl From<Failure> for NotMeasured {
    fn from(failure: Failure) -> Self {
        Self(failure.to_string())
    }
}

/// What sampling costs beside an engine.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Beside {
    /// Words that name the engine.
    pub engine: String,
    /// The model that answered.
    pub model: String,
    /// The pairs, in order.
    pub pairs: Vec<Pair>,
    /// TPOT with sampling less TPOT without it, ms, over pairs by Student's t at 95 %.
    pub difference_ms: Option<Interval>,
    /// The interval holds 0: a difference, if there is one, is smaller than these pairs can tell.
    pub within_noise: Option<bool>,
    /// What sampling cost meanwhile.
    pub observer: Option<ObserverFigures>,
}

/// Mean TPOT of two trials, ms.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Pair {
    /// With sampling.
    pub with_ms: f64,
    /// Without.
    pub without_ms: f64,
    /// The one with sampling came first.
    pub with_first: bool,
}

impl Pair {
    fn difference(&self) -> f64 {
        self.with_ms - self.without_ms
    }
}

/// Measures the plan's first level again and again, in pairs with and without sampling. What comes of each is told.
///
/// # Errors
/// [`NotMeasured`] as a sentence.
pub async fn beside(
    plan: Plan,
    pairs: u32,
    store: (&SqliteLog, &BlobStore),
    means: &Means,
    told: impl Fn(u32, &Pair),
) -> Result<Beside, NotMeasured> {
    let (log, blobs) = store;
    let turn = begun(plan, log).await?;
    let writer = Writer::of(&turn, log);
    let configurations = turn.plan.configurations();
    let configuration = configurations.first().ok_or_else(|| NotMeasured("The plan has no engine.".to_owned()))?;
    // Nobody wants its log here: what it says of its death is in the error.
    let (lines, mut unwanted) = mpsc::channel(64);
    tokio::spawn(async move { while unwanted.recv().await.is_some() {} });
    let started = Engine::start(&turn.plan, 0, configuration, means, lines).await;
    let mut engine = started.map_err(Failure::from)?;
    let mut trials = Trials { turn: &turn, writer: &writer, blobs, engine: &mut engine, done: 0, next_request: 0 };
    let measured = trials.pairs(pairs, told).await;
    let (name, model) = (engine.info.label.clone(), engine.info.model.clone());
    if let Some(sentence) = engine.stop().await {
        tracing::warn!(sentence, "the engine's memory is not back");
    }
    let pairs = measured?;
    let view = log.view(&turn.run).await.map_err(Failure::from)?;
    let difference_ms = student_interval(&pairs.iter().map(Pair::difference).collect::<Vec<_>>());
    Ok(Beside {
        engine: name,
        model,
        within_noise: difference_ms.map(|of| of.mean.abs() <= of.half_width),
        difference_ms,
        pairs,
        observer: view.and_then(|view| view.telemetry.observer.figures()),
    })
}

/// A run of its own, so that trials are logged as any others are.
async fn begun(plan: Plan, log: &SqliteLog) -> Result<Turn, NotMeasured> {
    let (clock, anchor_unix_ms) = (Clock::starting_now(), unix_ms());
    let run = RunId::new(anchor_unix_ms, rand::random());
    let created = created(&run, &plan, anchor_unix_ms);
    log.append(&run, vec![(0, created)]).await.map_err(Failure::from)?;
    Ok(Turn {
        run,
        plan,
        clock,
        before: Before::default(),
        cancel: CancellationToken::new(),
        company: Company::default(),
        asked: CancellationToken::new(),
    })
}

/// Trials on one engine.
struct Trials<'a> {
    turn: &'a Turn,
    writer: &'a Writer,
    blobs: &'a BlobStore,
    engine: &'a mut Engine,
    done: u32,
    next_request: u64,
}

impl Trials<'_> {
    async fn pairs(&mut self, pairs: u32, told: impl Fn(u32, &Pair)) -> Result<Vec<Pair>, NotMeasured> {
        let plan = &self.turn.plan;
        let workload = Workload::read(plan.clone(), salt_of(&self.turn.run)).await.map_err(Failure::from)?;
        let fitted = workload.fitted(self.engine.vocabulary.clone(), self.engine.info.context_tokens);
        let workload = fitted.map_err(Failure::from)?;
        let mut random = ChaCha8Rng::seed_from_u64(plan.workload.seed);
        // What the first one pays for, none of a pair shall: connections, caches, allocations.
        self.tpot_ms(&workload, false).await?;
        let mut measured = Vec::new();
        for number in 1..=pairs {
            let with_first = random.random();
            let first = self.tpot_ms(&workload, with_first).await?;
            let second = self.tpot_ms(&workload, !with_first).await?;
            let (with_ms, without_ms) = if with_first { (first, second) } else { (second, first) };
            let pair = Pair { with_ms, without_ms, with_first };
            told(number, &pair);
            measured.push(pair);
        }
        Ok(measured)
    }

    /// One trial's mean TPOT.
    async fn tpot_ms(&mut self, workload: &Workload, is_sampled: bool) -> Result<f64, NotMeasured> {
        let watch = match is_sampled {
            true => Watch::begin(self.turn, self.writer, self.engine).await,
            false => Watch::of_nothing(),
        };
        let terms = Terms::of(&self.turn.plan);
        let level = Level::Concurrency(self.turn.plan.load.concurrency.first().copied().unwrap_or(1));
        let at = trial::Context {
            turn: self.turn,
            writer: self.writer,
            blobs: self.blobs,
            engine: self.engine,
            workload,
            watch: &watch,
            terms: &terms,
        };
        let place = TrialPlace { point: 0, repeat: self.done, level };
        let done = trial::run(at, self.done, place, self.next_request).await;
        watch.end().await;
        let done = done?;
        (self.done, self.next_request) = (self.done + 1, done.next_request);
        match (done.barren, done.tally.summary(&terms).tpot.mean_ms) {
            (Some(why), _) => Err(NotMeasured(why)),
            (None, Some(ms)) => Ok(ms),
            (None, None) => Err(NotMeasured(
                "The engine's answers have no time per output token, since they came at once or nobody counts their \
                 tokens: name another engine."
                    .to_owned(),
            )),
        }
    }
}
