//! Owns what pages show of a machine beside charts: sentences, processes, cores.
//! Must not know which page shows it, nor where it comes from.

mod gpus;
mod processes;
mod words;

pub use gpus::Gpus;
pub use processes::{Cores, Process, Processes, processes};
pub use words::{Account, driver_says, failures, gpu_words, missing, sentences};
