//! Owns the queue as the HTTP room sees it: its errors as sentences.
//! Must not know routes, nor how runs are executed.

use crate::http::{QueueCommands, RunCommands};
use crate::orchestrate::{Queue, QueueError};
use futures_util::future::BoxFuture;
use shared::ids::{RunId, StudyId};
use shared::people::Who;
use shared::plan::Plan;
use shared::queue::{Change, QueueNow};
use shared::study::StudyPlan;
use std::future::Future;

/// The queue of a serving agent.
pub(super) struct Commands(pub(super) Queue);

/// An answer of the queue, its error as a sentence.
fn said<'a, T>(answer: impl Future<Output = Result<T, QueueError>> + Send + 'a) -> BoxFuture<'a, Result<T, String>> {
    Box::pin(async move { answer.await.map_err(|error| error.to_string()) })
}

impl RunCommands for Commands {
    fn submit(&self, plan: Plan) -> BoxFuture<'_, Result<RunId, String>> {
        said(self.0.submit(plan))
    }

    fn submit_study(&self, plan: StudyPlan) -> BoxFuture<'_, Result<StudyId, String>> {
        said(self.0.submit_study(plan))
    }

    fn resume(&self, run: &RunId) -> BoxFuture<'_, Result<(), String>> {
        let run = run.clone();
        said(async move { self.0.resume(&run).await })
    }

    fn cancel(&self, run: &RunId) -> BoxFuture<'_, Result<(), String>> {
        said(std::future::ready(self.0.cancel(run)))
    }
}

impl QueueCommands for Commands {
    fn queue(&self) -> BoxFuture<'_, Result<QueueNow, String>> {
        said(async { Ok(self.0.now().await?) })
    }

    fn pause(&self, paused: bool, by: Who) -> BoxFuture<'_, Result<(), String>> {
        said(self.0.pause(paused, by))
    }

    fn change(&self, run: &RunId, change: Change, by: Who) -> BoxFuture<'_, Result<(), String>> {
        let run = run.clone();
        said(async move { self.0.change(&run, change, by).await })
    }

    fn retry(&self, run: &RunId) -> BoxFuture<'_, Result<RunId, String>> {
        let run = run.clone();
        said(async move { self.0.retry(&run).await })
    }
}
