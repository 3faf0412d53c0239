//! Owns the parameters of the built-in engine.
//! Must not know how it is started.

use super::parameter::{Parameter, Values};
use std::borrow::Cow;

const SIZES: &[Cow<'static, str>] = &[Cow::Borrowed("1m"), Cow::Borrowed("15m"), Cow::Borrowed("110m")];

/// Size of the model.
pub const PRESET: Parameter =
    Parameter::new("preset", Values::Choice(Cow::Borrowed(SIZES)), "1m", "Size of the model, in parameters.");
/// Whether there is a KV cache.
pub const KV_CACHE: Parameter =
    Parameter::new("kv_cache", Values::Switch, "true", "Keep keys and values of earlier tokens.");
/// Size of a batch.
pub const BATCH: Parameter = Parameter::in_unit(
    "batch",
    "requests",
    Values::Whole { min: 1, max: 64 },
    "1",
    "Most requests that are computed together.",
);
/// How long a batch waits.
pub const BATCH_WAIT_MS: Parameter = Parameter::in_unit(
    "batch_wait_ms",
    "ms",
    Values::Whole { min: 0, max: 10_000 },
    "20",
    "How long a batch waits to fill.",
);
/// Seed of the weights.
pub const SEED: Parameter =
    Parameter::new("seed", Values::Whole { min: 0, max: i64::MAX }, "0", "Seed of the random weights.");

/// All of them.
pub static PARAMETERS: [Parameter; 5] = [PRESET, KV_CACHE, BATCH, BATCH_WAIT_MS, SEED];
