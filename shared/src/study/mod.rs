//! Owns studies: sets of runs that are planned, watched and read together, as TOML or JSON, checked before they start.
//! Must not know how a run is executed, or who draws a study.

mod arms;
mod decomposition;
mod estimate;
mod expand;
mod ladder;
mod plan;
mod preset;
mod validate;
mod view;

pub use decomposition::{Case, Decomposition, LADDER_FIGURES, Rung};
pub use estimate::{Assumption, Estimate};
pub use expand::{Role, StudyRun};
pub use plan::{StepPlan, StudyError, StudyKind, StudyPlan};
pub use preset::{PRESETS, StudyPreset, find, toml};
pub use view::{StudyPlace, StudyRow, StudyRunView, StudyState, StudyView};

#[cfg(test)]
mod tests;
