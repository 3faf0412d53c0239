//! Owns what a run that goes on after it had ended keeps and what it sets aside.
//! Must not know how a run is executed.

use super::RunView;
use crate::event::{Host, RunState};
use crate::ids::{ConfigurationIndex, PointIndex};
use serde::{Deserialize, Serialize};

/// A time at which a run went on after it had ended before its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Resumption {
    /// When, ns of run time.
    pub t_ns: u64,
    /// Wall clock then, Unix ms: monotonic time does not survive the agent, so each life has its own anchor.
    pub anchor_unix_ms: u64,
    /// The host it went on on.
    pub host: Host,
    /// The agent's version.
    pub agent_version: String,
}

impl RunView {
    /// Whether it can go on: it ended before its end, and no search decides on its points.
    #[must_use]
    pub fn is_resumable(&self) -> bool {
        let has_stopped = matches!(self.run_state(), RunState::Failed | RunState::Cancelled | RunState::Interrupted);
        has_stopped && self.header.as_ref().is_some_and(|header| header.plan.load.search.is_none())
    }

    /// The points that are left to measure: those without figures. An engine that failed in one of several
    /// configurations is a result; where it failed in all of them nothing was measured, and they are left, too.
    #[must_use]
    pub fn unfinished(&self) -> Vec<PointIndex> {
        let all_failed = self.points.iter().all(|point| self.has_failed(point.configuration));
        let left = (0..)
            .zip(&self.points)
            .filter(|(_, point)| point.summary.is_none() && (all_failed || !self.has_failed(point.configuration)));
        left.map(|(index, _)| index).collect()
    }

    /// Whether the engine failed in a configuration.
    #[must_use]
    pub fn has_failed(&self, configuration: ConfigurationIndex) -> bool {
        self.failures.iter().any(|failure| failure.configuration == configuration)
    }

    /// It waits again. Trials that the points had are no part of them any more, nor are failures of their engines.
    pub(super) fn resume(&mut self, resumption: Resumption, points: &[PointIndex]) {
        if let Some(trial) = self.trials.last_mut() {
            trial.ended_ns = trial.ended_ns.or(Some(resumption.t_ns));
        }
        self.trials.iter_mut().filter(|trial| points.contains(&trial.point)).for_each(|trial| trial.set_aside = true);
        let again = |configuration| {
            let mut begun = points.iter().filter_map(|point| self.points.get(*point as usize));
            begun.any(|point| point.configuration == configuration)
        };
        self.failures.retain(|failure| !again(failure.configuration));
        self.state = Some((RunState::Queued, resumption.t_ns));
        self.begun_ns = None;
        self.reason = None;
        self.starting = None;
        self.resumptions.push(resumption);
    }
}
