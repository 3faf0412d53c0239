//! Owns what is known of vLLM as an engine to start.
//! Must not know other engines.

use super::common;
use super::flag::{Entry, Flag, Ours};
use super::history::{Change, History, came, gone};
use super::version::Version;
use super::{Adapter, Container, Model, Models, Program, SharedMemory, VersionQuestion, mark};
use shared::engine::Phase;
use std::time::Duration;

const fn v(major: u32, minor: u32, patch: u32) -> Version {
    Version::new(major, minor, patch)
}

/// vLLM.
pub(super) static ADAPTER: Adapter = Adapter {
    program: Program::Named("vllm"),
    serve: &["serve"],
    version: VersionQuestion::Arguments(&["--version"], ""),
    model: Model::Alone,
    name: Some("--served-model-name"),
    host: Some("--host"),
    always: &[],
    entries: ENTRIES,
    history: History { engine: "vLLM", changes: CHANGES },
    environment: &[("VLLM_NO_USAGE_STATS", "1"), ("DO_NOT_TRACK", "1"), ("PYTHONUNBUFFERED", "1")],
    // The entry point of its images changed from a module to the command; naming it serves both.
    container: Some(Container {
        entrypoint: Some("vllm"),
        command: &["serve"],
        port: 8000,
        models: Some(Models::Cache("/models")),
        memory: SharedMemory::OfHost,
    }),
    marks: &[
        mark("Starting to load model", Phase::Weights),
        mark("Loading model from scratch", Phase::Weights),
        mark("Model loading took", Phase::Compile),
        mark("Starting vLLM", Phase::Serve),
    ],
    kv_tokens_line: Some("GPU KV cache size: "),
    running: Some("max_num_seqs"),
    grace: Duration::from_secs(10),
    caveats: &[],
};

static ENTRIES: &[Entry] = &[
    common::DTYPE,
    common::context("max_model_len", Flag::Value("--max-model-len")),
    Entry::whole(
        "max_num_seqs",
        "requests",
        (1, 100_000),
        Flag::Value("--max-num-seqs"),
        "256, set by us: the engine's own differs from GPU to GPU",
        "Most requests that one step computes.",
    )
    .or(Ours::Whole(256)),
    Entry::whole(
        "max_num_batched_tokens",
        "tokens",
        (1, 10_000_000),
        Flag::Value("--max-num-batched-tokens"),
        "the engine's own, 2,048 to 16,384 by GPU",
        "Most tokens that one step computes, prefill included.",
    ),
    Entry::number(
        "gpu_memory_utilization",
        "share of the GPU's memory",
        (0.01, 1.0),
        Flag::Value("--gpu-memory-utilization"),
        "0.9, set by us: the engine's own changed between versions",
        "How much memory weights and KV cache may take.",
    )
    .or(Ours::Number(0.9)),
    Entry::switch(
        "prefix_caching",
        Flag::Either("--enable-prefix-caching", "--no-enable-prefix-caching"),
        "false, set by us, unless the workload shares prefixes; the engine's own is true",
        "Keep the KV cache of prompts' beginnings for later requests.",
    )
    .or(Ours::Reuse),
    Entry::switch(
        "chunked_prefill",
        Flag::Either("--enable-chunked-prefill", "--no-enable-chunked-prefill"),
        "the engine's own, true for most models",
        "Compute long prompts in pieces beside other requests' tokens.",
    ),
    Entry::switch(
        "enforce_eager",
        Flag::Where("--enforce-eager"),
        "false",
        "Neither compile nor capture CUDA graphs: a faster start, slower steps.",
    ),
    common::tensor_parallel(Flag::Value("--tensor-parallel-size")),
    common::KV_CACHE_DTYPE,
    Entry::whole(
        "kv_cache_memory_bytes",
        "bytes",
        (1, i64::MAX),
        Flag::Value("--kv-cache-memory-bytes"),
        "what gpu_memory_utilization leaves",
        "Size of the KV cache on each GPU.",
    ),
    Entry::whole(
        "num_gpu_blocks_override",
        "blocks",
        (1, i64::MAX),
        Flag::Value("--num-gpu-blocks-override"),
        "what fits",
        "Blocks of the KV cache, whatever fits.",
    ),
    Entry::whole(
        "block_size",
        "tokens",
        (1, 1024),
        Flag::Value("--block-size"),
        "the engine's own, mostly 16",
        "Tokens in a block of the KV cache.",
    ),
    common::QUANTIZATION,
    Entry::text(
        "speculative_config",
        Flag::Value("--speculative-config"),
        "none",
        "Speculative decoding, as the engine's own JSON.",
    ),
    common::LOAD_FORMAT,
    Entry::text(
        "generation_config",
        Flag::Value("--generation-config"),
        "vllm, set by us: no sampling defaults of the model's",
        "Where defaults of sampling come from.",
    )
    .or(Ours::Text("vllm")),
    common::STREAM_INTERVAL,
    Entry::seed("seed", Flag::Value("--seed")),
    common::TRUST_REMOTE_CODE,
];

static CHANGES: &[Change] = &[
    gone(
        &["--disable-log-requests"],
        v(0, 16, 0),
        v(0, 20, 2),
        "leave it out, since requests are not logged unless --enable-log-requests asks for it",
    ),
    gone(&["--swap-space"], v(0, 16, 0), v(0, 20, 2), "leave it out, since nothing is swapped any more"),
    gone(&["--task"], v(0, 12, 0), v(0, 13, 0), "use --runner or --convert"),
    gone(&["--cuda-graph-sizes"], v(0, 12, 0), v(0, 13, 0), "use --cudagraph-capture-sizes"),
    gone(&["--disable-mm-preprocessor-cache"], v(0, 12, 0), v(0, 13, 0), "use --mm-processor-cache-gb 0"),
    gone(
        &[
            "--guided-decoding-backend",
            "--guided-decoding-disable-fallback",
            "--guided-decoding-disable-any-whitespace",
            "--guided-decoding-disable-additional-properties",
        ],
        v(0, 11, 0),
        v(0, 12, 0),
        "use --structured-outputs-config",
    ),
    gone(&["--rope-scaling", "--rope-theta"], v(0, 11, 0), v(0, 12, 0), "use --hf-overrides"),
    gone(&["--num-lookahead-slots"], v(0, 11, 0), v(0, 12, 0), "use --speculative-config"),
    gone(&["--override-pooler-config"], v(0, 11, 0), v(0, 12, 0), "use --pooler-config"),
    gone(
        &["--preemption-mode", "--scheduler-delay-factor", "--disable-async-output-proc"],
        v(0, 10, 2),
        v(0, 11, 0),
        "leave it out, since its scheduler has no such choice any more",
    ),
    gone(&["--max-seq-len-to-capture"], v(0, 10, 2), v(0, 11, 0), "use --max-cudagraph-capture-size"),
    gone(&["--device"], v(0, 9, 2), v(0, 10, 2), "leave it out, since the device is found by itself"),
    gone(
        &["--num-scheduler-steps"],
        v(0, 9, 2),
        v(0, 10, 2),
        "leave it out, since its scheduler has no such choice any more",
    ),
    gone(&["--enable-reasoning"], v(0, 9, 2), v(0, 10, 2), "leave it out, --reasoning-parser is enough"),
    gone(
        &["--tokenizer-pool-size", "--tokenizer-pool-type", "--tokenizer-pool-extra-config"],
        v(0, 9, 2),
        v(0, 10, 2),
        "leave it out",
    ),
    gone(&["--max-num-partial-prefills", "--calculate-kv-scales"], v(0, 26, 0), v(0, 32, 0), "leave it out"),
    came(&["--kv-cache-memory-bytes"], v(0, 9, 2), v(0, 10, 2)),
    came(&["--stream-interval"], v(0, 11, 0), v(0, 12, 0)),
    came(&["--shutdown-timeout"], v(0, 16, 0), v(0, 20, 2)),
    came(&["--enable-per-request-metrics"], v(0, 20, 2), v(0, 26, 0)),
    came(
        &["--max-num-queued-reqs", "--max-num-queued-tokens", "--max-num-active-seqs", "--sse-keep-alive-interval"],
        v(0, 26, 0),
        v(0, 32, 0),
    ),
    came(&["--monokernel", "--sleep-mode-backend", "--watchdog-config"], v(0, 32, 0), v(0, 33, 0)),
];
