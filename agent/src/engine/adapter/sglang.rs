//! Owns what is known of SGLang as an engine to start.
//! Must not know other engines.

use super::common;
use super::flag::{Entry, Flag, Ours};
use super::history::History;
use super::{Adapter, Container, Model, Models, Program, SharedMemory, VersionQuestion, mark};
use shared::engine::Phase;
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
    common::DTYPE,
    common::context("context_length", Flag::Value("--context-length")),
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
    common::tensor_parallel(Flag::Value("--tp-size")),
    common::KV_CACHE_DTYPE,
    common::QUANTIZATION,
    Entry::text("attention_backend", Flag::Value("--attention-backend"), "by GPU", "Which attention kernels are used."),
    common::LOAD_FORMAT,
    common::STREAM_INTERVAL,
    Entry::seed("random_seed", Flag::Value("--random-seed")),
    common::TRUST_REMOTE_CODE,
];
