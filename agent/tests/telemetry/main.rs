//! Owns the tests of what is seen of GPUs and host while engines are measured.
//! Must not know the agent's insides.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod doctor;
#[path = "../support/fake_nvml.rs"]
mod fake_nvml;
#[path = "../support/fault_matrix.rs"]
mod fault_matrix;
mod faults;
#[path = "../support/played_engine.rs"]
mod played_engine;
#[path = "../support/raw_engine.rs"]
mod raw_engine;
mod run;
mod shown;
mod steps;
#[path = "../support/mod.rs"]
mod support;
