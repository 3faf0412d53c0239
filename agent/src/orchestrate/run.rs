//! Owns one run's turn: engine, trials in their order, judgement, and the one final state.
//! Must not know how load or storage work inside.

use super::trial::{self, TrialPlace};
use crate::blob::BlobStore;
use crate::engine::{Engine, EngineError};
use crate::load::Clock;
use crate::log::{LogError, SqliteLog};
use crate::record::{Tally, Terms, intervals, judge};
use crate::workload::{PromptsRefused, Workload};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use shared::caveat::{Caveat, Finding};
use shared::event::{Body, RunState};
use shared::ids::RunId;
use shared::plan::Plan;
use std::collections::BTreeMap;
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
    /// The prompts.
    #[error(transparent)]
    Prompts(#[from] PromptsRefused),
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
pub(super) async fn take_turn(turn: Turn, log: &SqliteLog, blobs: &BlobStore) -> Result<(), LogError> {
    let writer = Writer { log: log.clone(), run: turn.run.clone(), clock: turn.clock };
    let (state, reason) = match run(&turn, &writer, blobs).await {
        Ok(()) => (RunState::Done, None),
        Err(Failure::Cancelled) => (RunState::Cancelled, None),
        Err(failure) => (RunState::Failed, Some(failure.to_string())),
    };
    writer.write([Body::State { state, reason: reason.clone() }]).await.inspect_err(|error| {
        // The log itself is what failed: at the next start the run is shown as interrupted.
        tracing::error!(%error, run = %turn.run, ?state, ?reason, "the end of a run could not be logged");
    })
}

async fn run(turn: &Turn, writer: &Writer, blobs: &BlobStore) -> Result<(), Failure> {
    if turn.cancel.is_cancelled() {
        return Err(Failure::Cancelled);
    }
    let workload = Workload::of(&turn.plan)?;
    writer.write([Body::State { state: RunState::Starting, reason: None }]).await?;
    let (lines, received) = mpsc::channel(256);
    let logger = tokio::spawn(log_engine(received, writer.clone()));
    let started = tokio::select! {
        () = turn.cancel.cancelled() => Err(Failure::Cancelled),
        engine = Engine::start(&turn.plan, lines) => engine.map_err(Failure::from),
    };
    let result = match started {
        Ok(mut engine) => {
            let result = measure(turn, writer, blobs, &mut engine, &workload).await;
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
    workload: &Workload,
) -> Result<(), Failure> {
    let plan = &turn.plan;
    if let (Some(context), Some(input)) = (engine.info.context_tokens, workload.planned_input_tokens())
        && let Some(output) = plan.workload.output_tokens.as_ref().map(shared::plan::Lengths::most)
        && input.saturating_add(output) > context
    {
        return Err(EngineError::Context { input, output, context }.into());
    }
    let mut caveats: Vec<Caveat> = engine.caveats.iter().cloned().chain(workload.caveat()).collect();
    writer
        .write([
            Body::EngineReady(engine.info.clone()),
            Body::State { state: RunState::Running, reason: None },
            Body::Judged { findings: vec![], caveats: caveats.clone() },
        ])
        .await?;
    let terms = Terms::of(plan);
    let mut tallies: BTreeMap<u32, Vec<Tally>> = BTreeMap::new();
    let mut findings: Vec<Finding> = Vec::new();
    let mut next_request = 0;
    for (index, place) in order(plan).into_iter().enumerate() {
        let at = trial::Context { turn, writer, blobs, engine, workload, terms: &terms };
        let done = trial::run(at, index as u32, place, next_request).await?;
        next_request = done.next_request;
        let trials = tallies.entry(place.point).or_default();
        trials.push(done.tally);
        if trials.len() as u32 == plan.load.trials {
            let trials = tallies.remove(&place.point).unwrap_or_default();
            let intervals = intervals(&trials, &terms);
            let summary = Tally::pooled(&trials).summary(&terms);
            findings.extend(judge(place.point, place.level, plan, &summary, engine.info.context_tokens));
            caveats.extend(summary.caveats.iter().cloned());
            caveats.sort_unstable();
            caveats.dedup();
            writer
                .write([
                    Body::PointDone { point: place.point, summary: Box::new(summary), intervals },
                    Body::Judged { findings: findings.clone(), caveats: caveats.clone() },
                ])
                .await?;
        }
        if let Some(sentence) = engine.died() {
            return Err(Failure::EngineDied(sentence));
        }
        if let Some(error) = done.all_failed {
            return Err(Failure::AllFailed(error));
        }
    }
    Ok(())
}

/// Trials in execution order: every round holds each level once, in seeded order, so that drift does not favour one.
fn order(plan: &Plan) -> Vec<TrialPlace> {
    let mut random = ChaCha8Rng::seed_from_u64(plan.workload.seed);
    (0..plan.load.trials)
        .flat_map(|repeat| {
            let mut round: Vec<TrialPlace> = (plan.load.levels().into_iter().zip(0..))
                .map(|(level, point)| TrialPlace { point, repeat, level })
                .collect();
            // One trial of each level reads best from low to high; with repeats, order must not matter.
            if plan.load.trials > 1 {
                round.shuffle(&mut random);
            }
            round
        })
        .collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_round_holds_each_level_once_in_an_order_that_the_seed_decides() {
        let mut plan = shared::preset::find("throughput").unwrap();
        plan.load.trials = 3;
        let places = order(&plan);
        assert_eq!(places, order(&plan));
        assert_eq!(places.len(), 15);
        for round in places.chunks(5) {
            let mut points: Vec<_> = round.iter().map(|p| p.point).collect();
            points.sort_unstable();
            assert_eq!(points, [0, 1, 2, 3, 4]);
        }
    }
}
