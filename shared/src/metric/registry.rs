//! Owns the registry itself: every metric that this version computes, as text.
//! Must not know anything but words; METRICS.md has the long form.

use super::{Direction, Metric, Peer};

macro_rules! metrics {
    ($($key:literal $name:literal $unit:literal $direction:ident $definition:literal {
        $($tool:literal: $says:literal;)*
    })*) => {
        /// Every metric that this version computes, latencies first.
        pub const METRICS: &[Metric] = &[$(Metric {
            key: $key,
            name: $name,
            unit: $unit,
            direction: Direction::$direction,
            definition: $definition,
            others: &[$(Peer { tool: $tool, says: $says }),*],
        }),*];
    };
}

metrics! {
    "ttft" "TTFT" "ms" Lower
    "Time to first token: from the request's first byte on an open connection to the first chunk with generated output. The headline of closed loops and bursts." {
        "vLLM bench": "TTFT; starts before a connection is opened, where none is idle.";
        "AIPerf": "TTFT; starts before a connection is opened, where none is idle.";
        "GuideLLM": "TTFT; the same.";
        "SGLang bench": "TTFT; every request opens a connection of its own, which is part of it.";
        "inference-benchmarker": "TTFT; starts before a connection is opened, where none is idle.";
    }
    "ttft_scheduled" "TTFT, scheduled" "ms" Lower
    "Time to first token from the instant the request was due, waiting in the client included. The headline of open loops; never compared with TTFT unmarked. Requests that were never sent count as at least their wait." {
        "LoadGen": "TTFT of the server scenario; the same.";
        "vLLM bench": "TTFT; leaves out the wait for its own max-concurrency.";
    }
    "ttfv" "First visible" "ms" Lower
    "From the first byte sent to the first output that is not reasoning." {
        "AIPerf": "Time to first output token (TTFO); starts as its TTFT.";
        "GuideLLM": "Time to first output token (TTFOT); the same.";
    }
    "tpot" "TPOT" "ms" Lower
    "Time per output token after the first chunk: (last − first arrival) / (tokens − tokens of the first chunk). Absent where all output came at once." {
        "vLLM bench": "TPOT; the same but for first chunks of several tokens.";
        "AIPerf": "Calls this ITL; the first chunk is one token unless per-chunk usage is asked for.";
        "GuideLLM": "Calls this ITL, for first chunks of one token, each request weighed by its tokens; its TPOT counts from the send and divides by all tokens.";
        "SGLang bench": "TPOT; the same but for first chunks of several tokens, and until the stream's last line.";
        "inference-benchmarker": "Calls this inter-token latency, with its own tokenizer's count of the text.";
    }
    "itl" "ITL" "ms" Lower
    "Gaps between tokens, pooled: a gap before a chunk of m tokens counts m times as its m-th part. Only where the server says how many tokens each chunk holds." {
        "SGLang bench": "ITL; the same on its own endpoint, on OpenAI's the gap between chunks.";
        "vLLM bench": "ITL is the gap between chunks.";
        "AIPerf": "ITL is our TPOT.";
        "GuideLLM": "ITL is our TPOT.";
    }
    "chunk_gap" "Chunk gap" "ms" Lower
    "Time between consecutive output chunks, pooled over requests. A chunk is not a token." {
        "vLLM bench": "Calls this ITL.";
        "AIPerf": "Calls this inter-chunk latency (ICL).";
        "SGLang bench": "Calls this ITL on OpenAI's endpoints.";
    }
    "e2e" "E2E latency" "ms" Lower
    "From the first byte sent to the last output chunk." {
        "vLLM bench": "E2EL; until 0.33 the usage chunk moved its end.";
        "AIPerf": "Request latency; starts as its TTFT.";
        "GuideLLM": "Request latency; until the end of the stream.";
        "SGLang bench": "E2E; until the stream's last line.";
        "LoadGen": "Latency from the instant the request was due.";
    }
    "queue_client" "Client queue" "ms" Lower
    "From the instant the request became due to its first byte sent: never part of TTFT." {
        "vLLM bench": "client_queue_time.";
    }
    "connect" "Connect" "ms" Lower
    "Time to open a connection, for requests that one was opened for: never part of TTFT." {
        "vLLM bench": "Part of its TTFT.";
        "AIPerf": "Part of its TTFT, and apart as http_req_connecting.";
        "SGLang bench": "Part of its TTFT, at every request.";
    }
    "output_throughput" "Output throughput" "tok/s" Higher
    "Output tokens that arrived in the window, per second of it, whichever request they belong to; those of failed requests excluded." {
        "vLLM bench": "All tokens / whole wall time, ramp and drain included.";
        "SGLang bench": "As vLLM's bench.";
        "AIPerf": "All tokens / time from the first request to the last answer, ramp and drain included.";
        "GuideLLM": "By time as here, each answer's tokens spread evenly over its stream.";
    }
    "total_throughput" "Total throughput" "tok/s" Higher
    "Prompt and output tokens in the window per second; prompt tokens are credited at the first arrival." {
        "vLLM bench": "All tokens / whole wall time.";
        "GuideLLM": "Counted prompt tokens twice before 0.3.";
    }
    "request_throughput" "Request throughput" "req/s" Higher
    "Requests that ended well in the window, per second." {
        "vLLM bench": "All that ended well / whole wall time.";
        "AIPerf": "All that ended well / time from the first request to the last answer.";
    }
    "per_user_throughput" "Per user" "tok/s" Higher
    "What one user sees: the median over requests of 1 / TPOT." {
        "InferenceX": "Calls it interactivity.";
    }
    "per_gpu_throughput" "Per GPU" "tok/s" Higher
    "Output throughput / GPUs of the engine. Absent where the plan names no GPUs." {}
    "goodput" "Goodput" "req/s" Higher
    "Requests that keep every limit, per second of the window, and their tokens; failures and requests never sent are misses. Any limits can be asked for after the run." {
        "vLLM bench": "Requests / whole wall time; failures are left out.";
        "AIPerf": "Requests / time from the first request to the last answer.";
    }
    "offered_rate" "Offered rate" "req/s" Neutral
    "Requests that became due in the window, per second of it. Open loop only." {
        "vLLM bench": "Prints the rate that was asked for.";
    }
    "sent_rate" "Sent rate" "req/s" Higher
    "Requests that became due in the window and were sent in it, per second. Open loop only." {}
    "sent_late" "Sent late" "requests" Lower
    "Requests that were sent more than 1 ms after they were due. Open loop only." {}
    "in_flight" "In flight" "requests" Neutral
    "Requests between first byte sent and end of stream; time-weighted mean and peak." {
        "vLLM bench": "max_concurrent_requests counts requests in a one-second bucket.";
        "SGLang bench": "Concurrency: sum of latencies / wall time.";
        "GuideLLM": "Concurrency; the same.";
        "AIPerf": "Effective concurrency; starts as its TTFT.";
    }
    "tokens_per_chunk" "Tokens per chunk" "tokens" Neutral
    "Output tokens / output chunks, over the requests that ended well." {}
    "coalesced_chunks" "Coalesced chunks" "share" Lower
    "Share of chunks that arrived in one read with another: their gap is not the engine's." {}
    "ttft_drift" "TTFT drift" "share" Neutral
    "Change of the headline TTFT over the window by Sen's slope, as a share of its median, with the Mann-Kendall probability of such a trend by chance." {}
    "tpot_floor" "TPOT, least" "ms" Neutral
    "Least time per output token that the GPUs allow, with the measured requests between first and last token and their mean context: (weight bytes + KV bytes of the batch − second-level cache) / memory bandwidth, or 2 × parameters × batch / peak FLOP/s, whichever is longer." {}
    "of_tpot" "TPOT, of the limit" "share" Higher
    "That least time over the measured one, which is the time of all decoding requests over their tokens: 1 is all that the hardware allows." {}
    "throughput_ceiling" "Throughput, most" "tok/s" Neutral
    "Most output tokens per second that the GPUs allow, with the measured requests in flight and lengths: a request's output tokens over the longer of what its decode steps read and what its prefill and decode compute, since one can go on beside the other." {}
    "of_throughput" "Throughput, of the limit" "share" Higher
    "Measured output throughput over that ceiling." {}
    "ttft_floor" "TTFT, least" "ms" Neutral
    "Least time to first token of one prompt alone: 2 × parameters of the layers × prompt tokens / peak FLOP/s, or reading the weights once, whichever is longer." {}
    "of_ttft" "TTFT, of the limit" "share" Higher
    "That least time over the mean measured TTFT. Requests that wait for others lower it." {}
    "prefix_hit_rate" "Prefix hits" "share" Neutral
    "Prompt tokens found in the engine's prefix cache / prompt tokens looked up, by its own counters over the trial. Absent where they began anew." {}
    "server_ttft" "TTFT, server's" "ms" Neutral
    "Time to first token by the server's own histogram, from when it takes a request in; over what it gained between the two reads of its metrics around the window. Percentiles are interpolated within a bucket." {}
    "energy_per_token" "Energy" "J/tok" Lower
    "Energy of the engine's GPUs over the window / output tokens of it: by the driver's counter, else by power over time. Absent where one GPU's is unknown." {}
    "kv_usage" "KV cache" "share" Neutral
    "The engine's own share of its KV cache in use, at the fullest read of the window; tokens and bytes are that share of its capacity. Absent where it has no such metric." {
        "vLLM": "kv_cache_usage_perc; the same, at one moment.";
        "SGLang": "token_usage; the same, at one moment.";
    }
    "kv_bytes" "KV bytes" "B" Neutral
    "Bytes that requests in flight hold at that read: 2 × layers × KV heads × head dim × bytes of an element × tokens of their prompts and of the output that had come, but for each one's last, which enters with the next step. Memory in blocks adds at most a block a request. Beside it what the engine measured of its tensors, where it does." {}
    "kv_preemptions" "Preemptions" "requests" Lower
    "Requests whose memory the engine took away within the window, by its own counter. Absent where it began anew." {}
    "kv_fill" "Fills at" "requests" Neutral
    "Requests that the engine worked on when its KV cache was full first: 99 % in use, a preemption, or a request that waited for room. By arithmetic: capacity / tokens of a request at its end, and on its way." {}
    "gpu_memory_overhead" "Above idle" "B" Neutral
    "Most memory of the engine's GPUs within the window − their memory when the engine was ready and idle: all that shows of an engine that reserves its cache and does not tell its use." {}
    "cost_per_mtok" "Cost" "$/Mtok" Lower
    "GPUs × price per GPU-hour × hours of the window / output tokens × 10⁶; also per prompt and output tokens. Absent without a price." {}
}
