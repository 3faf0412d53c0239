//! Owns the rows of the client's bench: what each asks of the reader and of the pacing server.
//! Must not know how a row is run or written.

use super::client::ClientBench;
use serde::{Deserialize, Serialize};

/// Requests of a row at least: a 99th percentile needs a hundred.
const LEAST_REQUESTS: u32 = 128;
/// Requests a stream of the paced rows, so that their start is a small part.
const PACED_ROUNDS: u32 = 3;
/// Requests a stream of the row at full speed, which would otherwise be over before it is measured.
const FULL_SPEED_ROUNDS: u32 = 40;
/// Tokens of a request of the row at full speed: long answers, so that it is tokens that are measured.
const FULL_SPEED_TOKENS: u32 = 1024;
/// Chunks in each write at full speed: with a write for each, the server is what is measured.
pub(super) const FULL_SPEED_CHUNKS_PER_WRITE: u32 = 64;
/// Time from one token to the next where there are very many streams, ms: 5 tokens/s each.
const MANY_GAP_MS: f64 = 200.0;
/// Tokens of a request there: it lasts longer than the start, so that all are in flight at once.
const MANY_TOKENS: u32 = 64;
/// Streams that carry long prompts.
const LONG_STREAMS: u32 = 16;
/// Tokens of a request of an open loop.
const OPEN_TOKENS: u32 = 8;
/// Its time to first token and from one token to the next, ms.
const OPEN_PACE_MS: (f64, f64) = (20.0, 5.0);

/// One row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Scenario {
    /// Its name in the table.
    pub name: String,
    /// How requests come.
    pub load: Load,
    /// Tokens of each answer.
    pub tokens: u32,
    /// Tokens of each prompt, about.
    pub prompt_tokens: u32,
    /// From a request to its first token, ms; with `gap_ms` 0 it is full speed.
    pub ttft_ms: f64,
    /// From one token to the next, ms.
    pub gap_ms: f64,
    /// Chunks in each of the server's writes.
    pub chunks_per_write: u32,
}

/// How the requests of a row come.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Load {
    /// Streams kept open, and requests sent once all are.
    Streams { streams: u32, requests: u32 },
    /// Requests per second at even intervals, for some seconds.
    Rate { rate: f64, seconds: f64 },
}

impl Scenario {
    /// True where the server keeps a pace.
    pub fn is_paced(&self) -> bool {
        self.gap_ms > 0.0
    }

    /// True where the raw reader can take it: it knows no schedule, and writes what fits into a socket's buffer.
    pub fn suits_raw_reader(&self) -> bool {
        matches!(self.load, Load::Streams { .. }) && self.prompt_tokens == 0
    }

    /// A row of that many streams at the pace of the arguments.
    pub fn paced(n: u32, args: &ClientBench) -> Self {
        Self {
            name: n.to_string(),
            load: streams(n, PACED_ROUNDS),
            tokens: args.tokens,
            prompt_tokens: 0,
            ttft_ms: args.ttft_ms,
            gap_ms: args.gap_ms,
            chunks_per_write: 1,
        }
    }

    /// The rows that the arguments ask for.
    pub fn all(args: &ClientBench) -> Vec<Self> {
        let paced = |n| Self::paced(n, args);
        let mut rows: Vec<Self> = args.streams.iter().map(|n| paced(*n)).collect();
        if args.many_streams > 0 {
            let many = Self { load: streams(args.many_streams, 1), ..paced(args.many_streams) };
            let name = format!("{}, 5 tok/s each", many.name);
            rows.push(Self { name, tokens: MANY_TOKENS, gap_ms: MANY_GAP_MS, ..many });
        }
        if args.long_prompt_tokens > 0 {
            let name = format!("{LONG_STREAMS}, prompts of {} tokens", args.long_prompt_tokens);
            rows.push(Self { name, prompt_tokens: args.long_prompt_tokens, ..paced(LONG_STREAMS) });
        }
        if args.full_speed_streams > 0 {
            rows.push(Self {
                name: format!("{}, full speed", args.full_speed_streams),
                load: streams(args.full_speed_streams, FULL_SPEED_ROUNDS),
                tokens: FULL_SPEED_TOKENS,
                prompt_tokens: 0,
                ttft_ms: 0.0,
                gap_ms: 0.0,
                chunks_per_write: FULL_SPEED_CHUNKS_PER_WRITE,
            });
        }
        if args.rate > 0.0 {
            rows.push(Self {
                name: format!("{} requests/s", args.rate),
                load: Load::Rate { rate: args.rate, seconds: args.rate_seconds },
                tokens: OPEN_TOKENS,
                prompt_tokens: 0,
                ttft_ms: OPEN_PACE_MS.0,
                gap_ms: OPEN_PACE_MS.1,
                chunks_per_write: 1,
            });
        }
        rows
    }
}

fn streams(streams: u32, rounds: u32) -> Load {
    Load::Streams { streams, requests: (streams * rounds).max(LEAST_REQUESTS) }
}
