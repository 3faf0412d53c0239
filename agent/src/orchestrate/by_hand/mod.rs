//! Owns the engine that somebody starts by hand, one at a time, and what is told of it and of what this host has.
//! Must not know HTTP routes, nor how an engine is started.

mod board;
mod host;
mod life;

pub use board::Watching;

use super::floor::{Floor, Occupied};
use crate::engine::{self, Means};
use crate::log::SqliteLog;
use crate::sync::lock;
use board::Board;
use serde_json::json;
use shared::plan::{EnginePlan, Plan, PlanError};
use shared::wire::{EnginesNow, StartedEngine};
use std::sync::{Arc, Mutex};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Why an engine was not started or not stopped by hand.
#[derive(Debug, thiserror::Error)]
pub enum ByHandError {
    /// The engine's part of a plan was refused.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The host is taken.
    #[error(transparent)]
    Occupied(#[from] Occupied),
    /// There is nothing to stop.
    #[error("No engine that was started by hand is there, so there is nothing to stop.")]
    NoneThere,
}

/// Engines by hand; cloning gives another handle.
#[derive(Clone)]
pub struct ByHand {
    means: Means,
    floor: Floor,
    board: Arc<Board>,
    life: Arc<Mutex<Option<Life>>>,
    host: Arc<host::Look>,
}

/// The engine that lives, or lived last.
struct Life {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl ByHand {
    /// Nothing started yet. Needs a tokio runtime around it. Virtual environments are known from the plans of the log.
    #[must_use]
    pub fn new(means: Means, floor: Floor, log: SqliteLog) -> Self {
        let board = Arc::new(Board::default());
        let host = Arc::new(host::Look::start(Arc::clone(&board), floor.clone(), log));
        Self { means, floor, board, life: Arc::default(), host }
    }

    /// Starts the engine that a part of a plan describes.
    ///
    /// # Errors
    /// [`ByHandError`] as a sentence; nothing was started then.
    pub fn start(&self, engine: EnginePlan) -> Result<StartedEngine, ByHandError> {
        let plan = plan_of(engine)?;
        let place = self.floor.for_hand()?;
        let started = self.board.begin(&plan.engine);
        let stop = CancellationToken::new();
        let live = life::live(plan, place, self.means.clone(), Arc::clone(&self.board), stop.clone());
        let task = tokio::spawn(live);
        *self.lock() = Some(Life { stop, task });
        Ok(started)
    }

    /// Begins to end the engine.
    ///
    /// # Errors
    /// [`ByHandError::NoneThere`].
    pub fn stop(&self) -> Result<(), ByHandError> {
        match &*self.lock() {
            Some(life) if !life.task.is_finished() => {
                life.stop.cancel();
                Ok(())
            }
            _ => Err(ByHandError::NoneThere),
        }
    }

    /// Ends the engine and waits until nothing of it is left.
    pub async fn end(&self) {
        let life = self.lock().take();
        if let Some(Life { stop, task }) = life {
            stop.cancel();
            if let Err(error) = task.await {
                tracing::error!(%error, "the task of an engine started by hand ended badly");
            }
        }
    }

    /// What there is to see, as far as it is known; what this host has is looked for where that is long ago. Memory that
    /// could not be read in time is unknown: what was read before may be long ago.
    pub async fn now(&self) -> EnginesNow {
        let is_fresh = self.host.read_again().await;
        let mut now = self.board.now(0, 0);
        if !is_fresh {
            now.host.gpus.iter_mut().for_each(|gpu| gpu.used_bytes = None);
        }
        now
    }

    /// Somebody who is told of every change.
    #[must_use]
    pub fn watch(&self) -> Watching {
        self.host.wake();
        Watching::of(Arc::clone(&self.board))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Life>> {
        lock(&self.life)
    }
}

/// The plan that an engine alone amounts to, by the rules of plans.
fn plan_of(engine: EnginePlan) -> Result<Plan, PlanError> {
    let refuse = |field: &'static str, problem: &str| Err(PlanError::Field { field, problem: problem.to_owned() });
    if engine.url.is_some() {
        return refuse("engine.url", "is set, but what runs already is not started: measure it in a run.");
    }
    if !engine.vary.is_empty() {
        return refuse(
            "engine.vary",
            "makes several configurations, of which only one can be started by hand: choose one.",
        );
    }
    let plan = json!({
        "schema": shared::plan::SCHEMA,
        "name": "Started by hand",
        "engine": engine,
        "workload": { "input_tokens": 1, "output_tokens": 1 },
        "load": { "concurrency": [1], "requests": 1 },
    });
    let plan = Plan::from_json(&plan.to_string())?;
    engine::check(&plan)?;
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(engine: &str, expect: Result<(), &str>) {
        let engine: EnginePlan = serde_json::from_str(engine).unwrap();
        match (plan_of(engine.clone()), expect) {
            (Ok(plan), Ok(())) => assert_eq!(plan.engine, engine),
            (Err(error), Err(words)) => assert!(error.to_string().contains(words), "{error}"),
            (got, expect) => panic!("{engine:?}: {got:?}, not {expect:?}"),
        }
    }

    #[test]
    fn an_engine_is_checked_as_that_of_a_run() {
        check(r#"{"kind": "builtin", "params": {"batch": 4}}"#, Ok(()));
        check(r#"{"kind": "vllm", "launch": "native", "model": "m", "params": {"max_num_seqs": 8}}"#, Ok(()));
        check(r#"{"kind": "builtin", "params": {"batch": 0}}"#, Err("batch"));
        check(r#"{"kind": "vllm", "launch": "native", "model": "m", "params": {"max_nums": 8}}"#, Err("max_nums"));
        check(r#"{"kind": "vllm", "launch": "docker", "model": "m"}"#, Err("engine.image"));
        check(r#"{"kind": "vllm", "url": "http://127.0.0.1:8000"}"#, Err("measure it in a run"));
        check(r#"{"kind": "builtin", "vary": {"batch": [1, 4]}}"#, Err("choose one"));
        check(r#"{"kind": "openai_chat"}"#, Err("engine.url"));
    }
}
