//! Owns schedules: runs and studies that begin by themselves, what came of them beside the last time, and who is told.
//! Must not know routes, nor how runs are executed.

mod due;
mod ending;
mod keeping;
mod timetable;
mod webhook;

pub use keeping::{ScheduleError, Scheduler};
pub use webhook::{Backoff, signature};
