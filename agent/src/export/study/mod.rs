//! Owns the folders of the published study: metrics of all runs together, and the timelines of memory and KV cache.
//! Must not know how plots are drawn: they are given as files.

mod timeline;

pub use timeline::Reads;

use super::failure::ExportError;
use super::folder::{Part, distinct};
use super::form::{NamedRun, RunForm, StudyForm};
use super::table::table;
use shared::view::RunView;

/// Where the metrics stand; plots of them go beside.
const METRICS: &str = "results/metrics_study";
/// Where the timelines of device memory stand, each with its plot.
const MEMORY: &str = "results/kv_cache_study";
/// Where those of KV caches stand, a folder a task, each with its plot.
const CACHE: &str = "kv_cache_study";
/// The file of all figures.
pub const METRICS_DATA: &str = "metrics_data.json";

/// A run of the study.
pub(super) struct StudyRun<'a> {
    pub index: u32,
    pub label: String,
    pub view: &'a RunView,
    pub form: RunForm,
    /// What was read of its machine, read by read.
    pub reads: Reads,
}

/// The files of some runs in the study's folders; `plots` are PNG files by their way from the folder.
///
/// # Errors
/// Where they cannot be encoded.
pub(super) fn parts(runs: Vec<StudyRun<'_>>, plots: Vec<Part>) -> Result<Vec<Part>, ExportError> {
    let forms: Vec<RunForm> = runs.iter().map(|run| run.form.clone()).collect();
    let mut parts = vec![Part::new(format!("{METRICS}/metrics_summary.csv"), table(&forms)?)];
    let tasks = distinct(runs.iter().map(|run| run.label.clone()));
    let is_alone = runs.len() == 1;
    for (run, task) in runs.iter().zip(&tasks) {
        if let Some(memory) = timeline::memory(run) {
            let folder = if is_alone { MEMORY.to_owned() } else { format!("{MEMORY}/{task}") };
            parts.push(Part::new(format!("{folder}/gpu_memory_data.json"), serde_json::to_vec_pretty(&memory)?));
        }
        if let Some(cache) = timeline::cache(run) {
            parts.push(Part::new(format!("{CACHE}/{task}/kv_cache_data.json"), serde_json::to_vec_pretty(&cache)?));
        }
    }
    let named = |run: StudyRun<'_>| NamedRun { index: run.index, label: run.label, recorded: run.form };
    let metrics = StudyForm::of(None, runs.into_iter().map(named).collect());
    parts.insert(0, Part::new(format!("{METRICS}/{METRICS_DATA}"), metrics.bytes()?));
    parts.extend(plots);
    Ok(parts)
}

/// What the study would call a run's task: the prompts' name where they have one, else the plan's.
pub(super) fn task(form: &RunForm) -> String {
    let prompts = form.plan.workload.prompts.clone().filter(|name| name != "all");
    prompts.unwrap_or_else(|| form.plan.name.clone())
}
