//! Owns the way from files of other tools to runs: what is known of a file by its content, and what becomes of it.
//! Must not know who hands files in, nor how a run is drawn.

mod aiperf;
mod cell;
mod events;
mod file;
mod format;
mod gpu_timeline;
mod group;
mod guidellm;
mod importer;
mod intake;
mod json;
mod kv_timeline;
mod pool;
mod remarks;
mod single;
mod tgi_script;
mod tool;
mod trial;
mod vllm_bench;
mod walk;
mod when;

pub use file::{MAX_FILE_BYTES, harmless_name};
pub use importer::Importer;
pub use intake::{Intake, MAX_FILES};
pub use json::finite;
pub use single::figures;
pub use walk::{Found, walk};

#[cfg(test)]
mod tests;
