//! Owns the tests of the log and the data directory: formats, damage, full disks, clocks, and copies of it.
//! Must not know what a run measures.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod backup;
mod damaged;
#[path = "../support/events.rs"]
mod events;
mod format;
mod full_disk;
mod held;
mod history;
#[path = "../support/small_disk.rs"]
mod small_disk;
mod sqlite;
#[path = "../support/mod.rs"]
mod support;
mod wall_clock;
