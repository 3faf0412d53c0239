//! Owns the folders of the published study: metrics of all runs together, and the timelines of memory and KV cache.
//! Must not know how plots are drawn.

mod plots;
mod timeline;

pub use plots::MISSING as PLOTS_MISSING;

pub use timeline::Reads;

use super::failure::ExportError;
use super::folder::{Part, distinct};
use super::form::{NamedRun, RunForm, StudyForm};
use super::table::table;
use plots::{OF_CACHE, OF_MEMORY, Plots};
use shared::study::StudyView;
use shared::view::RunView;
use std::sync::Arc;

/// Where the metrics stand, and the plots of them.
const METRICS: &str = "results/metrics_study";
const METRICS_PLOTS: &str = "results/metrics_study/plots";
/// Where the timelines of device memory stand, each with its plot.
const MEMORY: &str = "results/kv_cache_study";
/// Where those of KV caches stand, a folder a task, each with its plot.
const CACHE: &str = "kv_cache_study";
/// The file of all figures.
pub const METRICS_DATA: &str = "metrics_data.json";

/// A run of the study.
pub(super) struct StudyRun {
    pub index: u32,
    pub label: String,
    pub view: Arc<RunView>,
    pub form: RunForm,
    /// What was read of its machine, read by read.
    pub reads: Reads,
}

/// The files of some runs in the study's folders, with their plots: to be called where drawing may take its time.
///
/// # Errors
/// Where they cannot be encoded.
pub(super) fn parts(study: Option<StudyView>, runs: Vec<StudyRun>) -> Result<Vec<Part>, ExportError> {
    let forms: Vec<RunForm> = runs.iter().map(|run| run.form.clone()).collect();
    let mut parts = vec![Part::new(format!("{METRICS}/metrics_summary.csv"), table(&forms)?)];
    let tasks = distinct(runs.iter().map(|run| run.label.clone()));
    let alone = if let [run] = runs.as_slice() { Some(Arc::clone(&run.view)) } else { None };
    let mut plots = Plots::new();
    plots.of_metrics(study, alone.as_ref(), METRICS_PLOTS);
    for (run, task) in runs.iter().zip(&tasks) {
        let mut timelines = Vec::new();
        if let Some(memory) = timeline::memory(run) {
            let folder = if alone.is_some() { MEMORY.to_owned() } else { format!("{MEMORY}/{task}") };
            parts.push(Part::new(format!("{folder}/gpu_memory_data.json"), serde_json::to_vec_pretty(&memory)?));
            timelines.push((OF_MEMORY, folder));
        }
        if let Some(cache) = timeline::cache(run) {
            let folder = format!("{CACHE}/{task}");
            parts.push(Part::new(format!("{folder}/kv_cache_data.json"), serde_json::to_vec_pretty(&cache)?));
            timelines.push((OF_CACHE, folder));
        }
        plots.of_timelines(&run.view, &timelines);
    }
    let named = |run: StudyRun| NamedRun { index: run.index, label: run.label, recorded: run.form };
    let metrics = StudyForm::of(None, runs.into_iter().map(named).collect());
    parts.insert(0, Part::new(format!("{METRICS}/{METRICS_DATA}"), metrics.bytes()?));
    parts.extend(plots.parts());
    Ok(parts)
}

/// What the study would call a run's task: the prompts' name where they have one, else the plan's.
pub(super) fn task(form: &RunForm) -> String {
    let prompts = form.plan.workload.prompts.clone().filter(|name| name != "all");
    prompts.unwrap_or_else(|| form.plan.name.clone())
}
