//! Owns what is known of the naive baseline around Transformers as an engine to start.
//! Must not know other engines.

use super::flag::{Entry, Flag};
use super::history::History;
use super::{Adapter, Model, Program, VersionQuestion, mark};
use crate::engine::baseline::MODULE;
use shared::engine::Phase;
use std::borrow::Cow::Borrowed;
use std::time::Duration;

/// The baseline: a small Python server of this project, one request at a time or in static batches.
pub(super) static ADAPTER: Adapter = Adapter {
    program: Program::Baseline,
    serve: &["-m", MODULE],
    version: VersionQuestion::Package("transformers"),
    model: Model::Behind("--model"),
    name: Some("--model-name"),
    host: None,
    always: &[],
    entries: ENTRIES,
    history: History { engine: "The baseline", changes: &[] },
    environment: &[("PYTHONUNBUFFERED", "1"), ("HF_HUB_DISABLE_TELEMETRY", "1"), ("DO_NOT_TRACK", "1")],
    container: None,
    // It tells when a phase is over. Weights that are drawn are on the device by then, others are moved there.
    marks: &[
        mark("phase import ", Phase::Weights),
        mark(" s: drawn on ", Phase::Compile),
        mark("phase device ", Phase::Compile),
        mark("ready http://", Phase::Serve),
    ],
    kv_tokens_line: None,
    running: Some("batch"),
    grace: Duration::from_secs(5),
    caveats: &[],
};

static ENTRIES: &[Entry] = &[
    Entry::whole(
        "batch",
        "requests",
        (1, 4096),
        Flag::Value("--batch"),
        "1: one request at a time",
        "Most requests of a static batch, which ends when its longest does.",
    ),
    Entry::whole(
        "batch_wait_ms",
        "ms",
        (0, 60_000),
        Flag::Value("--batch-wait-ms"),
        "20",
        "How long a batch waits to fill.",
    ),
    Entry::switch(
        "kv_cache",
        Flag::OnOff("--kv-cache"),
        "true",
        "Keep keys and values of earlier tokens; without them each token computes the whole text again.",
    ),
    Entry::choice(
        "attention",
        &[Borrowed("eager"), Borrowed("sdpa")],
        Flag::Value("--attention"),
        "sdpa",
        "How attention is computed: step by step, or by PyTorch's fused kernels.",
    ),
    Entry::choice(
        "dtype",
        &[Borrowed("auto"), Borrowed("float16"), Borrowed("bfloat16"), Borrowed("float32")],
        Flag::Value("--dtype"),
        "auto: float16 on a GPU, float32 on the CPU",
        "Precision of weights and activations.",
    ),
    Entry::text("device", Flag::Value("--device"), "a GPU where there is one", "Where it computes: `cuda:0`, `cpu`."),
    Entry::whole(
        "max_model_len",
        "tokens",
        (2, 1 << 24),
        Flag::Value("--max-model-len"),
        "the model's own",
        "Longest prompt and output together.",
    ),
    Entry::switch(
        "random_weights",
        Flag::Where("--random-weights"),
        "false",
        "Make weights up from the model's config, so that speed can be measured without a download.",
    ),
    Entry::seed("seed", Flag::Value("--seed")),
];
