//! Owns events that tests of the log and the hub write.
//! Must not know who reads them.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::expect_used, reason = "test support fails by panicking")]

use shared::event::{Body, Host, RunState};
use shared::ids::RunId;

/// A run by its number.
pub fn run(n: u32) -> RunId {
    RunId::new(1_700_000_000_000 + u64::from(n), n)
}

/// The event that creates a run of the first preset.
pub fn created(run: &RunId) -> Body {
    Body::Created {
        run: run.clone(),
        plan: Box::new(shared::preset::find("first").expect("the preset is valid")),
        anchor_unix_ms: 5,
        host: Host::default(),
        agent_version: "0".into(),
    }
}

/// A change of state without a reason.
pub fn state(state: RunState) -> Body {
    Body::State { state, reason: None }
}
