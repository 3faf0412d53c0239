//! Owns the built-in engine: a real Llama on the CPU with random weights, served over HTTP like any other engine.
//! Must not know plans, runs or the log.

mod api;
mod batch;
mod config;
mod metrics;
mod model;
mod options;
mod queue;
mod sample;
mod server;
mod token;
mod weights;
mod worker;

pub use batch::{Batch, RowRequest, StepOutput};
pub use config::{ModelConfig, Preset};
pub use model::{KvCache, Llama, Padded};
pub use options::{BuiltinError, BuiltinOptions, child_environment};
pub use sample::{Ending, Sampling};
pub use server::{Running, serve, spawn};
pub use token::{BOS, EOS, PAD, VOCAB_SIZE, encode_chat, encode_text};
