//! Owns what a run that goes on has from before: what is left to measure, what is not measured again and stays.
//! Must not know the queue, or how a trial is run.

use super::schedule::Stretch;
use crate::workload::WorkloadRefused;
use shared::caveat::{Caveat, Finding};
use shared::event::RunState;
use shared::ids::{ConfigurationIndex, PointIndex, RequestId, RunId};
use shared::plan::{Plan, PlanError};
use shared::view::RunView;
use std::collections::{BTreeMap, BTreeSet};

/// Requests of one life are numbered from here times its number: so many that none has them all, and no request has the
/// number, and so the prompt, of one before it.
const REQUESTS_OF_A_LIFE: RequestId = 1 << 40;

/// Why a run does not go on.
#[derive(Debug, thiserror::Error)]
pub enum NotResumed {
    /// It is not over.
    #[error("The run {0} is {state} and has not ended: there is nothing to resume.", state = .1.label())]
    NotEnded(RunId, RunState),
    /// It came to its end.
    #[error("The run {0} is done: there is nothing left to measure. Run its plan again for new figures.")]
    Done(RunId),
    /// What it would measure next follows from what it measured before.
    #[error(
        "The run {0} searches for its levels, each of which follows from those before: a part of a search cannot be \
         resumed. Run its plan again."
    )]
    Search(RunId),
    /// The log has no plan that this version can read.
    #[error(
        "The plan of the run {0} was written by another version and cannot be read by this one: resume it with the \
         version that began it."
    )]
    Unreadable(RunId),
    /// This version refuses the plan.
    #[error("The run {run} cannot be resumed by this version, which refuses its plan: {why}")]
    Plan {
        /// The run.
        run: RunId,
        /// Why.
        why: PlanError,
    },
    /// Its prompts are gone, or others.
    #[error("The run {run} cannot be resumed: {why}")]
    Workload {
        /// The run.
        run: RunId,
        /// Why.
        why: WorkloadRefused,
    },
    /// The host's clock.
    #[error("The run {0} cannot be resumed: this host's clock does not reach as far back as the run is long.")]
    Clock(RunId),
}

/// What a run has from before its turn; nothing where it begins.
#[derive(Clone, Debug, Default)]
pub(super) struct Before {
    /// The points that are left; all of them where absent.
    pub left: Option<BTreeSet<PointIndex>>,
    /// Configurations whose engine failed, which stays a result.
    pub failed: BTreeSet<ConfigurationIndex>,
    /// What the rules said of the points that stay.
    pub findings: BTreeMap<PointIndex, Vec<Finding>>,
    /// What was said beside the figures.
    pub caveats: Vec<Caveat>,
    /// Trials that there are.
    pub trials: u32,
    /// The first request number that is free.
    pub next_request: RequestId,
}

impl Before {
    /// What a run that is to go on has, and its plan.
    ///
    /// # Errors
    /// [`NotResumed`] as a sentence.
    pub fn of(run: &RunId, view: &RunView) -> Result<(Plan, Self), NotResumed> {
        match view.run_state() {
            RunState::Done => return Err(NotResumed::Done(run.clone())),
            state if !state.is_final() => return Err(NotResumed::NotEnded(run.clone(), state)),
            _ => {}
        }
        let plan = plan_of(run, view)?;
        if !view.is_resumable() {
            return Err(NotResumed::Search(run.clone()));
        }
        Ok((plan, Self::measured(view, view.resumptions.len() as u64 + 1)))
    }

    /// What a run has that waits already, for the first time or again, and its plan.
    ///
    /// # Errors
    /// [`NotResumed`] as a sentence.
    pub fn of_waiting(run: &RunId, view: &RunView) -> Result<(Plan, Self), NotResumed> {
        let plan = plan_of(run, view)?;
        let lives = view.resumptions.len() as u64;
        Ok((plan, if lives == 0 { Self::default() } else { Self::measured(view, lives) }))
    }

    /// What was measured in the lives before this one.
    fn measured(view: &RunView, life: u64) -> Self {
        let left: BTreeSet<PointIndex> = view.unfinished().into_iter().collect();
        let configuration = |point: &PointIndex| view.points.get(*point as usize).map(|point| point.configuration);
        let begun: BTreeSet<ConfigurationIndex> = left.iter().filter_map(configuration).collect();
        let failed = view.failures.iter().map(|failure| failure.configuration);
        let failed: BTreeSet<ConfigurationIndex> = failed.filter(|failed| !begun.contains(failed)).collect();
        let mut findings: BTreeMap<PointIndex, Vec<Finding>> = BTreeMap::new();
        for finding in view.findings.iter().flatten().filter(|finding| !left.contains(&finding.point)) {
            findings.entry(finding.point).or_default().push(finding.clone());
        }
        let mut caveats = view.caveats.clone();
        caveats.retain(|caveat| *caveat != Caveat::ConfigurationFailed || !failed.is_empty());
        if view.points.iter().any(|point| point.summary.is_some()) {
            caveats.push(Caveat::Resumed);
        }
        Self {
            failed,
            findings,
            caveats,
            trials: view.trials.len() as u32,
            next_request: life * REQUESTS_OF_A_LIFE,
            left: Some(left),
        }
    }

    /// Of a plan's stretches what is left. Two of one configuration that come to stand side by side are one.
    pub fn rest(&self, stretches: Vec<Stretch>) -> Vec<Stretch> {
        let Some(left) = &self.left else { return stretches };
        let mut rest: Vec<Stretch> = Vec::new();
        for mut stretch in stretches {
            stretch.places.retain(|place| left.contains(&place.point));
            match rest.last_mut().filter(|last| last.configuration == stretch.configuration) {
                Some(last) => last.places.extend(stretch.places),
                None if stretch.places.is_empty() => {}
                None => rest.push(stretch),
            }
        }
        rest
    }
}

fn plan_of(run: &RunId, view: &RunView) -> Result<Plan, NotResumed> {
    let header = view.header.as_ref().ok_or_else(|| NotResumed::Unreadable(run.clone()))?;
    header.plan.clone().validated().map_err(|why| NotResumed::Plan { run: run.clone(), why })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orchestrate::schedule::stretches;
    use shared::engine::ParamValue;
    use shared::event::{Body, Event, Host};
    use shared::plan::{Goal, Order, SearchPlan};
    use shared::summary::Summary;

    fn plan(order: Order) -> Plan {
        let mut plan = shared::preset::find("throughput").unwrap();
        (plan.load.trials, plan.load.concurrency) = (2, vec![1, 4]);
        plan.engine.params.remove("batch");
        plan.engine.vary.insert("batch".to_owned(), [1, 8].map(ParamValue::Int).to_vec());
        plan.engine.order = order;
        plan
    }

    fn run() -> RunId {
        RunId::new(1, 2)
    }

    /// A run of this plan in which these points were measured.
    fn stopped(plan: Plan, measured: &[u32], state: RunState) -> RunView {
        let created = Body::Created {
            run: run(),
            plan: Box::new(plan),
            anchor_unix_ms: 5,
            host: Host::default(),
            agent_version: "0".to_owned(),
        };
        let done = |point: &u32| Body::PointDone {
            point: *point,
            summary: Box::new(Summary::default()),
            intervals: BTreeMap::new(),
        };
        let bodies =
            [created].into_iter().chain(measured.iter().map(done)).chain([Body::State { state, reason: None }]);
        let mut view = RunView::default();
        for (seq, body) in (1..).zip(bodies) {
            view.apply(&Event { seq, t_ns: seq, body });
        }
        view
    }

    fn rest_of(order: Order, measured: &[u32]) -> Vec<(u32, Vec<u32>)> {
        let plan = plan(order);
        let (_, before) = Before::of(&run(), &stopped(plan.clone(), measured, RunState::Interrupted)).unwrap();
        let points = |stretch: Stretch| {
            let mut points: Vec<u32> = stretch.places.iter().map(|place| place.point).collect();
            points.sort_unstable();
            (stretch.configuration, points)
        };
        before.rest(stretches(&plan)).into_iter().map(points).collect()
    }

    #[test]
    fn what_is_left_is_measured_whole_and_nothing_else() {
        assert_eq!(rest_of(Order::Blocked, &[0, 1]), [(1, vec![2, 2, 3, 3])]);
        assert_eq!(rest_of(Order::Blocked, &[1]), [(0, vec![0, 0]), (1, vec![2, 2, 3, 3])]);
        assert_eq!(rest_of(Order::Blocked, &[0, 1, 2, 3]), []);
        // No start for nothing between the repeats of the one configuration that is left.
        assert_eq!(rest_of(Order::Interleaved, &[2, 3]), [(0, vec![0, 0, 1, 1])]);
    }

    #[test]
    fn what_stays_is_said_of_the_whole_run() {
        let (_, before) = Before::of(&run(), &stopped(plan(Order::Blocked), &[0], RunState::Failed)).unwrap();
        assert_eq!((before.trials, before.next_request), (0, 1 << 40));
        assert_eq!(before.caveats, [Caveat::Resumed]);
        let (_, before) = Before::of(&run(), &stopped(plan(Order::Blocked), &[], RunState::Cancelled)).unwrap();
        assert_eq!((before.caveats, before.left.map(|left| left.len())), (vec![], Some(4)));
    }

    #[test]
    fn what_cannot_go_on_is_refused_with_a_sentence() {
        let check = |view: &RunView, words: &str| {
            let said = Before::of(&run(), view).unwrap_err().to_string();
            assert!(said.contains(words), "{said}");
        };
        let of = |state| stopped(plan(Order::Blocked), &[], state);
        check(&of(RunState::Done), "is done");
        check(&of(RunState::Running), "is running and has not ended");
        check(&of(RunState::Queued), "is queued and has not ended");
        let mut search = plan(Order::Blocked);
        search.engine.vary.clear();
        search.load.concurrency.clear();
        search.load.search = Some(SearchPlan { goal: Goal::Saturation, from: 1.0, to: 8.0, attainment: None });
        check(&stopped(search, &[], RunState::Failed), "searches for its levels");
        let mut newer = plan(Order::Blocked);
        newer.schema += 1;
        check(&stopped(newer, &[], RunState::Failed), "which refuses its plan: ");
        let unreadable = RunView { header: None, ..of(RunState::Failed) };
        check(&unreadable, "was written by another version");
    }
}
