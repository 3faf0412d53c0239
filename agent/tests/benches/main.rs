//! Owns the tests of the benches as a user runs them, each small.
//! Must not know what a bench is for: ratios are read by people, and no test fails by them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod client;
#[path = "../support/fake_nvml.rs"]
mod fake_nvml;
mod observer;
mod peers;
