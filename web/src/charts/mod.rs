//! Owns how a chart definition becomes pixels: mount, update, dispose; one time axis for all charts of a run.
//! Must not know runs or pages; what is drawn comes as a closure that yields a definition.

mod axis;
mod chart;
mod echarts;
mod mounted;

pub use axis::{TimeAxis, stepped_end};
pub use chart::{Chart, Define};
