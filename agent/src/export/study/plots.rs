//! Owns the plots beside the files of the published study's layout: which of the page's charts stand where.
//! Must not know how charts are computed, nor what the files beside them say.

use crate::export::folder::Part;
use crate::render::{Canvas, Chart, Format, Renderer, RunSubject, Section, StudySubject, Subject, charts};
use shared::study::StudyView;
use shared::view::RunView;
use std::sync::Arc;

/// The chart of a timeline, and what the study calls its picture.
pub(super) type Timeline = (&'static str, &'static str);
/// The memory of a run's GPUs over its time.
pub(super) const OF_MEMORY: Timeline = ("gpu-memory", "gpu_memory_timeline");
/// A run's KV cache over its time.
pub(super) const OF_CACHE: Timeline = ("kv-cache", "kv_cache_timeline");
/// Says which plots there are not, and why.
pub const MISSING: &str = "plots_missing.txt";

/// Plots of some runs as they are gathered; what could not be drawn is told of rather than left out in silence.
pub(super) struct Plots {
    renderer: Result<Renderer, String>,
    parts: Vec<Part>,
    missing: Vec<String>,
}

impl Plots {
    /// None yet.
    pub fn new() -> Self {
        let renderer = Renderer::new().map_err(|error| error.to_string());
        Self { renderer, parts: Vec::new(), missing: Vec::new() }
    }

    /// Figures over levels, and those of a ladder, into a folder.
    pub fn of_metrics(&mut self, study: Option<StudyView>, alone: Option<&Arc<RunView>>, folder: &str) {
        let subject = match (study, alone) {
            (Some(view), _) => Subject::Study(Box::new(StudySubject { view, runs: Vec::new() })),
            (None, Some(view)) => of_run(view),
            (None, None) => return,
        };
        for chart in charts(&subject)
            .iter()
            .filter(|of| matches!(of.section, Section::Levels | Section::Ladder | Section::LeftOut))
        {
            self.take(format!("{folder}/{}.png", chart.name), chart);
        }
    }

    /// Timelines of a run, each into its folder; of more GPUs than a chart can show, several pictures.
    pub fn of_timelines(&mut self, view: &Arc<RunView>, timelines: &[(Timeline, String)]) {
        if timelines.is_empty() {
            return;
        }
        let subject = of_run(view);
        let charts = charts(&subject);
        for ((chart, file), folder) in timelines {
            for found in &charts {
                let Some(number) = found.name.strip_prefix(chart).filter(|rest| is_number(rest)) else { continue };
                self.take(format!("{folder}/{file}{number}.png"), found);
            }
        }
    }

    fn take(&mut self, path: String, chart: &Chart) {
        let draw = |renderer: &Renderer| renderer.picture(chart, &Canvas::default(), Format::Png);
        let drawn = match &self.renderer {
            Ok(renderer) => draw(renderer).map_err(|error| error.to_string()),
            Err(why) => Err(why.clone()),
        };
        match drawn {
            Ok(bytes) => self.parts.push(Part::new(path, bytes)),
            Err(why) => self.missing.push(format!("{path}: {why}")),
        }
    }

    /// The files, the one that tells what is missing last.
    pub fn parts(mut self) -> Vec<Part> {
        if !self.missing.is_empty() {
            let lines = self.missing.iter().map(|line| format!("{line}\n"));
            self.parts.push(Part::new(MISSING, lines.collect::<String>()));
        }
        self.parts
    }
}

fn of_run(view: &Arc<RunView>) -> Subject {
    Subject::Run(Box::new(RunSubject::new(Arc::clone(view), Ok(Vec::new()))))
}

/// What follows the name of a chart where there are several of it: nothing, or a hyphen and a number.
fn is_number(rest: &str) -> bool {
    rest.is_empty() || rest.strip_prefix('-').is_some_and(|number| number.parse::<u32>().is_ok())
}
