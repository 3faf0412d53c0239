//! Owns what of a study is compared: its runs with their labels, and where a run is a round of an engine, all of them as one.
//! Must not know where runs are kept, nor what the comparison comes to.

use super::expand::{Role, StudyRun};
use super::plan::StudyPlan;
use crate::compare::{Recorded, join};
use crate::event::RunState;
use crate::ids::StudyId;
use std::collections::{BTreeMap, BTreeSet};

/// One side of a study's comparisons.
#[derive(Clone, Debug, PartialEq)]
pub struct StudyArm {
    /// What tells it from the others.
    pub label: String,
    /// The task that it was asked, where the study has tasks.
    pub task: Option<String>,
    /// Its figures.
    pub recorded: Recorded,
}

impl StudyPlan {
    /// The sides of a study of which these runs have figures, each by its place. Of an A/B of two engines an engine is a
    /// side: of its runs those count that came to their end together with the other engine's of their round.
    #[must_use]
    pub fn arms(&self, study: &StudyId, recorded: Vec<(u32, Recorded)>) -> Vec<StudyArm> {
        let planned = self.expand();
        let with_run = recorded.into_iter().filter_map(|(place, run)| Some((planned.get(place as usize)?, run)));
        if !self.is_of_two_engines() {
            let arm = |(of, recorded): (&StudyRun, Recorded)| StudyArm {
                label: of.label.clone(),
                task: of.role.task().cloned(),
                recorded,
            };
            return with_run.map(arm).collect();
        }
        // In the order of tasks, and within one of engines, which is what readers expect and no accident of rounds.
        let mut rounds: BTreeMap<(usize, String), BTreeMap<u32, Recorded>> = BTreeMap::new();
        for (of, run) in with_run.filter(|(_, run)| run.state == Some(RunState::Done)) {
            let Role::Round { engine, task, round } = &of.role else { continue };
            let place = self.tasks.iter().position(|of| Some(of) == task.as_ref()).unwrap_or_default();
            rounds.entry((place, engine.clone())).or_default().insert(*round, run);
        }
        let whole = |place: usize| {
            let each = self.engines.keys().map(|engine| {
                let of = rounds.get(&(place, engine.clone()));
                of.map(|of| of.keys().copied().collect::<BTreeSet<u32>>()).unwrap_or_default()
            });
            each.reduce(|all, of| &all & &of).unwrap_or_default()
        };
        let whole: BTreeMap<usize, BTreeSet<u32>> = rounds.keys().map(|(place, _)| (*place, whole(*place))).collect();
        let arm = |((place, engine), of): ((usize, String), BTreeMap<u32, Recorded>)| {
            let task = self.tasks.get(place).cloned();
            let label = task.as_ref().map_or_else(|| engine.clone(), |task| format!("{engine}, {task}"));
            let of = of.into_iter().filter(|(round, _)| whole[&place].contains(round)).collect();
            Some(StudyArm { label, task, recorded: join(of, study)? })
        };
        rounds.into_iter().filter_map(arm).collect()
    }
}
