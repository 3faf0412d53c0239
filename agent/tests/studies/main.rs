//! Owns the tests of studies, and what goes out of the agent and comes in: comparisons, pictures, exports, imports.
//! Must not know how any format is written or drawn.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod export;
#[path = "../support/fake_nvml.rs"]
mod fake_nvml;
mod import_serving;
mod import_study;
mod pictures;
#[path = "../support/played_engine.rs"]
mod played_engine;
#[path = "../support/mod.rs"]
mod support;
mod whole;
