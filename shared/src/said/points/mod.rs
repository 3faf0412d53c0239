//! Owns the table of points as text: its columns by what a run has, and a line for each point.
//! Must not know elements or files.

mod beside;
mod columns;
mod limit;
mod line;

pub use columns::{Column, Group, Has, Shown, groups};
pub use line::{Cell, Line, lines};

use crate::view::RunView;

/// Why it is not known what the hardware allows, where there is hardware of which that is asked.
#[must_use]
pub fn no_limit(view: &RunView) -> Option<String> {
    let has_gpus = view.engines.iter().any(|engine| !engine.gpus.is_empty());
    let summaries = || view.trials.iter().filter_map(|trial| trial.summary.as_ref());
    if !has_gpus || summaries().any(|summary| summary.limit.is_some()) {
        return None;
    }
    let why = summaries().find_map(|summary| summary.no_limit.as_ref())?;
    Some(format!("What the hardware allows is unknown: {why}"))
}
