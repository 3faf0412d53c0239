//! Owns what is known of llama.cpp's server as an engine to start.
//! Must not know other engines.

use super::flag::{Entry, Flag, Ours};
use super::history::History;
use super::{Adapter, Container, Model, Program, SharedMemory, VersionQuestion, mark};
use shared::engine::Phase;
use std::borrow::Cow::Borrowed;
use std::time::Duration;

/// llama.cpp's server.
pub(super) static ADAPTER: Adapter = Adapter {
    program: Program::Named("llama-server"),
    serve: &[],
    version: VersionQuestion::Arguments(&["--version"], "version: "),
    model: Model::Behind("-m"),
    name: Some("-a"),
    host: Some("--host"),
    // With a stream open it looks for the end of a ping, 30 s by default, before it ends.
    always: &["--metrics", "--sse-ping-interval", "1"],
    entries: ENTRIES,
    // No two of its builds have been compared yet.
    history: History { engine: "llama.cpp", changes: &[] },
    environment: &[],
    container: Some(Container {
        entrypoint: None,
        command: &[],
        port: 8080,
        models: None,
        memory: SharedMemory::OfHost,
    }),
    marks: &[mark("loading model", Phase::Weights), mark("listening on http", Phase::Serve)],
    kv_tokens_line: None,
    running: Some("parallel"),
    grace: Duration::from_secs(5),
    caveats: &[],
};

static ENTRIES: &[Entry] = &[
    Entry::whole(
        "ctx_size",
        "tokens",
        (1, 100_000_000),
        Flag::Value("-c"),
        "the model's own",
        "Tokens of the KV cache; each of `parallel` slots gets its share.",
    ),
    Entry::whole(
        "parallel",
        "requests",
        (1, 4096),
        Flag::Value("-np"),
        "the engine's own choice, which then share one KV cache",
        "Slots: requests that run at once.",
    ),
    Entry::text("gpu_layers", Flag::Value("-ngl"), "what fits", "Layers on the GPU: a number, or `all`."),
    Entry::choice(
        "flash_attention",
        &[Borrowed("on"), Borrowed("off"), Borrowed("auto")],
        Flag::Value("-fa"),
        "auto",
        "Fused attention kernels.",
    ),
    Entry::text("cache_type_k", Flag::Value("-ctk"), "f16", "Precision of the KV cache's keys."),
    Entry::text("cache_type_v", Flag::Value("-ctv"), "f16", "Precision of the KV cache's values."),
    Entry::whole("batch_size", "tokens", (1, 1_000_000), Flag::Value("-b"), "2,048", "Most tokens of a logical batch."),
    Entry::whole(
        "ubatch_size",
        "tokens",
        (1, 1_000_000),
        Flag::Value("-ub"),
        "512",
        "Most tokens that one step computes.",
    ),
    Entry::whole("threads", "threads", (1, 4096), Flag::Value("-t"), "all cores", "Threads that compute on the CPU."),
    Entry::switch(
        "prefix_caching",
        Flag::Unless("--no-cache-prompt"),
        "false, set by us, unless the workload shares prefixes; the engine's own is true",
        "Begin with what a slot's last prompt has in common with the new one.",
    )
    .or(Ours::Reuse),
    Entry::whole(
        "cache_ram",
        "MiB",
        (-1, 10_000_000),
        Flag::Value("-cram"),
        "0, set by us; the engine's own is 8,192",
        "Memory that keeps the KV cache of earlier prompts.",
    )
    .or(Ours::Whole(0)),
    Entry::choice(
        "fit",
        &[Borrowed("on"), Borrowed("off")],
        Flag::Value("--fit"),
        "on",
        "Change what the plan does not say so that it fits the memory, without a word.",
    ),
];
