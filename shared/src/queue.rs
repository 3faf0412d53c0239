//! Owns the words of the queue: what waits, in which order, why, and for how long as far as that is known.
//! Must not know how the order is kept, nor how runs are executed.

use crate::ids::RunId;
use crate::people::Who;
use serde::{Deserialize, Serialize};

/// Priorities reach from the negative of this to this; a run has 0 where nobody says otherwise.
pub const MAX_PRIORITY: i32 = 100;

/// The order in which runs wait, as somebody left it. Runs that came later stand behind those of their priority.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrangement {
    /// Who paused the queue, where it is.
    #[serde(default)]
    pub paused: Option<Who>,
    /// What waited then, the next one first.
    #[serde(default)]
    pub runs: Vec<Arranged>,
}

/// One run of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arranged {
    /// The run.
    pub run: RunId,
    /// Greater ones go first.
    #[serde(default)]
    pub priority: i32,
    /// Who holds it back, where somebody does.
    #[serde(default)]
    pub held: Option<Who>,
}

/// What somebody wants of a run that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It is held back, or no longer.
    Held(bool),
    /// It stands behind the others of this priority.
    Priority(i32),
    /// It stands right before that one, and has its priority.
    Before(RunId),
}

/// The queue as it is now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct QueueNow {
    /// Who paused it, where it is: nothing starts until somebody lets it go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<Who>,
    /// What is under way.
    pub running: Vec<RunningRow>,
    /// What waits, the next one first.
    pub waiting: Vec<WaitingRow>,
}

/// A run that is under way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunningRow {
    /// The run.
    pub run: RunId,
    /// Its name.
    pub name: String,
    /// What it has of the host, in words.
    pub has: String,
    /// Runs that it is or was measured beside, on other GPUs.
    #[serde(default)]
    pub beside: Vec<RunId>,
    /// How long it will go on, s; absent where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_s: Option<f64>,
}

/// A run that waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WaitingRow {
    /// The run.
    pub run: RunId,
    /// Its name.
    pub name: String,
    /// Its priority.
    pub priority: i32,
    /// Who holds it back, where somebody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Who>,
    /// What it needs of the host, in words.
    pub needs: String,
    /// Why it waits, as a sentence.
    pub reason: String,
    /// When it will start, s from now; absent where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_in_s: Option<f64>,
    /// How long it will take, s; absent where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub takes_s: Option<f64>,
    /// What that is by, as a sentence.
    pub takes_by: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn a_change_has_one_form() {
        let run = RunId::new(1, 2);
        let check = |change: Change, form: Value| {
            assert_eq!(json!(change), form);
            assert_eq!(serde_json::from_value::<Change>(form).unwrap(), change);
        };
        check(Change::Held(true), json!({ "held": true }));
        check(Change::Priority(-3), json!({ "priority": -3 }));
        check(Change::Before(run.clone()), json!({ "before": run.as_str() }));
    }

    #[test]
    fn an_arrangement_of_another_version_is_read_as_far_as_it_goes() {
        let form = json!({ "runs": [{ "run": RunId::new(1, 2).as_str(), "colour": "red" }], "more": 1 });
        let packed = rmp_serde::to_vec_named(&form).unwrap();
        let read: Arrangement = rmp_serde::from_slice(&packed).unwrap();
        let plain = Arranged { run: RunId::new(1, 2), priority: 0, held: None };
        assert_eq!(read, Arrangement { paused: None, runs: vec![plain] });
    }
}
