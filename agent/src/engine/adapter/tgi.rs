//! Owns what is known of Hugging Face Text Generation Inference as an engine to start.
//! Must not know other engines.

use super::common;
use super::flag::{Entry, Flag, Ours};
use super::history::History;
use super::{Adapter, Container, Model, Models, Program, SharedMemory, VersionQuestion, mark};
use shared::caveat::Caveat;
use shared::engine::Phase;
use std::borrow::Cow::Borrowed;
use std::time::Duration;

/// Text Generation Inference.
pub(super) static ADAPTER: Adapter = Adapter {
    program: Program::Named("text-generation-launcher"),
    serve: &[],
    version: VersionQuestion::Arguments(&["--version"], "text-generation-launcher "),
    model: Model::Behind("--model-id"),
    name: None,
    host: Some("--hostname"),
    always: &[],
    entries: ENTRIES,
    // From 1.0 to 3.3.7, where it ended, nothing was removed.
    history: History { engine: "Text Generation Inference", changes: &[] },
    environment: &[("USAGE_STATS", "off"), ("DO_NOT_TRACK", "1")],
    container: Some(Container {
        entrypoint: None,
        command: &[],
        port: 80,
        models: Some(Models::Hub("/data")),
        memory: SharedMemory::Size("1g"),
    }),
    marks: &[
        mark("download process", Phase::Download),
        mark("Starting shard", Phase::Weights),
        mark("Warming up model", Phase::Compile),
        mark("Connected", Phase::Serve),
    ],
    kv_tokens_line: Some("Setting max batch total tokens to "),
    running: Some("max_batch_size"),
    grace: Duration::from_secs(15),
    caveats: &[Caveat::EndOfLife],
};

static ENTRIES: &[Entry] = &[
    Entry::choice(
        "dtype",
        &[Borrowed("float16"), Borrowed("bfloat16")],
        Flag::Value("--dtype"),
        "the model's own",
        "Precision of weights and activations.",
    ),
    Entry::whole(
        "max_input_tokens",
        "tokens",
        (1, 10_000_000),
        Flag::Value("--max-input-tokens"),
        "the engine's own",
        "Longest prompt.",
    ),
    Entry::whole(
        "max_total_tokens",
        "tokens",
        (1, 10_000_000),
        Flag::Value("--max-total-tokens"),
        "the model's own, or what fits",
        "Longest prompt and output together.",
    ),
    Entry::whole(
        "max_batch_prefill_tokens",
        "tokens",
        (1, 100_000_000),
        Flag::Value("--max-batch-prefill-tokens"),
        "the engine's own",
        "Most prompt tokens that one step computes.",
    ),
    Entry::whole(
        "max_batch_total_tokens",
        "tokens",
        (1, 100_000_000),
        Flag::Value("--max-batch-total-tokens"),
        "what fits",
        "Tokens of the KV cache: prompts and outputs of all running requests.",
    ),
    Entry::whole(
        "max_batch_size",
        "requests",
        (1, 100_000),
        Flag::Value("--max-batch-size"),
        "no limit",
        "Most requests that run at once.",
    ),
    Entry::whole(
        "max_concurrent_requests",
        "requests",
        (1, 1_000_000),
        Flag::Value("--max-concurrent-requests"),
        "20,000, set by us: the engine's own is 128, and it refuses request 129",
        "Requests that are taken at once; any more are refused and not queued.",
    )
    .or(Ours::Whole(20_000)),
    Entry::whole(
        "max_waiting_tokens",
        "tokens",
        (0, 1_000_000),
        Flag::Value("--max-waiting-tokens"),
        "20",
        "Steps after which waiting requests go before running ones.",
    ),
    Entry::number(
        "waiting_served_ratio",
        "waiting requests for each running one",
        (0.0, 1000.0),
        Flag::Value("--waiting-served-ratio"),
        "0.3",
        "From which share of waiting requests on running ones are paused for them.",
    ),
    Entry::switch(
        "prefix_caching",
        Flag::Variable("PREFIX_CACHING"),
        "false, set by us, unless the workload shares prefixes; the engine's own is true where it can",
        "Keep the KV cache of prompts' beginnings for later requests.",
    )
    .or(Ours::Reuse),
    Entry::choice(
        "attention",
        &[Borrowed("flashinfer"), Borrowed("flashdecoding"), Borrowed("paged")],
        Flag::Variable("ATTENTION"),
        "flashinfer where it can",
        "Which attention kernels are used.",
    ),
    Entry::text(
        "cuda_graphs",
        Flag::Value("--cuda-graphs"),
        "1,2,4,8,16,32",
        "Batch sizes whose steps are captured; 0 for none.",
    ),
    Entry::whole(
        "num_shard",
        "GPUs",
        (1, 1024),
        Flag::Value("--num-shard"),
        "all GPUs that it sees",
        "GPUs that share each layer.",
    ),
    Entry::text("kv_cache_dtype", Flag::Value("--kv-cache-dtype"), "as dtype", "Precision of the KV cache."),
    Entry::text("quantize", Flag::Value("--quantize"), "the model's own", "How weights are quantised."),
    common::TRUST_REMOTE_CODE,
];
