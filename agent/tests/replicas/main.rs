//! Owns the proof that the agent measures each inference server as it is: replicas answer with the servers' own bytes.
//! Must not know the agent's insides.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod attach;
mod launched;
mod mask;
mod outcomes;
#[path = "../support/raw_engine.rs"]
mod raw_engine;
#[path = "../support/replica/mod.rs"]
mod replica;
#[path = "../support/mod.rs"]
mod support;
mod wire;
