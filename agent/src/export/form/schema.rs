//! Owns the JSON Schema of a run's form, made of the types that are written.
//! Must not know where it is checked in.

use super::RunForm;
use schemars::generate::SchemaSettings;
use serde_json::Value;

/// Where the schema of this version lies in the sources.
const ID: &str = "docs/schema/run.schema.json";

/// The schema of a run's form, as it is written.
#[must_use]
pub fn run_schema() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut schema = settings.into_generator().into_root_schema_for::<RunForm>();
    schema.insert("$id".to_owned(), ID.into());
    schema.insert("title".to_owned(), "A run of Tokenprism, version 1".into());
    schema.to_value()
}
