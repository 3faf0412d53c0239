//! Owns what is left of a tool's result where it is kept: what its figures are read from, and no prompt, answer or path.
//! Must not know any tool's format.

use crate::import;
use anyhow::{Context, anyhow, ensure};
use serde_json::Value;
use shared::summary::Summary;

/// What is at most this long is kept without asking whether a figure needs it, bytes.
const SHORT: usize = 200;

/// A result without all that its figures do not need.
///
/// # Errors
/// Where it is no result, or has other figures without what must not be kept.
pub(super) fn cut(text: &str) -> anyhow::Result<Value> {
    let mut value: Value = serde_json::from_str(&import::finite(text)).context("a tool's result is no JSON")?;
    let whole = figures(&value)?;
    let mut places = vec![String::new()];
    while let Some(place) = places.pop() {
        for name in long_names(&value, &place) {
            let mut without = value.clone();
            if let Some(Value::Object(fields)) = without.pointer_mut(&place) {
                fields.remove(&name);
            }
            if figures(&without).is_ok_and(|figures| figures == whole) {
                value = without;
            } else {
                places.push(format!("{place}/{}", name.replace('~', "~0").replace('/', "~1")));
            }
        }
        if let Some(Value::Array(list)) = value.pointer(&place) {
            places.extend((0..list.len()).map(|at| format!("{place}/{at}")));
        }
    }
    without_paths(&mut value);
    ensure!(figures(&value)? == whole, "a tool's result loses figures where its paths are cut");
    Ok(value)
}

/// The figures of a result.
///
/// # Errors
/// Where it is none.
pub(super) fn figures(result: &Value) -> anyhow::Result<Summary> {
    import::figures(result.to_string().as_bytes()).map_err(|why| anyhow!("a tool's result cannot be read: {why}"))
}

/// The names at a place under which something long stands.
fn long_names(value: &Value, place: &str) -> Vec<String> {
    let Some(Value::Object(fields)) = value.pointer(place) else { return Vec::new() };
    fields.iter().filter(|(_, value)| value.to_string().len() > SHORT).map(|(name, _)| name.clone()).collect()
}

fn without_paths(value: &mut Value) {
    let is_path = |value: &Value| value.as_str().is_some_and(|text| text.starts_with('/'));
    match value {
        Value::Array(list) => list.iter_mut().for_each(without_paths),
        Value::Object(fields) => {
            fields.retain(|_, value| !is_path(value));
            fields.values_mut().for_each(without_paths);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_figure_needs_is_not_kept() {
        let text = serde_json::json!({
            "completed": 1, "duration": 1.0, "request_throughput": 1.0, "model_id": "m", "num_prompts": 1,
            "max_concurrency": 1, "errors": vec![""; 170], "generated_texts": "x".repeat(201), "label": "short",
            "dataset_path": "/tmp/prompts.jsonl", "other/text": "y".repeat(300), "output_lens": vec![2; 100]
        });
        let kept = cut(&text.to_string()).unwrap();
        let names: Vec<&str> = kept.as_object().unwrap().keys().map(String::as_str).collect();
        let expect =
            ["completed", "duration", "label", "max_concurrency", "model_id", "num_prompts", "request_throughput"];
        let mut sorted = names.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, expect);
        assert_eq!(cut(&kept.to_string()).unwrap(), kept);
        assert!(cut("{}").is_err() && cut("text").is_err());
    }
}
