//! Owns pictures and reports: the page's charts drawn without a browser, and a run or study as one file to read.
//! Must not know who asks for them, nor what a chart shows (`shared::chart` defines that).

mod aside;
mod canvas;
mod catalogue;
mod raster;
mod report;
mod script;
mod subject;

pub use aside::aside;
pub use canvas::{Canvas, Format, theme};
pub use catalogue::{Chart, Section, charts, needs_records, request_name, request_of};
pub use report::report;
pub use script::Renderer;
pub use subject::{PointDistributions, RunSubject, StudySubject, Subject, Zone};

/// Why a picture could not be drawn.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The binary holds no drawing library.
    #[error(
        "This agent was built without its dashboard, whose chart library draws the pictures: run cargo xtask up, which \
         builds both."
    )]
    NotBuilt,
    /// The subject has no such chart.
    #[error("There is no chart \"{name}\" here; there are {known}.")]
    NoSuchChart {
        /// What was asked for.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// The subject has no chart at all.
    #[error("Nothing has been measured that a chart could show.")]
    NoCharts,
    /// A price where no costs can be worked out at it.
    #[error(
        "A price was given, but there are no curves that costs could be drawn in at it: give it with a comparison, or with \
         a study of curves; a run has the price that its plan or its agent knew."
    )]
    NoCurves,
    /// A picture of a size or form that is not made.
    #[error("{0}")]
    Canvas(String),
    /// Drawing took more time or memory than it may.
    #[error("The chart \"{0}\" was given up: drawing it took more than {1}.")]
    Bounds(String, &'static str),
    /// Others draw for too long.
    #[error("Other pictures are being drawn: try again when they are.")]
    Busy,
    /// There is no thread to draw on.
    #[error("No thread could be started to draw on, the system is short of memory or threads: {0}.")]
    NoThread(String),
    /// The thread that drew did not come to its end.
    #[error("Drawing failed: see the agent's own log.")]
    Broken,
    /// The library refused the chart, or the picture could not be painted.
    #[error("The chart \"{name}\" could not be drawn: {why}.")]
    Drawing {
        /// The chart.
        name: String,
        /// What went wrong.
        why: String,
    },
}

/// One chart of a subject as a file of the format.
///
/// # Errors
/// [`RenderError`] where there is no such chart, or it cannot be drawn.
pub fn picture(subject: &Subject, chart: &str, canvas: &Canvas, format: Format) -> Result<Vec<u8>, RenderError> {
    let charts = charts(subject);
    let found = charts.iter().find(|of| of.name == chart).ok_or_else(|| no_such(chart, &charts))?;
    Renderer::new()?.picture(found, canvas, format)
}

/// That a chart is not among these.
#[must_use]
pub fn no_such(name: &str, charts: &[Chart]) -> RenderError {
    if charts.is_empty() {
        return RenderError::NoCharts;
    }
    let known: Vec<&str> = charts.iter().map(|chart| chart.name.as_str()).collect();
    RenderError::NoSuchChart { name: name.chars().take(60).collect(), known: known.join(", ") }
}
