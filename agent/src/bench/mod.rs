//! Owns the benches: a pacing server that knows the truth, the tables that compare us with it, and what viewers cost.
//! Must not know the rooms that execute runs: it measures them from outside.

mod client;
mod clock;
mod figures;
mod host;
mod pacer;
mod peers;
mod process;
mod raw;
mod report;
mod scenario;
mod table;
mod trial;
mod viewers;

pub use client::{ClientBench, run_client};
pub use clock::SharedClock;
pub use pacer::{
    Account, Ending, PacerArgs, PacerConfig, PacerError, PacerHandle, Served, Written, fetch_account, run_pacer,
    spawn_pacer_in_process,
};
pub use peers::{PeerCommand, PeersArgs};
pub use viewers::{ViewersBench, run_viewers};
