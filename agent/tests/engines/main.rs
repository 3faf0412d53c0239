//! Owns the tests of engines as the agent starts, attaches and measures them, built-in and others.
//! Must not know the agent's insides.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod attach;
mod builtin;
mod by_hand;
#[path = "../support/failing_engine.rs"]
mod failing_engine;
#[path = "../support/fake_nvml.rs"]
mod fake_nvml;
mod hub_models;
mod kv_cache;
mod launch;
mod limits_and_prices;
mod llama_server;
#[path = "../support/played_engine.rs"]
mod played_engine;
mod prompts_and_caches;
#[path = "../support/replica/mod.rs"]
mod replica;
#[path = "../support/mod.rs"]
mod support;
mod transformers_baseline;
