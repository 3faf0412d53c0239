//! Owns the view of the host's machine while somebody looks at it: the last minutes of what its GPUs and itself tell.
//! Must not know who reads or who looks; the same code runs in the agent and in the browser.

use super::Telemetry;
use crate::event::Event;
use serde::{Deserialize, Serialize};

/// The machine as a fold over its events, which are those of telemetry. Its time begins when somebody begins to look.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MachineView {
    /// Number of the last event folded; 0 before the first.
    pub seq: u64,
    /// The latest time that is known to have come, ns since time 0.
    pub now_ns: u64,
    /// The host's wall clock at time 0, Unix ms.
    pub anchor_unix_ms: u64,
    /// GPUs and host. Nothing has begun in it while the driver is still asked which GPUs there are.
    pub telemetry: Telemetry,
}

impl MachineView {
    /// Nothing is known yet; time 0 was at this time of the wall clock, Unix ms.
    #[must_use]
    pub fn new(anchor_unix_ms: u64) -> Self {
        Self { seq: 0, now_ns: 0, anchor_unix_ms, telemetry: Telemetry::window() }
    }

    /// Folds one event. An event that was folded already (by its number) changes nothing.
    pub fn apply(&mut self, event: &Event) {
        if event.seq <= self.seq {
            return;
        }
        self.seq = event.seq;
        self.now_ns = self.now_ns.max(event.t_ns);
        self.telemetry.apply(&event.body);
    }
}
