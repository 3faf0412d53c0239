//! Owns the one record that a request leaves behind.
//! Must not know how it is sent or stored.

use serde::{Deserialize, Serialize};
use shared::ids::RequestId;
use shared::outcome::Outcome;
use shared::summary::TokenSource;

/// One output chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// Arrival: the read that completed it, ns of run time.
    pub t_ns: u64,
    /// Tokens in it, where the server says.
    pub tokens: Option<u32>,
}

/// One request, from due to ended. All times are ns of run time on the host's monotonic clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RequestRecord {
    /// Its number within the run.
    pub id: RequestId,
    /// When it was due.
    pub sched_ns: u64,
    /// When its first byte was handed to an open connection; absent where that never happened.
    pub sent_ns: Option<u64>,
    /// Time to open the connection, where one was opened for it, ns.
    pub connect_ns: Option<u64>,
    /// When the response head arrived.
    pub head_ns: Option<u64>,
    /// Output chunks in order of arrival.
    pub chunks: Vec<Chunk>,
    /// Chunks that arrived in one read with the chunk before.
    pub coalesced: u32,
    /// First visible (non-reasoning) output.
    pub first_visible_ns: Option<u64>,
    /// When the stream ended, or the request was given up.
    pub end_ns: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// HTTP status, where one arrived.
    pub status: Option<u16>,
    /// What went wrong, as a sentence.
    pub error: Option<String>,
    /// Prompt tokens by the server's count.
    pub prompt_tokens: Option<u32>,
    /// Prompt tokens that the server took from a cache, by its own count.
    #[serde(default)]
    pub cached_tokens: Option<u32>,
    /// Output tokens.
    pub output_tokens: Option<u32>,
    /// Where `output_tokens` comes from.
    pub token_source: TokenSource,
    /// The server's own counts contradict each other.
    #[serde(default)]
    pub counts_in_doubt: bool,
}

impl RequestRecord {
    /// A request that is due, and of which nothing else is known yet.
    #[must_use]
    pub fn due(id: RequestId, sched_ns: u64) -> Self {
        Self {
            id,
            sched_ns,
            sent_ns: None,
            connect_ns: None,
            head_ns: None,
            chunks: Vec::new(),
            coalesced: 0,
            first_visible_ns: None,
            end_ns: 0,
            outcome: Outcome::Unsent,
            status: None,
            error: None,
            prompt_tokens: None,
            cached_tokens: None,
            output_tokens: None,
            token_source: TokenSource::Unknown,
            counts_in_doubt: false,
        }
    }

    /// What decides whether it belongs to a window, ns of run time: when it was sent, or was due where it never was.
    #[must_use]
    pub fn key_ns(&self) -> u64 {
        self.sent_ns.unwrap_or(self.sched_ns)
    }

    /// What decides whether it belongs to a window: in an open loop when it was due, since nothing that was scheduled
    /// may vanish from the figures; else [`RequestRecord::key_ns`].
    #[must_use]
    pub fn member_ns(&self, is_open: bool) -> u64 {
        if is_open { self.sched_ns } else { self.key_ns() }
    }

    /// From due to sent, ns (METRICS.md `queue_client`).
    #[must_use]
    pub fn queue_client_ns(&self) -> Option<u64> {
        Some(self.sent_ns?.saturating_sub(self.sched_ns))
    }

    /// Time to first token from the instant it was due, ns (METRICS.md `ttft_scheduled`).
    #[must_use]
    pub fn ttft_scheduled_ns(&self) -> Option<u64> {
        Some(self.chunks.first()?.t_ns.saturating_sub(self.sched_ns))
    }

    /// Time to the first visible output, ns (METRICS.md `ttfv`).
    #[must_use]
    pub fn ttfv_ns(&self) -> Option<u64> {
        Some(self.first_visible_ns?.saturating_sub(self.sent_ns?))
    }

    /// Time to first token, ns (METRICS.md `ttft`).
    #[must_use]
    pub fn ttft_ns(&self) -> Option<u64> {
        Some(self.chunks.first()?.t_ns.saturating_sub(self.sent_ns?))
    }

    /// Time per output token after the first chunk, ns (METRICS.md `tpot`): `(t_k − t_1) / (N − n_1)`.
    #[must_use]
    pub fn tpot_ns(&self) -> Option<u64> {
        let (first, last) = (self.chunks.first()?, self.chunks.last()?);
        let span = last.t_ns.checked_sub(first.t_ns).filter(|span| *span > 0)?;
        let rest = self.output_tokens?.checked_sub(first.tokens.unwrap_or(1)).filter(|n| *n > 0)?;
        Some(span / u64::from(rest))
    }

    /// First byte sent to last output chunk, ns.
    #[must_use]
    pub fn e2e_ns(&self) -> Option<u64> {
        Some(self.chunks.last()?.t_ns.saturating_sub(self.sent_ns?))
    }
}
