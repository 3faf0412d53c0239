//! Owns the tests of runs of a real agent from their plan to their end: waiting, parked, resumed, scheduled and watched.
//! Must not know the agent's insides.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

#[path = "../support/events.rs"]
mod events;
#[path = "../support/fake_nvml.rs"]
mod fake_nvml;
mod graceful_stop;
mod life;
#[path = "../support/page.rs"]
mod page;
mod queue;
mod resume;
mod schedule;
#[path = "../support/socket.rs"]
mod socket;
mod stalled_viewer;
#[path = "../support/mod.rs"]
mod support;
mod viewers;
mod watch;
