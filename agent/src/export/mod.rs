//! Owns the ways in which results leave: one form in JSON, tables, records, the layouts of other tools, and a run whole.
//! Must not know who asks for them, nor how figures come about.

pub mod archive;
mod exporter;
mod failure;
mod folder;
mod form;
mod format;
mod parquet;
mod study;
mod sweep;
mod table;

pub use exporter::{Content, Exported, Exporter};
pub use failure::ExportError;
pub use folder::{Part, tar, untar};
pub use form::{NamedRun, PointForm, RunForm, StudyForm, TrialForm, run_schema, study_schema};
pub use format::Format;
pub use study::{METRICS_DATA, PLOTS_MISSING};
pub use sweep::SIDECAR_KEY;
pub use table::{COLUMNS, is_header};

#[cfg(test)]
mod tests;
