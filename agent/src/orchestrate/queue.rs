//! Owns the queue's handle: plans and studies are taken, runs resumed and cancelled; all of them wait for their turn.
//! Must not know what a run does in its turn.

use super::floor::{Floor, Occupied, Place};
use super::host::{created, host, unix_ms};
use super::resume::{Before, NotResumed};
use super::run::{House, Turn};
use super::stamps::Stamps;
use super::waiting::{Company, Past, Terms, Waiting, Work, Worker, restore};
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
use shared::queue::MAX_PRIORITY;
use shared::study::{StudyError, StudyPlace, StudyPlan};
use std::sync::{Arc, Mutex};
use tokio::sync::watch;
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
    /// The agent is about to end.
    #[error("The agent is stopping and takes no more runs: hand it in again once it serves.")]
    Stopping,
    /// It does not wait.
    #[error("The run {0} does not wait for its turn, so there is nothing to arrange: see the queue for what does.")]
    NotWaiting(RunId),
    /// No such priority.
    #[error("The priority is {0}, but must be from -{MAX_PRIORITY} to {MAX_PRIORITY}.")]
    Priority(i32),
    /// Only what has ended is run once more.
    #[error("The run {0} is {state} and has not ended: cancel it first, or wait.", state = .1.label())]
    NotEnded(RunId, RunState),
    /// There is no plan of ours.
    #[error("The run {0} has no plan that could be run once more: it was imported, or written by another version.")]
    NoPlan(RunId),
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

/// What earlier runs took, as of so many turns that were over.
pub(super) type PastAsOf = (u64, Arc<Past>);

/// The queue; cloning gives another handle.
#[derive(Clone)]
pub struct Queue {
    pub(super) log: SqliteLog,
    pub(super) work: Work,
    floor: Floor,
    worker: Arc<tokio::sync::Mutex<Option<tokio::task::JoinHandle<()>>>>,
    stamps: Arc<Stamps>,
    /// What joins or is arranged does so one after the other: two that find the same run ended would both have it go on.
    pub(super) turnstile: Arc<tokio::sync::Mutex<()>>,
    /// What earlier runs took, where somebody has asked.
    pub(super) past: Arc<tokio::sync::Mutex<Option<PastAsOf>>>,
}

impl Queue {
    /// Starts the queue's worker, which launches engines with these means and counts their time at these prices. Runs
    /// that an earlier agent left in the middle are marked as interrupted first: everything that they logged stays.
    ///
    /// # Errors
    /// [`LogError`] where the log cannot be read or written.
    pub async fn start(
        log: SqliteLog,
        blobs: BlobStore,
        means: Means,
        prices: Prices,
        terms: Terms,
    ) -> Result<Self, LogError> {
        let (floor, stopping) = (Floor::default(), CancellationToken::new());
        let line = restore(&log, &floor, &stopping, terms.lasting).await?;
        let lost = watch::Sender::new(None);
        let parking = CancellationToken::new();
        let house = House { log: log.clone(), blobs, means, prices, parking: parking.clone() };
        let work = Work { line: Arc::new(Mutex::new(line)), changed: Arc::default(), stopping, parking, lost };
        let worker = Worker { work: work.clone(), house, terms, asked: None };
        let worker = Arc::new(tokio::sync::Mutex::new(Some(tokio::spawn(worker.run()))));
        let stamps = Arc::new(Stamps::after(&log).await?);
        Ok(Self { log, work, floor, worker, stamps, turnstile: Arc::default(), past: Arc::default() })
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
        let _turnstile = self.turnstile.lock().await;
        let place = self.place(&plan)?;
        let clock = Clock::starting_now();
        let anchor_unix_ms = unix_ms();
        let run = RunId::new(self.stamps.next(anchor_unix_ms), rand::random());
        let created = created(&run, &plan, anchor_unix_ms);
        let of_study = study.map(|place| (0, Body::OfStudy(place)));
        self.log.append(&run, std::iter::once((0, created)).chain(of_study).collect()).await?;
        self.join(run.clone(), plan, clock, Before::default(), place);
        Ok(run)
    }

    /// Has a run wait that the log knows.
    fn join(&self, run: RunId, plan: Plan, clock: Clock, before: Before, place: Place) {
        let (cancel, asked) = (self.work.stopping.child_token(), CancellationToken::new());
        let turn = Turn { run, plan, clock, before, cancel, asked, company: Company::default() };
        lock(&self.work.line).join(Waiting::new(turn, place));
        self.work.changed.notify_one();
    }

    /// A place for one more run.
    fn place(&self, plan: &Plan) -> Result<Place, QueueError> {
        if self.work.stopping.is_cancelled() || self.work.parking.is_cancelled() {
            return Err(QueueError::Stopping);
        }
        if lock(&self.work.line).waiting.len() >= MAX_WAITING {
            return Err(QueueError::Full);
        }
        Ok(self.floor.for_run(plan)?)
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
        let _turnstile = self.turnstile.lock().await;
        let view = self.log.view(run).await?.ok_or_else(|| LogError::NoSuchRun(run.clone()))?;
        let (plan, before) = Before::of(run, &view)?;
        engine::check(&plan).map_err(|why| NotResumed::Plan { run: run.clone(), why })?;
        let read = Workload::read(plan.clone(), 0).await;
        read.map_err(|why| NotResumed::Workload { run: run.clone(), why })?;
        let place = self.place(&plan)?;
        let clock = Clock::going_on(view.last_ns).ok_or_else(|| NotResumed::Clock(run.clone()))?;
        let resumed = Body::Resumed {
            anchor_unix_ms: unix_ms(),
            host: host(),
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            points: before.left.iter().flatten().copied().collect(),
        };
        self.log.append(run, vec![(view.last_ns, resumed)]).await?;
        // That an end of its was lost is no news of the one that comes.
        self.work.lost.send_if_modified(|lost| lost.take_if(|(of, _)| of == run).is_some());
        self.join(run.clone(), plan, clock, before, place);
        Ok(())
    }

    /// Cancels a run that waits or runs.
    ///
    /// # Errors
    /// [`QueueError::NotActive`] where it does neither.
    pub fn cancel(&self, run: &RunId) -> Result<(), QueueError> {
        if !lock(&self.work.line).cancel(run) {
            return Err(QueueError::NotActive(run.clone()));
        }
        self.work.changed.notify_one();
        Ok(())
    }

    /// Run time now of a run that waits or runs, ns.
    #[must_use]
    pub fn run_time_ns(&self, run: &RunId) -> Option<u64> {
        lock(&self.work.line).clock(run).map(|clock| clock.now_ns())
    }

    /// Resolves, with the reason, where the run is over and the log could not take its end: no event will tell.
    pub async fn end_lost(&self, run: &RunId) -> String {
        let mut lost = self.work.lost.subscribe();
        let of_the_run = |lost: &Option<(RunId, String)>| lost.as_ref().is_some_and(|(of, _)| of == run);
        match lost.wait_for(of_the_run).await {
            Ok(lost) => lost.as_ref().map(|(_, why)| why.clone()).unwrap_or_default(),
            // The sender lives as long as this queue.
            Err(_) => std::future::pending().await,
        }
    }

    /// Takes nothing new, has nothing that waits begin, and waits until what is under way has come to its end.
    pub async fn finish(&self) {
        self.park_what_waits();
        self.ended().await;
    }

    /// Parks everything and waits until the last engine is gone: what is under way is marked as interrupted and can be
    /// resumed, what waits is left to the next agent.
    pub async fn park(self) {
        self.park_what_waits();
        self.stop().await;
    }

    /// Cancels what is under way and waits until the last engine is gone. What waits is left to the next agent, or is cancelled,
    /// too, by the queue's terms.
    pub async fn stop(self) {
        self.work.stopping.cancel();
        self.ended().await;
    }

    fn park_what_waits(&self) {
        self.work.parking.cancel();
        self.work.changed.notify_one();
    }

    /// Waits until no turn is left, whoever else waits for that.
    async fn ended(&self) {
        let mut worker = self.worker.lock().await;
        let Some(handle) = worker.as_mut() else { return };
        let ended = handle.await;
        *worker = None;
        if let Err(error) = ended {
            tracing::error!(%error, "the queue's worker did not end well");
        }
    }
}
