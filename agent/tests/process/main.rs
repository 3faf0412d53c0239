//! Owns the tests of processes and containers of engines: started, watched and gone for certain.
//! Must not know what an engine does.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod docker;
#[path = "../support/engine_life.rs"]
mod engine_life;
mod life;
#[path = "../support/mod.rs"]
mod support;
