//! Owns one run's turn: engine, trials in their order, judgement, and the one final state.
//! Must not know how load or storage work inside.

use super::measurement::Measurement;
use super::search::Search;
use crate::blob::BlobStore;
use crate::engine::{Engine, EngineError};
use crate::load::Clock;
use crate::log::{LogError, SqliteLog};
use crate::process::Host;
use crate::workload::{Workload, WorkloadRefused, salt_of};
use shared::caveat::Caveat;
use shared::event::{Body, RunState};
use shared::ids::RunId;
use shared::plan::Plan;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// A run whose turn comes.
pub(super) struct Turn {
    /// The run.
    pub run: RunId,
    /// Its plan.
    pub plan: Plan,
    /// Its clock, started when it was created.
    pub clock: Clock,
    /// Cancelled by the user or by the agent's stop.
    pub cancel: CancellationToken,
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
    #[error("{0}")]
    EngineDied(String),
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The workload.
    #[error(transparent)]
    Workload(#[from] WorkloadRefused),
    /// The load generator.
    #[error(transparent)]
    Load(#[from] crate::load::LoadError),
    /// Every request of a trial failed.
    #[error("Every request failed, so the run stopped: {0}")]
    AllFailed(String),
}

/// Writes events of one run.
#[derive(Clone)]
pub(super) struct Writer {
    log: SqliteLog,
    run: RunId,
    clock: Clock,
}

impl Writer {
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

/// Runs a turn to its final state, whatever happens in it.
///
/// # Errors
/// Where that state could not be logged.
pub(super) async fn take_turn(turn: Turn, log: &SqliteLog, blobs: &BlobStore, host: &Host) -> Result<(), LogError> {
    let writer = Writer { log: log.clone(), run: turn.run.clone(), clock: turn.clock };
    let (state, reason) = match run(&turn, &writer, blobs, host).await {
        Ok(()) => (RunState::Done, None),
        Err(Failure::Cancelled) => (RunState::Cancelled, None),
        Err(failure) => (RunState::Failed, Some(failure.to_string())),
    };
    writer.write([Body::State { state, reason: reason.clone() }]).await.inspect_err(|error| {
        // The log itself is what failed: at the next start the run is shown as interrupted.
        tracing::error!(%error, run = %turn.run, ?state, ?reason, "the end of a run could not be logged");
    })
}

async fn run(turn: &Turn, writer: &Writer, blobs: &BlobStore, host: &Host) -> Result<(), Failure> {
    if turn.cancel.is_cancelled() {
        return Err(Failure::Cancelled);
    }
    let workload = Workload::read(turn.plan.clone(), salt_of(&turn.run)).await?;
    writer.write([Body::State { state: RunState::Starting, reason: None }]).await?;
    let (lines, received) = mpsc::channel(256);
    let logger = tokio::spawn(log_engine(received, writer.clone()));
    let started = tokio::select! {
        () = turn.cancel.cancelled() => Err(Failure::Cancelled),
        engine = Engine::start(&turn.plan, host, lines) => engine.map_err(Failure::from),
    };
    let result = match started {
        Ok(mut engine) => {
            let result = measure(turn, writer, blobs, &mut engine, workload).await;
            engine.stop().await;
            result
        }
        Err(failure) => Err(failure),
    };
    // The engine is gone, so its log ends; the final state comes after its last line.
    if let Err(error) = logger.await {
        tracing::error!(%error, "the engine's log ended badly");
    }
    result
}

async fn measure(
    turn: &Turn,
    writer: &Writer,
    blobs: &BlobStore,
    engine: &mut Engine,
    workload: Workload,
) -> Result<(), Failure> {
    let plan = &turn.plan;
    let workload = &workload.fitted(engine.vocabulary.clone(), engine.info.context_tokens)?;
    let caveats: Vec<Caveat> = engine.caveats.iter().cloned().chain(workload.caveats()).collect();
    writer
        .write([
            Body::EngineReady(engine.info.clone()),
            Body::State { state: RunState::Running, reason: None },
            Body::Judged { findings: vec![], caveats: caveats.clone() },
        ])
        .await?;
    let measurement = Measurement::new(turn, writer, blobs, engine, workload, caveats);
    match Search::of(plan) {
        Some(search) => measurement.search(search).await,
        None => measurement.points(plan).await,
    }
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
