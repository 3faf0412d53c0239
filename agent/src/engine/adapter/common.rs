//! Owns parameters that several engines have with one meaning, each behind the engine's own flag.
//! Must not know which engines those are.

use super::flag::{Entry, Flag};
use std::borrow::Cow::{self, Borrowed};

const DTYPES: &[Cow<'static, str>] =
    &[Borrowed("auto"), Borrowed("float16"), Borrowed("bfloat16"), Borrowed("float32")];

/// Precision of the weights.
pub(super) const DTYPE: Entry = Entry::choice(
    "dtype",
    DTYPES,
    Flag::Value("--dtype"),
    "auto: the model's own",
    "Precision of weights and activations.",
);

/// The longest text.
pub(super) const fn context(key: &'static str, flag: Flag) -> Entry {
    Entry::whole(key, "tokens", (1, 10_000_000), flag, "the model's own", "Longest prompt and output together.")
}

/// GPUs of a layer.
pub(super) const fn tensor_parallel(flag: Flag) -> Entry {
    Entry::whole("tensor_parallel_size", "GPUs", (1, 1024), flag, "1", "GPUs that share each layer.")
}

/// Precision of the KV cache.
pub(super) const KV_CACHE_DTYPE: Entry =
    Entry::text("kv_cache_dtype", Flag::Value("--kv-cache-dtype"), "auto: as dtype", "Precision of the KV cache.");

/// Quantised weights.
pub(super) const QUANTIZATION: Entry =
    Entry::text("quantization", Flag::Value("--quantization"), "the model's own", "How weights are quantised.");

/// Where weights come from.
pub(super) const LOAD_FORMAT: Entry = Entry::text(
    "load_format",
    Flag::Value("--load-format"),
    "auto",
    "How weights are read; `dummy` makes them up, so that speed can be measured without a download.",
);

/// Size of a chunk.
pub(super) const STREAM_INTERVAL: Entry = Entry::whole(
    "stream_interval",
    "tokens",
    (1, 10_000),
    Flag::Value("--stream-interval"),
    "1",
    "Tokens of a streamed chunk.",
);

/// Code of the model's.
pub(super) const TRUST_REMOTE_CODE: Entry = Entry::switch(
    "trust_remote_code",
    Flag::Where("--trust-remote-code"),
    "false",
    "Run code that comes with the model: only of publishers that you trust.",
);
