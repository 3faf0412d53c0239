//! Owns one run's turn: engine, trials in their order, judgement, and the one final state.
//! Must not know how load or storage work inside.

use super::measurement::{Bench, Measurement};
use super::pricing::pricing;
use super::resume::Before;
use super::schedule::{Stretch, stretches};
use super::search::Search;
use super::telemetry::Watch;
use super::waiting::Company;
use crate::blob::BlobStore;
use crate::engine::{Begun, Engine, EngineDeath, EngineError, Means, Onlooker};
use crate::load::Clock;
use crate::log::{LogError, SqliteLog};
use crate::price::Prices;
use crate::workload::{Workload, WorkloadRefused, salt_of};
use shared::caveat::Caveat;
use shared::engine::Starting;
use shared::event::{Body, RunState};
use shared::ids::{ConfigurationIndex, RunId};
use shared::plan::{Configuration, Plan};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// At least this long lies between two words on how far an engine's start is.
const BETWEEN_STEPS: Duration = Duration::from_secs(1);

/// A run whose turn comes.
pub(super) struct Turn {
    /// The run.
    pub run: RunId,
    /// Its plan.
    pub plan: Plan,
    /// Its clock, started when it was created; one that goes on where it is resumed.
    pub clock: Clock,
    /// What it has from before.
    pub before: Before,
    /// Cancelled by the user or by the agent's stop.
    pub cancel: CancellationToken,
    /// What it is measured beside.
    pub company: Company,
    /// Cancelled by the user alone.
    pub asked: CancellationToken,
}

/// Why a run did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// Cancelled.
    #[error("Cancelled.")]
    Cancelled,
    /// The engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The engine died while it was measured.
    #[error(transparent)]
    EngineDied(EngineDeath),
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The workload.
    #[error(transparent)]
    Workload(#[from] WorkloadRefused),
    /// The load generator.
    #[error(transparent)]
    Load(#[from] crate::load::LoadError),
    /// No request of a trial ended well.
    #[error("{0}")]
    Barren(String),
}

impl Failure {
    /// True where it says something of the engine as it is configured, and nothing of the run.
    fn is_the_engines(&self) -> bool {
        match self {
            Failure::Engine(_) | Failure::EngineDied(_) | Failure::Workload(_) | Failure::Barren(_) => true,
            Failure::Cancelled | Failure::Log(_) | Failure::Load(_) => false,
        }
    }

    /// The last lines of an engine that died of it.
    fn lines(&self) -> &[String] {
        match self {
            Failure::Engine(EngineError::NotStarted(death)) | Failure::EngineDied(death) => &death.lines,
            _ => &[],
        }
    }
}

/// Writes events of one run.
#[derive(Clone)]
pub(super) struct Writer {
    log: SqliteLog,
    run: RunId,
    clock: Clock,
}

impl Writer {
    /// A writer of this turn's run.
    pub(super) fn of(turn: &Turn, log: &SqliteLog) -> Self {
        Self { log: log.clone(), run: turn.run.clone(), clock: turn.clock }
    }

    /// Appends events at the present time.
    pub(super) async fn write(&self, bodies: impl IntoIterator<Item = Body>) -> Result<(), LogError> {
        self.write_at(self.clock.now_ns(), bodies).await
    }

    /// Appends events at a time that the measuring path stamped.
    pub(super) async fn write_at(&self, t_ns: u64, bodies: impl IntoIterator<Item = Body>) -> Result<(), LogError> {
        self.log.append(&self.run, bodies.into_iter().map(|body| (t_ns, body)).collect()).await?;
        Ok(())
    }
}

/// The end of a turn, which nobody has been told yet.
pub(super) struct End {
    writer: Writer,
    state: RunState,
    reason: Option<String>,
}

/// What the turns of all runs share.
#[derive(Clone)]
pub(super) struct House {
    /// The event log.
    pub log: SqliteLog,
    /// Token timelines.
    pub blobs: BlobStore,
    /// What engines are started with.
    pub means: Means,
    /// What GPUs cost.
    pub prices: Prices,
    /// Cancelled where the agent ends and what it cancels then is to go on later.
    pub parking: CancellationToken,
}

/// Why a run ended with its agent.
const PARKED: &str = "The agent was stopped before this run had come to its end. A run that does not search for its levels can be \
    resumed: it goes on with the first unfinished point.";

/// Runs a turn, whatever happens in it.
pub(super) async fn take_turn(turn: Turn, house: &House) -> End {
    let writer = Writer::of(&turn, &house.log);
    let is_parked = || house.parking.is_cancelled() && !turn.asked.is_cancelled();
    let (state, reason) = match run(&turn, &writer, house).await {
        Ok(()) => (RunState::Done, None),
        Err(Failure::Cancelled) if is_parked() => (RunState::Interrupted, Some(PARKED.to_owned())),
        Err(Failure::Cancelled) => (RunState::Cancelled, None),
        Err(failure) => (RunState::Failed, Some(failure.to_string())),
    };
    End { writer, state, reason }
}

impl End {
    /// Logs the run's final state.
    ///
    /// # Errors
    /// Where the log does not take it.
    pub async fn log(self) -> Result<(), LogError> {
        let Self { writer, state, reason } = self;
        writer.write([Body::State { state, reason: reason.clone() }]).await.inspect_err(|error| {
            // The log itself is what failed: at the next start the run is shown as interrupted.
            tracing::error!(%error, run = %writer.run, ?state, ?reason, "the end of a run could not be logged");
        })
    }
}

async fn run(turn: &Turn, writer: &Writer, house: &House) -> Result<(), Failure> {
    if turn.cancel.is_cancelled() {
        return Err(Failure::Cancelled);
    }
    let workload = Workload::read(turn.plan.clone(), salt_of(&turn.run)).await?;
    let (lines, received) = mpsc::channel(256);
    let logger = tokio::spawn(log_engine(received, writer.clone()));
    let (means, prices) = (&house.means.of_a_run(), &house.prices);
    let measurement = Measurement::new(turn, writer, &house.blobs);
    let run = Run { turn, writer, means, prices, workload, lines, measurement };
    let result = run.stretches().await;
    // The engine is gone, so its log ends; the final state comes after its last line.
    if let Err(error) = logger.await {
        tracing::error!(%error, "the engine's log ended badly");
    }
    result
}

/// A run under way.
struct Run<'a> {
    turn: &'a Turn,
    writer: &'a Writer,
    means: &'a Means,
    prices: &'a Prices,
    workload: Workload,
    lines: mpsc::Sender<String>,
    measurement: Measurement<'a>,
}

impl Run<'_> {
    /// Measures one stretch after the other. Where the plan has several engine configurations, one that fails is a
    /// result, and the others are measured all the same.
    async fn stretches(mut self) -> Result<(), Failure> {
        let plan = &self.turn.plan;
        let configurations = plan.configurations();
        let (planned, before) = (stretches(plan), &self.turn.before);
        let one_start_each = planned.len() == configurations.len();
        let stretches = before.rest(planned);
        let mut failed: BTreeMap<ConfigurationIndex, Failure> = BTreeMap::new();
        if configurations.len() > 1 && one_start_each {
            self.measurement.note([Caveat::OneStartEach]);
        }
        for stretch in &stretches {
            let index = stretch.configuration;
            let Some(configuration) = configurations.get(index as usize).filter(|_| !failed.contains_key(&index))
            else {
                continue;
            };
            match self.stretch(stretch, configuration).await {
                Err(failure) if configurations.len() > 1 && failure.is_the_engines() => {
                    self.measurement.note([Caveat::ConfigurationFailed]);
                    let reason = failure.to_string();
                    let lines = failure.lines().to_vec();
                    let event = Body::EngineFailed { configuration: index, reason, lines };
                    self.writer.write([event, self.measurement.judged()]).await?;
                    failed.insert(index, failure);
                }
                result => result?,
            }
        }
        match failed.pop_first() {
            Some((_, failure)) if failed.len() + 1 + before.failed.len() == configurations.len() => Err(failure),
            _ => Ok(()),
        }
    }

    /// One life of the engine.
    async fn stretch(&mut self, stretch: &Stretch, configuration: &Configuration) -> Result<(), Failure> {
        let reason = self.turn.company.words();
        self.writer.write([Body::State { state: RunState::Starting, reason }]).await?;
        let (begun, beginning) = oneshot::channel();
        let onlooker = Onlooker::watching(self.lines.clone(), begun);
        let started = tokio::select! {
            () = self.turn.cancel.cancelled() => Err(Failure::Cancelled),
            engine = Engine::start(&self.turn.plan, stretch.configuration, configuration, self.means, onlooker) => {
                engine.map_err(Failure::from)
            }
            never = log_start(beginning, self.writer) => match never {},
        };
        let mut engine = started?;
        let result = self.measure(&mut engine, stretch).await;
        if let Some(sentence) = engine.stop().await {
            self.measurement.note([Caveat::DeviceMemoryHeld]);
            // The logger lives as long as this run has a sender.
            if self.lines.send(sentence).await.is_err() {
                tracing::error!("the engine's log has ended before its run");
            }
            self.writer.write([self.measurement.judged()]).await?;
        }
        result
    }

    async fn measure(&mut self, engine: &mut Engine, stretch: &Stretch) -> Result<(), Failure> {
        let workload = &self.workload.clone().fitted(engine.vocabulary.clone(), engine.info.context_tokens)?;
        self.measurement.note(engine.caveats.iter().cloned().chain(workload.caveats()));
        let pricing = pricing(&self.turn.plan, &engine.info, self.prices);
        self.measurement.on(&engine.info, &pricing);
        let ready = [Body::EngineReady(Box::new(engine.info.clone())), Body::Priced(pricing)];
        let running = Body::State { state: RunState::Running, reason: self.turn.company.words() };
        self.writer.write(ready.into_iter().chain([running, self.measurement.judged()])).await?;
        let watch = Watch::begin(self.turn, self.writer, engine).await;
        let bench = &mut Bench { engine, workload, watch: &watch };
        let result = match Search::of(&self.turn.plan) {
            Some(search) => self.measurement.search(bench, search).await,
            None => self.measurement.points(bench, &stretch.places).await,
        };
        if watch.end().await {
            self.measurement.note([Caveat::GpuLost]);
            self.writer.write([self.measurement.judged()]).await?;
        }
        result
    }
}

/// Logs how far an engine's start is, at most once a second. Goes on until it is dropped, so that nothing of a start is
/// logged after it.
async fn log_start(beginning: oneshot::Receiver<Begun>, writer: &Writer) -> Infallible {
    let mut told = None;
    // Without a beginning there is nothing to tell, nor when nobody follows the engine any more.
    if let Ok(Begun { mut condition, .. }) = beginning.await {
        loop {
            let now = {
                let condition = condition.borrow_and_update();
                Starting { phase: condition.phase, percent: condition.percent }
            };
            if told.replace(now) != Some(now)
                && let Err(error) = writer.write([Body::EngineStarting(now)]).await
            {
                tracing::error!(%error, "an engine's start could not be logged");
            }
            tokio::time::sleep(BETWEEN_STEPS).await;
            if condition.changed().await.is_err() {
                break;
            }
        }
    }
    std::future::pending().await
}

/// Logs the engine's lines in small groups until it is gone.
async fn log_engine(mut lines: mpsc::Receiver<String>, writer: Writer) {
    let mut group = Vec::new();
    while lines.recv_many(&mut group, 50).await > 0 {
        if let Err(error) = writer.write([Body::EngineLog { lines: std::mem::take(&mut group) }]).await {
            tracing::error!(%error, "lines of an engine could not be logged");
        }
    }
}
