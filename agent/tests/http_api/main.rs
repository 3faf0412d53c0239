//! Owns the tests of the HTTP surface over real sockets: a real log, a fake queue.
//! Must not know how the routes are implemented.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod access;
#[path = "../support/socket.rs"]
mod client;
mod engines;
#[path = "../support/fake_nvml.rs"]
mod fake_nvml;
mod figures;
mod guard;
mod history;
mod imports;
mod machine;
#[path = "../support/page.rs"]
mod page;
mod people;
mod plans;
mod prices;
mod proxy;
mod requests;
mod retention;
mod runs;
mod shell;
mod socket;
mod stalled;
mod studies;
mod support;
