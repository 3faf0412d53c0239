//! Owns how the queue is shown: every run with what it needs, why it waits, and when it will start.
//! Must not know who looks.

use super::decide::Decision;
use super::forecast::{Expected, forecast};
use super::line::{Line, Waiting};
use super::need::Need;
use super::past::{Length, Past};
use crate::log::LogError;
use crate::orchestrate::queue::Queue;
use crate::sync::lock;
use shared::ids::RunId;
use shared::queue::{QueueNow, RunningRow, WaitingRow};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Waiting runs whose start is foretold: of those further back it says little.
const FORETOLD: usize = 100;

impl Queue {
    /// The queue as it is now.
    ///
    /// # Errors
    /// [`LogError`] where what earlier runs took cannot be read.
    pub async fn now(&self) -> Result<QueueNow, LogError> {
        let past = self.past().await?;
        Ok(shown(&lock(&self.work.line), &past))
    }

    /// What earlier runs took, read anew once another turn is over.
    async fn past(&self) -> Result<Arc<Past>, LogError> {
        let mut kept = self.past.lock().await;
        let ended = lock(&self.work.line).ended;
        if let Some((_, past)) = kept.as_ref().filter(|(of, _)| *of == ended) {
            return Ok(Arc::clone(past));
        }
        let past = Arc::new(Past::of(&self.log).await?);
        *kept = Some((ended, Arc::clone(&past)));
        Ok(past)
    }
}

fn shown(line: &Line, past: &Past) -> QueueNow {
    let left: BTreeMap<&RunId, Option<f64>> = line
        .running
        .iter()
        .map(|(run, running)| {
            let takes_s = past.length(&running.plan).0;
            // One that takes longer than was expected ends nobody knows when.
            (run, takes_s.map(|takes| takes - running.begun.elapsed().as_secs_f64()).filter(|left| *left > 0.0))
        })
        .collect();
    let running = line.running.iter().map(|(run, running)| RunningRow {
        run: run.clone(),
        name: running.plan.name.clone(),
        has: running.need.words(),
        beside: running.company.runs(),
        left_s: left[run],
    });
    let lengths: Vec<Length> = line.waiting.iter().map(|waiting| past.length(&waiting.turn.plan)).collect();
    let foretold: Vec<Expected<'_>> = (line.waiting.iter().map(Waiting::asking).zip(&lengths).take(FORETOLD))
        .map(|(asking, (takes_s, _))| Expected { asking, takes_s: *takes_s })
        .collect();
    let busy: Vec<(&RunId, &Need, Option<f64>)> =
        line.running.iter().map(|(run, running)| (run, &running.need, left[run])).collect();
    let starts = forecast(line.paused.as_ref(), &foretold, &busy);
    let starts = starts.into_iter().chain(std::iter::repeat(None));
    let waiting = line.waiting.iter().zip(line.decided()).zip(lengths.iter().zip(starts));
    let waiting = waiting.map(|((waiting, decision), ((takes_s, takes_by), starts_in_s))| WaitingRow {
        run: waiting.turn.run.clone(),
        name: waiting.turn.plan.name.clone(),
        priority: waiting.priority,
        held: waiting.held.clone(),
        needs: waiting.need.as_ref().map_or_else(|| "being found out".to_owned(), Need::words),
        reason: match decision {
            Decision::Starts => "It starts now.".to_owned(),
            Decision::Waits(why) => why,
        },
        starts_in_s,
        takes_s: *takes_s,
        takes_by: takes_by.clone(),
    });
    QueueNow { paused: line.paused.clone(), running: running.collect(), waiting: waiting.collect() }
}
