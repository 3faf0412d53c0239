//! Owns one side of a comparison: a point of a run, and the values that its trials give a figure.
//! Must not know the other side.

use super::figure::Figure;
use super::recorded::{Recorded, RecordedPoint};
use crate::ids::PointIndex;
use crate::plan::Order;
use serde::{Deserialize, Serialize};

/// A point of a run.
#[derive(Clone, Copy, Debug)]
pub struct Arm<'a> {
    /// The run.
    pub run: &'a Recorded,
    /// Which of its points.
    pub index: PointIndex,
}

/// Why a figure cannot be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// No trial ended.
    NoTrials,
    /// Some trials do not have it.
    Values {
        /// Trials that have it.
        have: u32,
        /// All of them.
        of: u32,
    },
}

impl Missing {
    /// Why, as a sentence.
    #[must_use]
    pub fn sentence(self) -> String {
        match self {
            Missing::NoTrials => "There are no figures of single trials: measure again, or export anew.".to_owned(),
            Missing::Values { have, of } => format!(
                "Only {have} of {of} trials have this figure: it is not measured there, or a trial has too few requests \
                 for it."
            ),
        }
    }
}

impl<'a> Arm<'a> {
    /// A point of a run, where there is such a one.
    #[must_use]
    pub fn of(run: &'a Recorded, index: PointIndex) -> Option<Self> {
        run.points.get(index as usize).map(|_| Self { run, index })
    }

    /// Every point of a run.
    pub fn all(run: &'a Recorded) -> impl Iterator<Item = Self> {
        (0..).zip(&run.points).map(move |(index, _)| Self { run, index })
    }

    /// Its point.
    #[must_use]
    pub fn point(&self) -> Option<&'a RecordedPoint> {
        self.run.points.get(self.index as usize)
    }

    /// Each trial's repeat and value, by the repeat.
    ///
    /// # Errors
    /// [`Missing`] where not every trial has one: figures of the others would be of a choice.
    pub fn values(&self, figure: Figure) -> Result<Vec<(u32, f64)>, Missing> {
        let trials: Vec<_> = self.run.trials_of(self.index).collect();
        if trials.is_empty() {
            return Err(Missing::NoTrials);
        }
        let mut values: Vec<(u32, f64)> =
            trials.iter().filter_map(|trial| Some((trial.repeat, figure.read(&trial.summary)?))).collect();
        if values.len() < trials.len() {
            return Err(Missing::Values { have: values.len() as u32, of: trials.len() as u32 });
        }
        // Trials lie as they were executed, and one that was made up for comes late; rounds are told by their repeats.
        values.sort_by_key(|(repeat, _)| *repeat);
        Ok(values)
    }

    /// True where its trials and those of the other were measured in turns on purpose: two configurations of one run,
    /// interleaved, or two engines in the rounds of one study. Each repeat is a block then.
    #[must_use]
    pub fn interleaves_with(&self, other: &Arm) -> bool {
        let configuration = |arm: &Arm| arm.point().map(|point| point.configuration);
        if self.run.run != other.run.run {
            return self.run.rounds_of.is_some() && self.run.rounds_of == other.run.rounds_of;
        }
        self.run.plan.engine.order == Order::Interleaved && configuration(self) != configuration(other)
    }
}
