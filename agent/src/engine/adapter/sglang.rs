//! Owns what is known of SGLang as an engine to start.
//! Must not know other engines.

use super::flag::{Entry, Flag, Ours};
use super::history::History;
use super::{Adapter, Container, Model, Models, Program, SharedMemory, VersionQuestion, mark};
use shared::engine::Phase;
use std::borrow::Cow::Borrowed;
use std::time::Duration;

/// SGLang.
pub(super) static ADAPTER: Adapter = Adapter {
    program: Program::Named("sglang"),
    serve: &["serve"],
    version: VersionQuestion::Arguments(&["version"], "sglang version: "),
    model: Model::Behind("--model-path"),
    name: Some("--served-model-name"),
    host: Some("--host"),
    // It counts nothing unless it is asked to.
    always: &["--enable-metrics"],
    entries: ENTRIES,
    // No two of its versions have been compared yet.
    history: History { engine: "SGLang", changes: &[] },
    environment: &[("DO_NOT_TRACK", "1"), ("PYTHONUNBUFFERED", "1")],
    container: Some(Container {
        entrypoint: None,
        command: &["sglang", "serve"],
        port: 30_000,
        models: Some(Models::Cache("/models")),
        memory: SharedMemory::OfHost,
    }),
    marks: &[
        mark("Load weight begin", Phase::Weights),
        mark("Load weight end", Phase::Compile),
        mark("Uvicorn running on", Phase::Serve),
    ],
    kv_tokens_line: None,
    running: Some("max_running_requests"),
    // It looks every 5 s whether it is to end, and waits for open streams without a limit.
    grace: Duration::from_secs(15),
    caveats: &[],
};

static ENTRIES: &[Entry] = &[
    Entry::choice(
        "dtype",
        &[Borrowed("auto"), Borrowed("float16"), Borrowed("bfloat16"), Borrowed("float32")],
        Flag::Value("--dtype"),
        "auto: the model's own",
        "Precision of weights and activations.",
    ),
    Entry::whole(
        "context_length",
        "tokens",
        (1, 10_000_000),
        Flag::Value("--context-length"),
        "the model's own",
        "Longest prompt and output together.",
    ),
    Entry::whole(
        "max_running_requests",
        "requests",
        (1, 100_000),
        Flag::Value("--max-running-requests"),
        "256, set by us: the engine's own follows from memory",
        "Most requests that run at once.",
    )
    .or(Ours::Whole(256)),
    Entry::number(
        "mem_fraction_static",
        "share of the GPU's memory",
        (0.01, 1.0),
        Flag::Value("--mem-fraction-static"),
        "the engine's own, by GPU and model",
        "How much memory weights and KV cache may take.",
    ),
    Entry::whole(
        "max_total_tokens",
        "tokens",
        (1, i64::MAX),
        Flag::Value("--max-total-tokens"),
        "what fits",
        "Tokens of the KV cache.",
    ),
    Entry::whole(
        "chunked_prefill_size",
        "tokens",
        (-1, 10_000_000),
        Flag::Value("--chunked-prefill-size"),
        "the engine's own, by GPU",
        "Tokens of a piece of a long prompt; -1 computes prompts whole.",
    ),
    Entry::switch(
        "prefix_caching",
        Flag::Unless("--disable-radix-cache"),
        "false, set by us, unless the workload shares prefixes; the engine's own is true",
        "Keep the KV cache of prompts' beginnings for later requests.",
    )
    .or(Ours::Reuse),
    Entry::switch(
        "cuda_graph",
        Flag::Unless("--disable-cuda-graph"),
        "true",
        "Replay captured steps instead of starting each kernel.",
    ),
    Entry::whole(
        "tensor_parallel_size",
        "GPUs",
        (1, 1024),
        Flag::Value("--tp-size"),
        "1",
        "GPUs that share each layer.",
    ),
    Entry::text("kv_cache_dtype", Flag::Value("--kv-cache-dtype"), "auto: as dtype", "Precision of the KV cache."),
    Entry::text("quantization", Flag::Value("--quantization"), "the model's own", "How weights are quantised."),
    Entry::text("attention_backend", Flag::Value("--attention-backend"), "by GPU", "Which attention kernels are used."),
    Entry::text(
        "load_format",
        Flag::Value("--load-format"),
        "auto",
        "How weights are read; `dummy` makes them up, so that speed can be measured without a download.",
    ),
    Entry::whole(
        "stream_interval",
        "tokens",
        (1, 10_000),
        Flag::Value("--stream-interval"),
        "1",
        "Tokens of a streamed chunk.",
    ),
    Entry::seed("random_seed", Flag::Value("--random-seed")),
    Entry::switch(
        "trust_remote_code",
        Flag::Where("--trust-remote-code"),
        "false",
        "Run code that comes with the model: only of publishers that you trust.",
    ),
];
