//! Owns what an attacker tries: every route with every wrong credential, links elsewhere, sockets that stay, slow and strange
//! requests, scripts in names, and secrets in what the agent says. All of it is refused.
//! Must not know how.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

#[path = "../support/mod.rs"]
mod agent;
#[path = "../support/browser.rs"]
mod browser;
#[path = "../support/socket.rs"]
mod client;
mod links;
mod roles;
mod secrets;
mod slow;
mod sockets;
#[path = "../http_api/support.rs"]
mod support;
mod words;
