//! Owns the documented shapes of the queue.
//! Must not be used for anything but documentation; tests hold each to the type that it describes.

use super::people::Who;
use utoipa::ToSchema;

/// The queue as it is now.
#[derive(ToSchema)]
pub(in crate::http) struct QueueNow {
    /// Who paused it, where it is: nothing starts until somebody lets it go on.
    #[schema(nullable = false)]
    paused: Option<Who>,
    /// What is under way.
    running: Vec<RunningRow>,
    /// What waits, the next one first.
    waiting: Vec<WaitingRow>,
}

/// A run that is under way.
#[derive(ToSchema)]
pub(in crate::http) struct RunningRow {
    /// The run.
    run: String,
    /// Its name.
    name: String,
    /// What it has of the host, in words.
    has: String,
    /// Runs that it is or was measured beside, on other GPUs.
    beside: Vec<String>,
    /// How long it will go on, s; absent where that is not known.
    #[schema(nullable = false)]
    left_s: Option<f64>,
}

/// A run that waits.
#[derive(ToSchema)]
pub(in crate::http) struct WaitingRow {
    /// The run.
    run: String,
    /// Its name.
    name: String,
    /// Its priority, -100 to 100; greater ones go first.
    priority: i32,
    /// Who holds it back, where somebody does.
    #[schema(nullable = false)]
    held: Option<Who>,
    /// What it needs of the host, in words.
    needs: String,
    /// Why it waits, as a sentence.
    reason: String,
    /// When it will start, s from now; absent where that is not known.
    #[schema(nullable = false)]
    starts_in_s: Option<f64>,
    /// How long it will take, s; absent where that is not known.
    #[schema(nullable = false)]
    takes_s: Option<f64>,
    /// What that is by, as a sentence.
    takes_by: String,
}
