//! Owns what pages show of a machine beside charts: cards of what it is now, sentences, processes, cores.
//! Must not know runs.

mod gpus;
mod panel;
mod processes;
mod readings;
mod spark;

pub use gpus::Gpus;
pub use panel::Machine;
pub use processes::{Cores, Process, Processes, processes};
pub use shared::said::machine::{Account, driver_says, failures, gpu_words, missing, sentences};
