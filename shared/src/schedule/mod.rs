//! Owns the words of schedules: what begins when, what becomes of times that were missed, what came of it, who is told.
//! Must not know clocks, time zones, or how anything begins.

mod changed;

pub use changed::{Changed, changed, markdown};

use crate::ids::ScheduleId;
use crate::people::{Side, Who};
use crate::plan::Plan;
use crate::study::StudyPlan;
use serde::{Deserialize, Serialize};

/// Times that are shown ahead.
pub const SHOWN_TIMES: usize = 5;

/// What begins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// A run of this plan.
    Run(Box<Plan>),
    /// This study.
    Study(Box<StudyPlan>),
}

impl Work {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Work::Run(plan) => &plan.name,
            Work::Study(plan) => &plan.name,
        }
    }
}

/// When it begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum When {
    /// Once, at this time, Unix ms.
    Once(u64),
    /// Again and again.
    Cron {
        /// Minute, hour, day of the month, month, day of the week: `30 2 * * 1-5`.
        cron: String,
        /// Whose clock that is: an IANA name, such as `Europe/Berlin`.
        time_zone: String,
    },
}

/// What becomes of times at which the agent was not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missed {
    /// It begins once when the agent is back, however many there were.
    #[default]
    RunOnce,
    /// Nothing begins before the next time.
    Skip,
}

/// When a webhook is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum On {
    /// Whenever what was begun has ended.
    #[default]
    Finish,
    /// Only where a figure is significantly worse than the last time, or something failed.
    Regression,
}

/// Whom to tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Where to, `https://…`.
    pub url: String,
    /// Name of the secret that signs what is sent; never the secret.
    pub secret: String,
    /// When.
    #[serde(default)]
    pub on: On,
}

impl Webhook {
    /// Where to, as everybody may see it: scheme and host. What follows them is often a secret by itself.
    #[must_use]
    pub fn shown(&self) -> String {
        let Some((scheme, rest)) = self.url.split_once(':') else { return "…".to_owned() };
        // Readers of URLs pass over any number of slashes of either sort before the host.
        let rest = rest.trim_start_matches(['/', '\\']);
        let authority = rest.split(['/', '\\', '?', '#']).next().unwrap_or_default();
        let host = authority.rsplit('@').next().unwrap_or_default();
        format!("{scheme}://{host}/…")
    }
}

/// A schedule that somebody wants.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchedulePlan {
    /// What begins.
    pub work: Work,
    /// When.
    pub when: When,
    /// What becomes of missed times.
    #[serde(default)]
    pub missed: Missed,
    /// Whom to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Webhook>,
}

/// A schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// Its id.
    pub schedule: ScheduleId,
    /// What was wanted.
    pub plan: SchedulePlan,
    /// Creation, Unix ms of the host.
    pub created_unix_ms: u64,
    /// Who made it.
    pub by: Who,
}

/// What became of a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It is about to begin; where nothing follows, the agent ended in between.
    Begins,
    /// This began.
    Began(Side),
    /// Nothing began, for the reason that this sentence says.
    Passed(String),
}

/// A time and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occasion {
    /// The time, Unix ms of the host.
    pub due_unix_ms: u64,
    /// What became of it.
    pub fate: Fate,
    /// Times before it, since the last one, at which the agent was not there and nothing began.
    #[serde(default)]
    pub missed: u32,
}

/// What came of what was begun.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The run or study.
    pub of: Side,
    /// The one that it is compared with: the last that came to figures; absent for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against: Option<Side>,
    /// When it had ended, Unix ms of the host.
    pub ended_unix_ms: u64,
    /// In a word.
    pub changed: Changed,
    /// True where it has figures that a later one can be compared with.
    pub has_figures: bool,
    /// The whole of it, Markdown.
    pub markdown: String,
}

/// How telling somebody went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// When it was tried last, Unix ms of the host.
    pub at_unix_ms: u64,
    /// How often it was tried.
    pub attempts: u32,
    /// Why it did not arrive, as a sentence; absent where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// A schedule as it is listed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScheduleRow {
    /// The schedule.
    pub schedule: Schedule,
    /// When it comes, in words.
    pub when: String,
    /// The next times, Unix ms of the host.
    pub next_unix_ms: Vec<u64>,
    /// The same on the schedule's own clock.
    pub next: Vec<String>,
    /// What became of the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Occasion>,
    /// What came of the last one that has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// How telling of it went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_webhooks_address_scheme_and_host_are_shown_and_no_secret() {
        let check = |url: &str, expect: &str| {
            let webhook = Webhook { url: url.to_owned(), secret: "HOOK".to_owned(), on: On::Finish };
            assert_eq!(webhook.shown(), expect, "{url}");
        };
        check("https://hooks.example.org/services/T0/B0/hidden", "https://hooks.example.org/…");
        check("https://hooks.example.org?key=hidden", "https://hooks.example.org/…");
        check("https://hooks.example.org#hidden", "https://hooks.example.org/…");
        check("http://[::1]:8080/hidden?a=b", "http://[::1]:8080/…");
        check("https://ada:hidden@hooks.example.org", "https://hooks.example.org/…");
        // As a browser reads it, too.
        check("https:hooks.example.org/hidden", "https://hooks.example.org/…");
        check(r"https:\\hooks.example.org\hidden", "https://hooks.example.org/…");
        check("hidden", "…");
    }
}
