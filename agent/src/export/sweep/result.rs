//! Owns a result as the bench writes it: names, order, and the same as JSON, a list of them, and a line of CSV.
//! Must not know how figures are computed, nor where files lie.

use super::super::failure::ExportError;
use super::super::form::RunForm;
use super::figures::{Figures, Spread};
use super::place::{Place, stamp};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use shared::engine::EngineKind;
use shared::summary::{Distribution, Summary};

/// The fields of a result in the order in which the bench writes them.
pub(super) const FIELDS: [&str; 41] = [
    "date",
    "endpoint_type",
    "backend",
    "label",
    "model_id",
    "tokenizer_id",
    "num_prompts",
    "request_rate",
    "burstiness",
    "max_concurrency",
    "ramp_up_strategy",
    "ramp_up_start_rps",
    "ramp_up_end_rps",
    "duration",
    "completed",
    "failed",
    "total_input_tokens",
    "total_output_tokens",
    "request_throughput",
    "request_goodput",
    "output_throughput",
    "total_token_throughput",
    "max_output_tokens_per_s",
    "max_concurrent_requests",
    "mean_ttft_ms",
    "median_ttft_ms",
    "std_ttft_ms",
    "p99_ttft_ms",
    "mean_tpot_ms",
    "median_tpot_ms",
    "std_tpot_ms",
    "p99_tpot_ms",
    "mean_itl_ms",
    "median_itl_ms",
    "std_itl_ms",
    "p99_itl_ms",
    "mean_e2el_ms",
    "median_e2el_ms",
    "std_e2el_ms",
    "p99_e2el_ms",
    "run_number",
];

/// One result, its fields in order.
pub(super) struct Row(Vec<(String, Value)>);

impl Row {
    /// The result of a trial.
    pub(super) fn of(form: &RunForm, place: &Place, figures: &Figures, ended_unix_ms: u64, number: usize) -> Self {
        let backend = backend(form);
        let told = form.source.is_some();
        let asked = form.plan.load.requests.filter(|_| told).map(u64::from);
        let prompts = asked.unwrap_or(figures.completed + figures.failed.unwrap_or(0));
        let mut fields: Vec<(&str, Value)> = vec![
            ("date", json!(stamp(ended_unix_ms))),
            ("endpoint_type", json!(backend)),
            ("backend", json!(backend)),
            ("label", Value::Null),
            ("model_id", json!(model(form))),
            ("tokenizer_id", Value::Null),
            ("num_prompts", json!(prompts)),
            ("request_rate", place.request_rate.clone()),
            ("burstiness", json!(place.burstiness)),
            ("max_concurrency", json!(place.max_concurrency)),
        ];
        if let Some((strategy, from, to)) = place.ramp {
            fields.extend([
                ("ramp_up_strategy", json!(strategy)),
                ("ramp_up_start_rps", json!(from)),
                ("ramp_up_end_rps", json!(to)),
            ]);
        }
        fields.extend([
            ("duration", json!(figures.duration)),
            ("completed", json!(figures.completed)),
            ("failed", json!(figures.failed)),
            ("total_input_tokens", json!(figures.total_input_tokens)),
            ("total_output_tokens", json!(figures.total_output_tokens)),
            ("request_throughput", json!(figures.request_throughput)),
            ("request_goodput", json!(figures.request_goodput)),
            ("output_throughput", json!(figures.output_throughput)),
            ("total_token_throughput", json!(figures.total_token_throughput)),
            ("max_output_tokens_per_s", json!(figures.max_output_tokens_per_s)),
            ("max_concurrent_requests", json!(figures.max_concurrent_requests)),
        ]);
        let mut row: Vec<(String, Value)> = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let latencies = [("ttft", figures.ttft), ("tpot", figures.tpot), ("itl", figures.itl), ("e2el", figures.e2el)];
        for (name, spread) in latencies {
            let values = [("mean", spread.mean), ("median", spread.median), ("std", spread.std), ("p99", spread.p99)];
            row.extend(values.map(|(what, value)| (format!("{what}_{name}_ms"), json!(value))));
        }
        row.push(("run_number".to_owned(), json!(number)));
        row.extend(place.params.iter().map(|(key, value)| (key.clone(), json!(value))));
        Self(row)
    }

    /// The result as a file.
    pub(super) fn json(&self) -> Result<Vec<u8>, ExportError> {
        indented(self)
    }
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// Several results as a file.
pub(super) fn list(rows: &[Row]) -> Result<Vec<u8>, ExportError> {
    indented(&rows)
}

fn indented(value: &impl Serialize) -> Result<Vec<u8>, ExportError> {
    let mut bytes = Vec::new();
    let format = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, format))?;
    Ok(bytes)
}

/// All results as pandas writes a table: a first column without a name that counts, every name of any row.
pub(super) fn csv<'a>(rows: impl Iterator<Item = &'a Row> + Clone) -> Result<Vec<u8>, ExportError> {
    let mut names: Vec<&String> = Vec::new();
    for (name, _) in rows.clone().flat_map(|row| &row.0) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let failed = |error: csv::Error| ExportError::Encode(error.to_string());
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([""].into_iter().chain(names.iter().map(|name| name.as_str()))).map_err(failed)?;
    for (place, Row(row)) in rows.enumerate() {
        let cell = |name: &&&String| row.iter().find(|(of, _)| of == **name).map(|(_, value)| cell(value));
        let cells = names.iter().map(|name| cell(&name).unwrap_or_default());
        writer.write_record([place.to_string()].into_iter().chain(cells)).map_err(failed)?;
    }
    writer.into_inner().map_err(|error| ExportError::Encode(error.to_string()))
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The bench's word for how the engine was asked.
fn backend(form: &RunForm) -> String {
    if let Some(word) = form.source.as_ref().and_then(|source| source.engine.clone()) {
        return word;
    }
    let word = match form.plan.engine.kind {
        EngineKind::Vllm => "vllm",
        EngineKind::Sglang => "sglang",
        EngineKind::Tgi | EngineKind::GenerateStream => "tgi",
        EngineKind::LlamaServer => "llama.cpp",
        EngineKind::OpenaiChat => "openai-chat",
        EngineKind::Builtin | EngineKind::Transformers | EngineKind::OpenaiCompletions => "openai",
    };
    word.to_owned()
}

fn model(form: &RunForm) -> Option<String> {
    form.engine.as_ref().map(|engine| engine.model.clone()).or_else(|| form.plan.engine.model.clone())
}

impl Figures {
    /// Those of a trial that the bench measured itself: its file's own.
    pub(super) fn told(summary: &Summary) -> Self {
        let spread = |d: &Distribution| Spread { mean: d.mean_ms, median: d.p50.ms(), std: None, p99: d.p99.ms() };
        Self {
            duration: summary.window_s,
            completed: summary.ok,
            failed: Some(summary.attempted.saturating_sub(summary.ok)),
            total_input_tokens: summary.prompt_tokens,
            total_output_tokens: summary.output_tokens,
            request_throughput: summary.request_throughput,
            request_goodput: None,
            output_throughput: summary.output_throughput,
            total_token_throughput: summary.total_throughput,
            max_output_tokens_per_s: None,
            max_concurrent_requests: None,
            ttft: spread(&summary.ttft),
            tpot: spread(&summary.tpot),
            itl: spread(&summary.chunk_gap),
            e2el: spread(&summary.e2e),
        }
    }
}
