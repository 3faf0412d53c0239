//! Owns what people do to the queue: pause it, let it go on, hold runs back, move them, run a plan once more.
//! Must not know who may do that.

use crate::log::LogError;
use crate::orchestrate::queue::{Queue, QueueError};
use crate::sync::lock;
use shared::ids::RunId;
use shared::people::Who;
use shared::queue::{Change, MAX_PRIORITY};

impl Queue {
    /// Has nothing start any more, or lets it go on. What is under way goes on.
    ///
    /// # Errors
    /// [`QueueError::Log`]; the queue stays as it is then.
    pub async fn pause(&self, paused: bool, by: Who) -> Result<(), QueueError> {
        self.arrange(|line| {
            line.paused = if paused { line.paused.take().or(Some(by)) } else { None };
            Ok(())
        })
        .await
    }

    /// Does what somebody wants of a run that waits.
    ///
    /// # Errors
    /// [`QueueError`] as a sentence; the queue stays as it is then.
    pub async fn change(&self, run: &RunId, change: Change, by: Who) -> Result<(), QueueError> {
        if let Change::Priority(priority) = change
            && !(-MAX_PRIORITY..=MAX_PRIORITY).contains(&priority)
        {
            return Err(QueueError::Priority(priority));
        }
        let missing = |line: &super::Line| match &change {
            Change::Before(other) if line.place(run).is_some() => other.clone(),
            _ => run.clone(),
        };
        self.arrange(
            |line| if line.change(run, &change, &by) { Ok(()) } else { Err(QueueError::NotWaiting(missing(line))) },
        )
        .await
    }

    /// Takes the plan of a run that has ended once more: a new run of it waits.
    ///
    /// # Errors
    /// [`QueueError`] as a sentence.
    pub async fn retry(&self, run: &RunId) -> Result<RunId, QueueError> {
        let view = self.log.view(run).await?.ok_or_else(|| LogError::NoSuchRun(run.clone()))?;
        if !view.run_state().is_final() {
            return Err(QueueError::NotEnded(run.clone(), view.run_state()));
        }
        let imported = view.source.is_some();
        let header = view.header.as_ref().filter(|_| !imported).ok_or_else(|| QueueError::NoPlan(run.clone()))?;
        self.submit(header.plan.clone()).await
    }

    /// Changes the line, keeps how it is arranged then, and tells the worker; where it cannot be kept, nothing is changed.
    async fn arrange(&self, does: impl FnOnce(&mut super::Line) -> Result<(), QueueError>) -> Result<(), QueueError> {
        let _turnstile = self.turnstile.lock().await;
        let (before, after) = {
            let mut line = lock(&self.work.line);
            let before = line.arrangement();
            does(&mut line)?;
            (before, line.arrangement())
        };
        if before == after {
            return Ok(());
        }
        if let Err(error) = self.log.arrange(after).await {
            lock(&self.work.line).arrange(before);
            return Err(error.into());
        }
        self.work.changed.notify_one();
        Ok(())
    }
}
