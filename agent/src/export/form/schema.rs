//! Owns the JSON Schemas of the forms of runs and studies, made of the types that are written.
//! Must not know where they are checked in.

use super::{RunForm, StudyForm};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

/// The schema of a run's form, as it is written.
#[must_use]
pub fn run_schema() -> Value {
    of::<RunForm>("docs/schema/run.schema.json", "A run of Tokenprism, version 1")
}

/// The schema of a study's form, as it is written.
#[must_use]
pub fn study_schema() -> Value {
    of::<StudyForm>("docs/schema/study.schema.json", "A study of Tokenprism, or some of its runs together, version 1")
}

/// The schema of a form; `id` is where that of this version lies in the sources.
fn of<T: JsonSchema>(id: &str, title: &str) -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    schema.insert("$id".to_owned(), id.into());
    schema.insert("title".to_owned(), title.into());
    schema.to_value()
}
