//! Owns a study as everybody sees it: its plan, the part of each of its runs, and what they come to together.
//! Must not know where runs and studies are kept.

use super::arms::StudyArm;
use super::decomposition::Decomposition;
use super::expand::{Role, StudyRun};
use super::plan::{StudyKind, StudyPlan};
use crate::compare::{Compared, Figure, Recorded, compare_within};
use crate::event::RunState;
use crate::history::Marks;
use crate::ids::{RunId, StudyId};
use crate::wire::RunRow;
use serde::{Deserialize, Serialize};

/// A run's place in its study.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StudyPlace {
    /// The study.
    pub study: StudyId,
    /// Which of its runs, from 0.
    pub index: u32,
    /// What tells it from the others: an engine, or a step.
    pub label: String,
}

/// One study in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StudyRow {
    /// The study.
    pub study: StudyId,
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: StudyKind,
    /// Creation, Unix ms of the host.
    pub created_unix_ms: u64,
    /// Runs that it has.
    pub runs: u32,
    /// Runs that are done.
    pub done: u32,
    /// How far it is.
    pub state: StudyState,
    /// What people put on it. The log adds it: no event of its runs tells.
    #[serde(default)]
    pub marks: Marks,
}

/// How far a study is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum StudyState {
    /// No run has had its turn.
    Waiting,
    /// Runs run or wait.
    Running,
    /// Every run is done.
    Done,
    /// Every run has ended, and some before their end.
    Incomplete,
}

impl StudyState {
    /// The state of a study whose runs are in these; a run that is gone has none.
    #[must_use]
    pub fn of(states: &[Option<RunState>]) -> Self {
        let active = |state: &Option<RunState>| state.is_some_and(|state| !state.is_final());
        if states.iter().any(active) {
            let waits = |state: &Option<RunState>| *state == Some(RunState::Queued);
            return if states.iter().all(waits) { StudyState::Waiting } else { StudyState::Running };
        }
        let done = states.iter().all(|state| *state == Some(RunState::Done));
        if done { StudyState::Done } else { StudyState::Incomplete }
    }

    /// The words that pages and tables show.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            StudyState::Waiting => "waiting",
            StudyState::Running => "running",
            StudyState::Done => "done",
            StudyState::Incomplete => "incomplete",
        }
    }
}

/// One run of a study.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StudyRunView {
    /// What tells it from the others.
    pub label: String,
    /// Its part.
    pub role: Role,
    /// The run; absent where it was deleted.
    pub run: Option<RunId>,
    /// Its row in the list of runs.
    pub row: Option<RunRow>,
}

/// A study, and what its runs come to so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StudyView {
    /// The study.
    pub study: StudyId,
    /// Its plan.
    pub plan: StudyPlan,
    /// Creation, Unix ms of the host.
    pub created_unix_ms: u64,
    /// How far it is.
    pub state: StudyState,
    /// Time left, ns: by the mean length of its runs that ended; absent before one has.
    pub eta_ns: Option<u64>,
    /// Its runs in their order.
    pub runs: Vec<StudyRunView>,
    /// Curves and comparisons of what has ended; none of a ladder.
    pub compared: Option<Compared>,
    /// The ladder so far.
    pub decomposition: Option<Decomposition>,
}

impl StudyView {
    /// The fold: a study's plan, its runs' rows, and the figures of those that have any, each by its place.
    #[must_use]
    pub fn of(
        study: StudyId,
        plan: StudyPlan,
        created_unix_ms: u64,
        rows: &[RunRow],
        recorded: Vec<(u32, Recorded)>,
    ) -> Self {
        let row = |index: u32| rows.iter().find(|row| row.study.as_ref().is_some_and(|place| place.index == index));
        let planned = plan.expand();
        let view = |(index, StudyRun { label, role, .. }): (u32, &StudyRun)| {
            let row = row(index).cloned();
            StudyRunView { label: label.clone(), role: role.clone(), run: row.as_ref().map(|r| r.run.clone()), row }
        };
        let runs: Vec<StudyRunView> = (0..).zip(&planned).map(view).collect();
        let states: Vec<Option<RunState>> = runs.iter().map(|run| Some(run.row.as_ref()?.state)).collect();
        let (compared, decomposition) = match plan.kind {
            StudyKind::Decomposition => (None, Some(Decomposition::of(&plan, &recorded))),
            kind => (Some(beside_one_another(plan.arms(&study, recorded), kind)), None),
        };
        let state = StudyState::of(&states);
        Self { study, plan, created_unix_ms, state, eta_ns: eta_ns(&runs), runs, compared, decomposition }
    }

    /// Its row in the list of studies.
    #[must_use]
    pub fn row(&self) -> StudyRow {
        let done = self.runs.iter().filter(|run| run.row.as_ref().is_some_and(|row| row.state == RunState::Done));
        StudyRow {
            study: self.study.clone(),
            name: self.plan.name.clone(),
            kind: self.plan.kind,
            created_unix_ms: self.created_unix_ms,
            runs: self.runs.len() as u32,
            done: done.count() as u32,
            state: self.state,
            marks: Marks::default(),
        }
    }
}

/// Arms that have figures, each compared with the first on the same task.
fn beside_one_another(arms: Vec<StudyArm>, kind: StudyKind) -> Compared {
    let tasks: Vec<Option<String>> = arms.iter().map(|arm| arm.task.clone()).collect();
    let groups: Vec<u32> = tasks.iter().map(|task| tasks.iter().take_while(|of| *of != task).count() as u32).collect();
    let runs: Vec<(String, Recorded)> = arms.into_iter().map(|arm| (arm.label, arm.recorded)).collect();
    compare_within(&runs, &groups, &Figure::usual(), kind == StudyKind::Ab)
}

/// Time that the runs which have not ended will take where each is as long as those that are done were.
fn eta_ns(runs: &[StudyRunView]) -> Option<u64> {
    let rows: Vec<&RunRow> = runs.iter().filter_map(|run| run.row.as_ref()).collect();
    let done: Vec<u64> = rows.iter().filter(|r| r.state == RunState::Done).map(|r| measured_ns(r)).collect();
    let each = done.iter().sum::<u64>().checked_div(done.len() as u64)?;
    let left = rows.iter().filter(|row| !row.state.is_final());
    let of = |row: &RunRow| match row.state {
        RunState::Queued => each,
        _ => each.saturating_sub(measured_ns(row)),
    };
    Some(left.map(|row| of(row)).sum())
}

/// Length of a run without its wait.
fn measured_ns(row: &RunRow) -> u64 {
    row.begun_ns.map_or(0, |begun_ns| row.elapsed_ns.saturating_sub(begun_ns))
}
