//! Owns the list of the agent's rooms (see ARCHITECTURE.md for the arrows between them).
//! Must not know anything itself.

pub mod backup;
pub mod bench;
pub mod blob;
pub mod cli;
mod cores;
mod dashboard;
mod descriptors;
pub mod engine;
pub mod export;
mod files;
mod find;
pub mod history;
pub mod http;
pub mod hub;
pub mod import;
pub mod load;
pub mod log;
mod note;
pub mod orchestrate;
pub mod people;
mod poller;
pub mod price;
pub mod process;
pub mod record;
pub mod recount;
pub mod remote;
pub mod render;
mod retention;
pub mod schedule;
pub mod secret;
mod shelf;
pub mod stream;
mod sync;
pub mod telemetry;
pub mod wall_clock;
pub mod workload;
