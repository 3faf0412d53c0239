//! Owns the tests of the whole by real browsers: a file for each part of the page.
//! Must not know the agent's insides.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod ab;
mod axe;
mod base_path;
#[path = "../support/browser.rs"]
mod browser;
mod engines;
#[path = "../support/failing_engine.rs"]
mod failing_engine;
mod failures;
#[path = "../support/fake_nvml.rs"]
mod fake_nvml;
mod history;
mod life;
mod load;
mod machine;
mod main_job;
mod now;
#[path = "../support/played_engine.rs"]
mod played_engine;
#[path = "../support/prefix_proxy.rs"]
mod prefix_proxy;
mod queue;
#[path = "../support/relay.rs"]
mod relay;
mod share;
#[path = "../support/small_disk.rs"]
mod small_disk;
mod soak;
mod states;
mod studies;
#[path = "../support/mod.rs"]
mod support;
mod together;
mod turns;
mod zoom;
