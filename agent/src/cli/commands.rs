//! Owns queue and schedules as the HTTP room sees them: their errors as sentences.
//! Must not know routes, nor how runs are executed.

use crate::http::{QueueCommands, RunCommands, ScheduleCommands, ScheduleRefused};
use crate::log::LogError;
use crate::orchestrate::{Queue, QueueError};
use crate::schedule::{ScheduleError, Scheduler};
use futures_util::future::BoxFuture;
use shared::ids::{RunId, ScheduleId, StudyId};
use shared::people::Who;
use shared::plan::Plan;
use shared::queue::{Change, QueueNow};
use shared::schedule::{SchedulePlan, ScheduleRow};
use shared::study::StudyPlan;
use std::future::Future;

/// Queue and schedules of a serving agent.
pub(super) struct Commands {
    /// Runs that wait and run.
    pub(super) queue: Queue,
    /// What begins by itself.
    pub(super) scheduler: Scheduler,
}

/// An answer of the queue, its error as a sentence.
fn said<'a, T>(answer: impl Future<Output = Result<T, QueueError>> + Send + 'a) -> BoxFuture<'a, Result<T, String>> {
    Box::pin(async move { answer.await.map_err(|error| error.to_string()) })
}

impl RunCommands for Commands {
    fn submit(&self, plan: Plan) -> BoxFuture<'_, Result<RunId, String>> {
        said(self.queue.submit(plan))
    }

    fn submit_study(&self, plan: StudyPlan) -> BoxFuture<'_, Result<StudyId, String>> {
        said(self.queue.submit_study(plan))
    }

    fn resume(&self, run: &RunId) -> BoxFuture<'_, Result<(), String>> {
        let run = run.clone();
        said(async move { self.queue.resume(&run).await })
    }

    fn cancel(&self, run: &RunId) -> BoxFuture<'_, Result<(), String>> {
        said(std::future::ready(self.queue.cancel(run)))
    }
}

impl QueueCommands for Commands {
    fn queue(&self) -> BoxFuture<'_, Result<QueueNow, String>> {
        said(async { Ok(self.queue.now().await?) })
    }

    fn pause(&self, paused: bool, by: Who) -> BoxFuture<'_, Result<(), String>> {
        said(self.queue.pause(paused, by))
    }

    fn change(&self, run: &RunId, change: Change, by: Who) -> BoxFuture<'_, Result<(), String>> {
        let run = run.clone();
        said(async move { self.queue.change(&run, change, by).await })
    }

    fn retry(&self, run: &RunId) -> BoxFuture<'_, Result<RunId, String>> {
        let run = run.clone();
        said(async move { self.queue.retry(&run).await })
    }
}

impl From<ScheduleError> for ScheduleRefused {
    fn from(error: ScheduleError) -> Self {
        let sentence = error.to_string();
        match error {
            ScheduleError::Invalid(_) => Self::Invalid(sentence),
            ScheduleError::Log(LogError::NoSuchSchedule(_)) => Self::NotThere(sentence),
            ScheduleError::TooMany | ScheduleError::Log(_) => Self::Conflict(sentence),
        }
    }
}

impl ScheduleCommands for Commands {
    fn schedules(&self) -> Vec<ScheduleRow> {
        self.scheduler.rows()
    }

    fn check_schedule(&self, plan: SchedulePlan, by: Who) -> Result<ScheduleRow, ScheduleRefused> {
        Ok(self.scheduler.check(plan, by)?)
    }

    fn create_schedule(&self, plan: SchedulePlan, by: Who) -> BoxFuture<'_, Result<ScheduleRow, ScheduleRefused>> {
        Box::pin(async move { Ok(self.scheduler.create(plan, by).await?) })
    }

    fn remove_schedule(&self, schedule: &ScheduleId, by: Who) -> BoxFuture<'_, Result<(), ScheduleRefused>> {
        let schedule = schedule.clone();
        Box::pin(async move { Ok(self.scheduler.remove(&schedule, by).await?) })
    }
}
