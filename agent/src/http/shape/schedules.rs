//! Owns the documented shapes of schedules.
//! Must not be used for anything but documentation; tests hold each to the type that it describes.

use super::people::Who;
use serde_json::Value;
use utoipa::ToSchema;

/// A schedule as it is listed.
#[derive(ToSchema)]
pub(in crate::http) struct ScheduleRow {
    /// The schedule.
    schedule: Schedule,
    /// When it comes, in words.
    when: String,
    /// The next times, Unix ms of the host, five at most.
    next_unix_ms: Vec<u64>,
    /// The same on the schedule's own clock.
    next: Vec<String>,
    /// What became of the last time.
    #[schema(nullable = false)]
    last: Option<Occasion>,
    /// What came of the last one that has ended.
    #[schema(nullable = false)]
    outcome: Option<Outcome>,
    /// How telling of it went.
    #[schema(nullable = false)]
    delivery: Option<Delivery>,
}

/// A schedule.
#[derive(ToSchema)]
pub(in crate::http) struct Schedule {
    /// Its id.
    schedule: String,
    /// What was wanted: `work`, `when`, `missed`, `webhook`.
    #[schema(value_type = Object)]
    plan: Value,
    /// Creation, Unix ms of the host.
    created_unix_ms: u64,
    /// Who made it.
    by: Who,
}

/// A time and what became of it.
#[derive(ToSchema)]
pub(in crate::http) struct Occasion {
    /// The time, Unix ms of the host.
    due_unix_ms: u64,
    /// `"begins"`, `{"began": id}`, or `{"passed": why}`.
    fate: Value,
    /// Times before it at which the agent was not there and nothing began.
    missed: u32,
}

/// What came of what was begun.
#[derive(ToSchema)]
pub(in crate::http) struct Outcome {
    /// The run or study.
    of: String,
    /// The one that it is compared with; absent for the first.
    #[schema(nullable = false)]
    against: Option<String>,
    /// When it had ended, Unix ms of the host.
    ended_unix_ms: u64,
    /// `first`, `not_told`, `nothing`, `better`, `worse` or `failed`.
    changed: String,
    /// True where it has figures that a later one can be compared with.
    has_figures: bool,
    /// The whole of it, Markdown.
    markdown: String,
}

/// How telling somebody went.
#[derive(ToSchema)]
pub(in crate::http) struct Delivery {
    /// When it was tried last, Unix ms of the host.
    at_unix_ms: u64,
    /// How often it was tried.
    attempts: u32,
    /// Why it did not arrive; absent where it did.
    #[schema(nullable = false)]
    failure: Option<String>,
}
