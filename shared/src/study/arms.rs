//! Owns what of a study is compared: its runs with their labels, and where a run is a round of an engine, all of them as one.
//! Must not know where runs are kept, nor what the comparison comes to.

use super::expand::{Role, StudyRun};
use super::plan::StudyPlan;
use crate::compare::{Recorded, join};
use crate::event::RunState;
use crate::ids::StudyId;
use std::collections::BTreeMap;

/// One side of a study's comparisons.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct StudyArm {
    /// What tells it from the others.
    pub label: String,
    /// The task that it was asked, where the study has tasks.
    pub task: Option<String>,
    /// Its figures.
    pub recorded: Recorded,
}

impl StudyPlan {
    /// What a study compares, each with the label that tells it from the others: its runs that have figures, given by their
    /// places; of an A/B of two engines an engine, whose runs are its repeats. Of those count that came to their end together
    /// with the other engine's of their round.
    #[must_use]
    pub fn labelled(&self, study: &StudyId, recorded: Vec<(u32, Recorded)>) -> Vec<(String, Recorded)> {
        self.arms(study, recorded).into_iter().map(|arm| (arm.label, arm.recorded)).collect()
    }

    /// As [`StudyPlan::labelled`], with the tasks.
    pub(super) fn arms(&self, study: &StudyId, recorded: Vec<(u32, Recorded)>) -> Vec<StudyArm> {
        let planned = self.expand();
        let with_run = recorded.into_iter().filter_map(|(place, run)| Some((planned.get(place as usize)?, run)));
        if self.is_of_two_engines() {
            return self.engines_of_rounds(study, with_run);
        }
        let arm = |(of, recorded): (&StudyRun, Recorded)| StudyArm {
            label: of.label.clone(),
            task: of.role.task().cloned(),
            recorded,
        };
        with_run.map(arm).collect()
    }

    /// In the order of tasks, and within one of engines, which is what readers expect and no accident of rounds.
    fn engines_of_rounds<'a>(
        &self,
        study: &StudyId,
        runs: impl Iterator<Item = (&'a StudyRun, Recorded)>,
    ) -> Vec<StudyArm> {
        let mut rounds: BTreeMap<(usize, u32), Vec<(String, Recorded)>> = BTreeMap::new();
        for (of, run) in runs.filter(|(_, run)| run.state == Some(RunState::Done)) {
            let Role::Round { engine, task, round } = &of.role else { continue };
            let place = self.tasks.iter().position(|of| Some(of) == task.as_ref()).unwrap_or_default();
            rounds.entry((place, *round)).or_default().push((engine.clone(), run));
        }
        let mut engines: BTreeMap<(usize, String), BTreeMap<u32, Recorded>> = BTreeMap::new();
        let whole = rounds.into_iter().filter(|(_, runs)| runs.len() == self.engines.len());
        for ((place, round), runs) in whole {
            for (engine, run) in runs {
                engines.entry((place, engine)).or_default().insert(round, run);
            }
        }
        let arm = |((place, engine), rounds): ((usize, String), BTreeMap<u32, Recorded>)| {
            let task = self.tasks.get(place).cloned();
            let label = task.as_ref().map_or_else(|| engine.clone(), |task| format!("{engine}, {task}"));
            Some(StudyArm { label, task, recorded: join(rounds, study)? })
        };
        engines.into_iter().filter_map(arm).collect()
    }
}
