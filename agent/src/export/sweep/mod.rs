//! Owns the folders of `vllm bench sweep`: a folder a combination, a file a repeat, and the summaries that its plots read.
//! Must not know how figures are computed by its definitions.

mod figures;
mod place;
mod result;

use super::failure::ExportError;
use super::folder::Part;
use super::form::{RunForm, TrialForm};
use crate::blob::BlobStore;
use crate::import::VLLM_BENCH;
use crate::record::{RequestRecord, Span};
use figures::Figures;
use result::Row;
use serde_json::json;
use shared::plan::Plan;
use shared::view::RunView;

/// The version of vLLM whose files and definitions these are.
const VERSION: &str = "0.25.1";
/// The name that tells the file beside a sweep's from results.
pub const SIDECAR_KEY: &str = "tokenprism_sweep";
/// What is said of the definitions beside the files.
const DEFINITIONS: [(&str, &str); 9] = [
    (
        "requests",
        "Those that belong to the trial's window; what is before it is warm-up. An answer that was cut off counts as failed.",
    ),
    (
        "duration",
        "From the first of them sent to the last one's end, s. Where a duration ends a trial, load goes on meanwhile.",
    ),
    (
        "throughputs",
        "Whole numbers of these requests over that duration, ramp and drain included: lower than those of the saturated window.",
    ),
    ("percentiles", "Linear between ranks, as NumPy's; std of the whole."),
    ("ttft", "From the first byte sent on an open connection; the bench starts before a connection is opened."),
    (
        "tpot",
        "(last − first chunk) / (tokens − 1), of answers with more than one token; absent where tokens of an answer are unknown.",
    ),
    ("itl", "Gaps between chunks, pooled."),
    ("max_concurrent_requests", "Most requests in flight at some time of a one-second bucket: no concurrency."),
    ("max_output_tokens_per_s", "Most chunks in a one-second bucket."),
];

/// The files of a run's sweep, under the time of its creation.
///
/// # Errors
/// Where no trial has figures by these definitions, or records cannot be read.
pub(super) fn parts(view: &RunView, form: &RunForm, blobs: &BlobStore) -> Result<Vec<Part>, ExportError> {
    let folder = place::stamp(form.created_unix_ms).replace('-', "_");
    let mut left_out = Vec::new();
    let mut combinations: Vec<(String, Vec<Row>)> = Vec::new();
    for trial in &form.trials {
        let told = measured(view, form, trial, blobs).map_err(Lost::into_error)?;
        let (place, figures) = match (place::of(form, trial), told) {
            (Ok(place), Ok(figures)) => (place, figures),
            (Err(why), _) | (_, Err(why)) => {
                left_out.push(json!({"point": trial.point, "repeat": trial.repeat, "why": why}));
                continue;
            }
        };
        let at = combinations.iter().position(|(name, _)| *name == place.folder).unwrap_or_else(|| {
            combinations.push((place.folder.clone(), Vec::new()));
            combinations.len() - 1
        });
        let number = combinations[at].1.len();
        combinations[at].1.push(Row::of(form, &place, &figures, place::ended(form, trial), number));
    }
    if combinations.is_empty() {
        let why = left_out.first().and_then(|out| out["why"].as_str()).unwrap_or("No trial of it has ended.");
        return Err(ExportError::Nothing { of: form.run.to_string(), format: "sweep", why: why.to_owned() });
    }
    let mut parts = Vec::new();
    for (name, rows) in &combinations {
        for (number, row) in rows.iter().enumerate() {
            parts.push(Part::new(format!("{folder}/{name}/run={number}.json"), row.json()?));
        }
        parts.push(Part::new(format!("{folder}/{name}/summary.json"), result::list(rows)?));
    }
    let rows = combinations.iter().flat_map(|(_, rows)| rows);
    parts.push(Part::new(format!("{folder}/summary.csv"), result::csv(rows)?));
    let sidecar = json!({
        SIDECAR_KEY: 1,
        "run": form.run,
        "name": form.plan.name,
        "agent_version": form.agent_version,
        "bench_version": VERSION,
        "definitions": DEFINITIONS.into_iter().collect::<std::collections::BTreeMap<_, _>>(),
        "parameters_left_out": place::left_out(&form.plan),
        "trials_left_out": left_out,
    });
    parts.push(Part::new(format!("{folder}/definitions.json"), serde_json::to_vec_pretty(&sidecar)?));
    Ok(parts)
}

/// The records could not be read.
struct Lost(crate::blob::BlobError);

impl Lost {
    fn into_error(self) -> ExportError {
        ExportError::Blob(self.0)
    }
}

/// A trial's figures by the bench's definitions; within, why there are none, as a sentence.
fn measured(
    view: &RunView,
    form: &RunForm,
    trial: &TrialForm,
    blobs: &BlobStore,
) -> Result<Result<Figures, String>, Lost> {
    match &form.source {
        Some(source) if source.tool == VLLM_BENCH => return Ok(Ok(Figures::told(&trial.summary))),
        Some(source) => {
            return Ok(Err(format!(
                "It was measured by {}, whose definitions are others, and has no records.",
                source.tool
            )));
        }
        None => {}
    }
    let view = trial.trial.and_then(|index| view.trials.get(index as usize));
    let Some(blob) = view.and_then(|view| view.blob.as_ref()) else {
        return Ok(Err("The records of its requests could not be written when it was measured.".to_owned()));
    };
    let records = match blobs.read(blob) {
        Ok(records) => records,
        Err(error @ crate::blob::BlobError::Missing(_)) => return Ok(Err(error.to_string())),
        Err(error) => return Err(Lost(error)),
    };
    let span = Span::of_summary(&trial.summary, &form.plan);
    let held: Result<Vec<RequestRecord>, _> =
        records.filter(|record| record.as_ref().map_or(true, |record| span.holds(record))).collect();
    let slo = form.plan.slo.as_ref();
    Ok(Figures::of(&held.map_err(Lost)?, slo).ok_or_else(|| "No request of its window was sent.".to_owned()))
}

/// Engine parameters of one configuration of a plan, where its configurations can be counted out.
fn params(plan: &Plan, configuration: u32) -> std::collections::BTreeMap<String, shared::engine::ParamValue> {
    let all = if plan.is_bounded() { plan.configurations() } else { Vec::new() };
    all.into_iter().nth(configuration as usize).map_or_else(|| plan.engine.params.clone(), |of| of.params)
}
