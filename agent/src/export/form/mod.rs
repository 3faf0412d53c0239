//! Owns the JSON form of runs and studies: the one that every command writes and reads, and its schema.
//! Must not know where it is written to, nor what is compared.

mod run;
mod schema;
mod study;

pub use run::{PointForm, RunForm, TrialForm};
pub use schema::{run_schema, study_schema};
pub use study::{NamedRun, StudyForm};
