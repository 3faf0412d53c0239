//! Owns the queue: runs wait for their turn, one at a time, and can be cancelled at any moment.
//! Must not know what a run does in its turn.

use super::floor::{Floor, Occupied, Place};
use super::host::{created, host, unix_ms};
use super::resume::{Before, NotResumed};
use super::run::{self, House, Turn};
use crate::blob::BlobStore;
use crate::engine::{self, Means};
use crate::load::Clock;
use crate::log::{LogError, SqliteLog, Study};
use crate::price::Prices;
use crate::sync::lock;
use crate::workload::{Workload, WorkloadRefused};
use shared::event::{Body, RunState};
use shared::ids::{RunId, StudyId};
use shared::plan::Plan;
use shared::study::{StudyError, StudyPlace, StudyPlan};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// Most runs that may wait.
const MAX_WAITING: usize = 1000;

/// Why a run was not taken or not cancelled.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The plan was refused.
    #[error(transparent)]
    Plan(#[from] shared::plan::PlanError),
    /// A study's plan was refused.
    #[error(transparent)]
    Study(#[from] StudyError),
    /// A run of a study was refused.
    #[error("The run \"{label}\" of the study is refused: {why}")]
    OfStudy {
        /// Which run.
        label: String,
        /// Why.
        why: String,
    },
    /// Its prompts were refused.
    #[error(transparent)]
    Workload(#[from] WorkloadRefused),
    /// The log refused it.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The host is taken.
    #[error(transparent)]
    Occupied(#[from] Occupied),
    /// Too many wait.
    #[error("{MAX_WAITING} runs wait already: cancel some, or wait until they have had their turn.")]
    Full,
    /// The run does not go on.
    #[error(transparent)]
    NotResumed(#[from] NotResumed),
    /// Nothing to cancel.
    #[error("The run {0} neither runs nor waits, so there is nothing to cancel.")]
    NotActive(RunId),
}

/// A plan that can be executed here. Refused now rather than when its turn comes; what is asked is decided then, so no
/// salt is needed.
async fn checked(plan: Plan) -> Result<Plan, QueueError> {
    let plan = plan.validated()?;
    engine::check(&plan)?;
    Workload::read(plan.clone(), 0).await?;
    Ok(plan)
}

/// What is known of a run that waits or runs.
struct Active {
    cancel: CancellationToken,
    clock: Clock,
    /// Its place among those that start engines.
    _place: Place,
}

/// The queue; cloning gives another handle.
#[derive(Clone)]
pub struct Queue {
    log: SqliteLog,
    active: Arc<Mutex<BTreeMap<RunId, Active>>>,
    waiting: mpsc::Sender<Turn>,
    stopping: CancellationToken,
    floor: Floor,
    /// The last run whose end could not be logged, and why.
    lost: watch::Sender<Option<(RunId, String)>>,
    worker: Arc<Mutex<Option<tokio::task::JoinHandle<()>>>>,
    resuming: Arc<tokio::sync::Mutex<()>>,
}

impl Queue {
    /// Starts the queue's worker, which launches engines with these means and counts their time at these prices. Runs
    /// that an earlier agent left in the middle are marked as interrupted first: everything that they logged stays.
    ///
    /// # Errors
    /// [`LogError`] where the log cannot be read or written.
    pub async fn start(log: SqliteLog, blobs: BlobStore, means: Means, prices: Prices) -> Result<Self, LogError> {
        for run in log.unfinished().await? {
            let t_ns = log.view(&run).await?.map_or(0, |view| view.last_ns);
            let reason = "The agent ended in the middle of this run; what had been logged by then is shown.".to_owned();
            let body = Body::State { state: RunState::Interrupted, reason: Some(reason) };
            log.append(&run, vec![(t_ns, body)]).await?;
        }
        let (waiting, mut turns) = mpsc::channel::<Turn>(MAX_WAITING);
        let active = Arc::new(Mutex::new(BTreeMap::new()));
        let stopping = CancellationToken::new();
        let lost = watch::Sender::new(None);
        let house = House { log: log.clone(), blobs, means, prices };
        let (worker_active, worker_stopping) = (Arc::clone(&active), stopping.clone());
        let worker_lost = lost.clone();
        let worker = tokio::spawn(async move {
            loop {
                let turn = tokio::select! {
                    turn = turns.recv() => turn,
                    // Nothing new is taken; what waits has its turn, in which it ends as cancelled.
                    () = worker_stopping.cancelled(), if !turns.is_closed() => {
                        turns.close();
                        continue;
                    }
                };
                let Some(turn) = turn else { return };
                let id = turn.run.clone();
                let end = run::take_turn(turn, &house).await;
                // Whoever hears that it has ended may resume it at once.
                lock(&worker_active).remove(&id);
                if let Err(error) = end.log().await {
                    worker_lost.send_replace(Some((id, error.to_string())));
                }
            }
        });
        let worker = Arc::new(Mutex::new(Some(worker)));
        Ok(Self { log, active, waiting, stopping, floor: Floor::default(), lost, worker, resuming: Arc::default() })
    }

    /// Takes a plan: its run exists, is logged, and waits.
    ///
    /// # Errors
    /// [`QueueError`] as a sentence; nothing is left behind.
    pub async fn submit(&self, plan: Plan) -> Result<RunId, QueueError> {
        let plan = checked(plan).await?;
        self.take(plan, None).await
    }

    /// Takes a study: all its runs exist and wait, or none does.
    ///
    /// # Errors
    /// [`QueueError`] as a sentence; runs that were taken before one was refused are cancelled.
    pub async fn submit_study(&self, plan: StudyPlan) -> Result<StudyId, QueueError> {
        let plan = plan.validated()?;
        let mut runs = Vec::new();
        for run in plan.expand() {
            let of_run = |why: QueueError| QueueError::OfStudy { label: run.label.clone(), why: why.to_string() };
            runs.push((run.label.clone(), checked(run.plan).await.map_err(of_run)?));
        }
        let created_unix_ms = unix_ms();
        let study = StudyId::new(created_unix_ms, rand::random());
        self.log.begin_study(Study { study: study.clone(), plan, created_unix_ms }).await?;
        let mut taken = Vec::new();
        for (index, (label, plan)) in (0..).zip(runs) {
            match self.take(plan, Some(StudyPlace { study: study.clone(), index, label })).await {
                Ok(run) => taken.push(run),
                Err(error) => {
                    for run in &taken {
                        if let Err(error) = self.cancel(run) {
                            tracing::debug!(%error, "a run of a refused study has ended already");
                        }
                    }
                    self.log.delete_study(&study, None).await?;
                    return Err(error);
                }
            }
        }
        Ok(study)
    }

    /// Takes a plan that was checked.
    async fn take(&self, plan: Plan, study: Option<StudyPlace>) -> Result<RunId, QueueError> {
        let place = self.floor.for_run(&plan)?;
        let permit = self.waiting.try_reserve().map_err(|_| QueueError::Full)?;
        let clock = Clock::starting_now();
        let anchor_unix_ms = unix_ms();
        let run = RunId::new(anchor_unix_ms, rand::random());
        let created = created(&run, &plan, anchor_unix_ms);
        let of_study = study.map(|place| (0, Body::OfStudy(place)));
        self.log.append(&run, std::iter::once((0, created)).chain(of_study).collect()).await?;
        let cancel = self.stopping.child_token();
        lock(&self.active).insert(run.clone(), Active { cancel: cancel.clone(), clock, _place: place });
        permit.send(Turn { run: run.clone(), plan, clock, before: Before::default(), cancel });
        Ok(run)
    }

    /// Who may start engines on this host, besides these runs.
    #[must_use]
    pub fn floor(&self) -> Floor {
        self.floor.clone()
    }

    /// Has a run that ended before its end wait again, for what is left of it. Its points that have figures keep them.
    ///
    /// # Errors
    /// [`QueueError`] as a sentence; the run stays as it is.
    pub async fn resume(&self, run: &RunId) -> Result<(), QueueError> {
        // One at a time: two that find the same run ended would both have it go on.
        let _turnstile = self.resuming.lock().await;
        let view = self.log.view(run).await?.ok_or_else(|| LogError::NoSuchRun(run.clone()))?;
        let (plan, before) = Before::of(run, &view)?;
        engine::check(&plan).map_err(|why| NotResumed::Plan { run: run.clone(), why })?;
        let read = Workload::read(plan.clone(), 0).await;
        read.map_err(|why| NotResumed::Workload { run: run.clone(), why })?;
        let place = self.floor.for_run(&plan)?;
        let permit = self.waiting.try_reserve().map_err(|_| QueueError::Full)?;
        let clock = Clock::going_on(view.last_ns).ok_or_else(|| NotResumed::Clock(run.clone()))?;
        let resumed = Body::Resumed {
            anchor_unix_ms: unix_ms(),
            host: host(),
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            points: before.left.iter().flatten().copied().collect(),
        };
        let cancel = self.stopping.child_token();
        lock(&self.active).insert(run.clone(), Active { cancel: cancel.clone(), clock, _place: place });
        if let Err(error) = self.log.append(run, vec![(view.last_ns, resumed)]).await {
            lock(&self.active).remove(run);
            return Err(error.into());
        }
        // That an end of its was lost is no news of the one that comes.
        self.lost.send_if_modified(|lost| lost.take_if(|(of, _)| of == run).is_some());
        permit.send(Turn { run: run.clone(), plan, clock, before, cancel });
        Ok(())
    }

    /// Cancels a run that waits or runs.
    ///
    /// # Errors
    /// [`QueueError::NotActive`] where it does neither.
    pub fn cancel(&self, run: &RunId) -> Result<(), QueueError> {
        match lock(&self.active).get(run) {
            Some(active) => {
                active.cancel.cancel();
                Ok(())
            }
            None => Err(QueueError::NotActive(run.clone())),
        }
    }

    /// Run time now of a run that waits or runs, ns.
    #[must_use]
    pub fn run_time_ns(&self, run: &RunId) -> Option<u64> {
        lock(&self.active).get(run).map(|active| active.clock.now_ns())
    }

    /// Resolves, with the reason, where the run is over and the log could not take its end: no event will tell.
    pub async fn end_lost(&self, run: &RunId) -> String {
        let mut lost = self.lost.subscribe();
        let of_the_run = |lost: &Option<(RunId, String)>| lost.as_ref().is_some_and(|(of, _)| of == run);
        match lost.wait_for(of_the_run).await {
            Ok(lost) => lost.as_ref().map(|(_, why)| why.clone()).unwrap_or_default(),
            // The sender lives as long as this queue.
            Err(_) => std::future::pending().await,
        }
    }

    /// Cancels everything and waits until the last engine is gone.
    pub async fn stop(self) {
        self.stopping.cancel();
        let worker = lock(&self.worker).take();
        if let Some(worker) = worker
            && let Err(error) = worker.await
        {
            tracing::error!(%error, "the queue's worker did not end well");
        }
    }
}
