//! Owns the test that holds our sweep to the bench's own: names, order and types of captured files, which its plots read.
//! Must not know how figures are computed.

use super::fixture::{Store, trials};
use crate::export::{Format, untar};
use serde::Deserialize;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// What the files of vLLM 0.25.1 have in common: every one of the 120 results that were captured.
#[derive(Deserialize)]
struct Shape {
    /// Names in their order, each with the JSON type of its values.
    result: Vec<(String, String)>,
    /// The engine's parameters in the captured files, which stand after those.
    parameters: Vec<String>,
}

impl Shape {
    fn read() -> Self {
        serde_json::from_str(include_str!("../../../fixtures/sweep-shape.json")).unwrap()
    }

    /// Names of a result whose engine has these parameters.
    fn names(&self, parameters: &[String]) -> Vec<String> {
        self.result.iter().map(|(name, _)| name).chain(parameters).cloned().collect()
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The names of a result in the order of the file.
fn names(text: &str) -> Vec<String> {
    let name = |line: &str| Some(line.strip_prefix("    \"")?.split_once("\":")?.0.to_owned());
    text.lines().filter_map(name).collect()
}

/// A result of the shape, with the parameters that it has.
fn check(file: &str, text: &str, shape: &Shape, parameters: &[String]) {
    assert_eq!(names(text), shape.names(parameters), "{file}");
    let value: Value = serde_json::from_str(text).unwrap();
    for (name, expect) in &shape.result {
        // What the captured files do not know, ours may; of a tokenizer nobody tells us, and no plot reads it.
        if expect != "null" && name != "tokenizer_id" {
            assert_eq!(kind(&value[name]), expect, "{name} of {file}");
        }
    }
}

fn head(parameters: &[String], shape: &Shape) -> String {
    format!(",{}", shape.names(parameters).join(","))
}

#[tokio::test]
async fn our_sweep_has_the_names_the_order_and_the_types_of_captured_ones() {
    let (store, shape) = (Store::new(), Shape::read());
    let run = store.own_run(&trials()).await;
    let parameters = ["max_num_seqs", "prefix_caching"].map(str::to_owned);
    let files = untar(store.bytes(&run, Format::Sweep).await.as_slice()).unwrap();
    let text = |path: &str| {
        let part = files.iter().find(|part| part.path == path).unwrap_or_else(|| panic!("no {path}"));
        String::from_utf8(part.bytes.clone()).unwrap()
    };
    let results: Vec<&str> =
        files.iter().map(|part| part.path.as_str()).filter(|path| path.contains("/run=")).collect();
    assert_eq!(results.len(), 4);
    results.iter().for_each(|path| check(path, &text(path), &shape, &parameters));
    // The plots read the lists, which hold the same results.
    for folder in results.iter().filter_map(|path| path.strip_suffix("/run=0.json")) {
        let of =
            |number: usize| -> Value { serde_json::from_str(&text(&format!("{folder}/run={number}.json"))).unwrap() };
        let list: Vec<Value> = serde_json::from_str(&text(&format!("{folder}/summary.json"))).unwrap();
        assert_eq!(list, [of(0), of(1)], "{folder}");
    }
    let table = files.iter().find(|part| part.path.ends_with("/summary.csv")).map(|part| text(&part.path));
    let table = table.unwrap();
    assert_eq!(table.lines().next(), Some(head(&parameters, &shape).as_str()));
    assert_eq!(table.lines().count(), 1 + results.len());
}

/// The published study's folder, where it is.
fn captured() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/published-study");
    let dir = std::env::var_os("TOKENPRISM_STUDY").map_or_else(beside, PathBuf::from);
    if !dir.is_dir() {
        println!("skipped: no published study at {} (TOKENPRISM_STUDY names another place)", dir.display());
    }
    dir.is_dir().then_some(dir)
}

#[test]
fn the_shape_is_that_of_the_captured_files() {
    let (Some(dir), shape) = (captured(), Shape::read()) else { return };
    let (mut results, mut tables) = (0, 0);
    for found in crate::import::walk(&[dir.join("vllm")]) {
        let crate::import::Found::File { name, path } = found else { continue };
        let text = || std::fs::read_to_string(&path).unwrap();
        if name.contains("/run=") {
            check(&name, &text(), &shape, &shape.parameters);
            results += 1;
        } else if name.ends_with("/summary.csv") {
            assert_eq!(text().lines().next(), Some(head(&shape.parameters, &shape).as_str()), "{name}");
            tables += 1;
        }
    }
    assert_eq!((results, tables), (120, 5));
}
