//! Owns the tests of the schemas that are checked in: they are those of the types, and what is written keeps them.
//! Must not know how a form is made.

use super::fixture::{Store, fixtures, trials};
use crate::export::{Format, NamedRun, RunForm, StudyForm, run_schema, study_schema};
use jsonschema::Validator;
use serde_json::Value;
use shared::compare::Recorded;
use shared::study::{StudyPlan, StudyView};
use std::path::{Path, PathBuf};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schema").join(name)
}

/// `UPDATE=1 cargo test -p tokenprism --lib schema` writes the files anew.
#[test]
fn the_schemas_that_are_checked_in_are_those_of_the_types() {
    for (name, schema) in [("run.schema.json", run_schema()), ("study.schema.json", study_schema())] {
        let made = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        if std::env::var_os("UPDATE").is_some() {
            std::fs::create_dir_all(file(name).parent().unwrap()).unwrap();
            std::fs::write(file(name), &made).unwrap();
        }
        let kept = std::fs::read_to_string(file(name)).unwrap_or_default();
        assert!(kept == made, "docs/schema/{name} is old: run UPDATE=1 cargo test -p tokenprism --lib schema");
    }
}

/// A schema that is checked in, refusing what it does not name: a reader may pass new fields over, these tests may not.
fn strict(name: &str) -> Validator {
    fn close(value: &mut Value) {
        match value {
            Value::Object(map) => {
                if map.contains_key("properties") && !map.contains_key("additionalProperties") {
                    map.insert("additionalProperties".to_owned(), Value::Bool(false));
                }
                map.values_mut().for_each(close);
            }
            Value::Array(list) => list.iter_mut().for_each(close),
            _ => {}
        }
    }
    let mut schema = serde_json::from_str(&std::fs::read_to_string(file(name)).unwrap()).unwrap();
    close(&mut schema);
    jsonschema::validator_for(&schema).unwrap()
}

fn check(schema: &Validator, name: &str, bytes: &[u8]) -> Value {
    let value: Value = serde_json::from_slice(bytes).unwrap();
    let wrong: Vec<String> = schema.iter_errors(&value).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(wrong.is_empty(), "{name}: {wrong:#?}");
    value
}

#[tokio::test]
async fn exported_runs_keep_the_schema() {
    let (schema, store) = (strict("run.schema.json"), Store::new());
    let own = store.own_run(&trials()).await;
    let mut value = check(&schema, "own", &store.bytes(&own, Format::Json).await);
    for run in store.import_folder(fixtures()).await {
        check(&schema, run.as_str(), &store.bytes(&run, Format::Json).await);
    }
    // It would notice a field that it does not know, anywhere.
    value["points"][0]["summary"]["ttft"]["p42"] = 1.into();
    assert!(!schema.is_valid(&value));
}

#[tokio::test]
async fn exported_studies_keep_the_schema() {
    let (schema, store) = (strict("study.schema.json"), Store::new());
    let run = store.own_run(&trials()).await;
    let view = store.log.view(&run).await.unwrap().unwrap();
    let recorded = Recorded::of(&view).unwrap();
    let of = |key: &str| {
        let plan: StudyPlan = shared::study::find(key).unwrap();
        let places = 0..plan.expand().len() as u32;
        let id = shared::ids::StudyId::new(5, 5);
        let study = StudyView::of(id, plan, 7, &[], places.map(|place| (place, recorded.clone())).collect());
        let named = NamedRun { index: 0, label: "first".to_owned(), recorded: RunForm::of(&view).unwrap() };
        StudyForm::of(Some(study), vec![named]).bytes().unwrap()
    };
    for key in ["kv_cache", "decomposition", "ab"] {
        check(&schema, key, &of(key));
    }
    let mut value = check(&schema, "together", &StudyForm::of(None, vec![]).bytes().unwrap());
    // As it was written by the command.
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/evidence/h100-decomposition/decomposition.json");
    let kept = check(&schema, "evidence", &std::fs::read(kept).unwrap());
    assert!(!kept["study"]["decomposition"]["cases"][0]["steps"][1]["against"].as_object().unwrap().is_empty());
    value["runs"] = serde_json::json!([{ "index": 0, "label": "first", "recorded": {} }]);
    assert!(!schema.is_valid(&value));
}
