//! Owns the tests of the client against servers that play an engine: what it sends, reads, counts and tells.
//! Must not know the load generator's inside.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod captures;
mod client_truth;
mod closed_loop;
mod pacer;
#[path = "../support/raw_engine.rs"]
mod raw_engine;
mod schedules;
mod stream_fixtures;
mod token_counts;
mod workloads;
