//! Owns the naive baseline's program: its files within this binary, and the Python environment that it needs.
//! Must not know plans, runs, or what the program says when it runs.

mod environment;
mod files;

pub use environment::{Environment, python_of};
pub use files::unpack;

/// Python's word for the program: `python -m` this.
pub const MODULE: &str = "tokenprism_baseline";
