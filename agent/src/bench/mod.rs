//! Owns the benches: a pacing server that knows the truth, tables that compare us with it and with other tools, what viewers
//! and sampling cost.
//! Must not know the rooms that execute runs: it measures them from outside.

mod client;
mod clock;
mod figures;
mod history;
mod host;
mod import;
mod observer;
mod pacer;
mod parity;
mod peers;
mod process;
mod raw;
mod report;
mod sampling;
mod scenario;
mod soak;
mod table;
mod trial;
mod viewers;

pub use client::{ClientBench, run_client};
pub use clock::SharedClock;
pub use history::{HistoryBench, run_history};
pub use import::{ImportBench, run_import};
pub use observer::{ObserverBench, run_observer};
pub use pacer::{
    Account, Ending, PacerArgs, PacerConfig, PacerError, PacerHandle, Served, Written, fetch_account, run_pacer,
    spawn_pacer_in_process,
};
pub use parity::{Level, ParityBench, run_parity};
pub use peers::{PeerCommand, PeersArgs};
pub use soak::{ViewersSoak, run_viewers_soak};
pub use viewers::{ViewersBench, run_viewers};
