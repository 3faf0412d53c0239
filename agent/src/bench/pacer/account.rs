//! Owns the pacing server's own account of when it read each request and wrote each chunk.
//! Must not know protocols or sockets.

use serde::{Deserialize, Serialize};

/// Chunk stamps that are kept at most; what comes after them is counted, not stamped.
const MAX_WRITES: u64 = 8_000_000;

/// Everything the server did, in the order in which it read the requests. All times are ns of `CLOCK_MONOTONIC`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Requests for work.
    pub requests: Vec<Served>,
    /// Chunks that were written after the account was full.
    pub unrecorded_chunks: u64,
    /// Writes that a full socket buffer stopped: the client read too slowly.
    pub blocked_writes: u64,
    /// Most streams open at once.
    pub in_flight_peak: u32,
    in_flight: u32,
    recorded_chunks: u64,
}

/// One request for work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    /// The client's number for it: header `x-request-id`, else digits after `request-` in the body.
    pub client_id: Option<u64>,
    /// When the read that completed its head and body returned.
    pub read_ns: u64,
    /// Tokens asked for.
    pub asked_tokens: u32,
    /// Its chunks.
    pub chunks: Vec<Written>,
    /// How it ended; absent while it is open.
    pub end: Option<Ending>,
}

/// One chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// When it was due.
    pub due_ns: u64,
    /// Just before the write: a client cannot have it earlier.
    pub sent_ns: u64,
    /// Tokens in it.
    pub tokens: u32,
}

/// How a request ended, as the server saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// All tokens, then the end of the body.
    Complete,
    /// As the configuration told it to misbehave.
    AsTold,
    /// The client closed first.
    ClientGone,
}

impl Served {
    /// True time to first token, ns.
    #[must_use]
    pub fn ttft_ns(&self) -> Option<u64> {
        Some(self.chunks.first()?.sent_ns.saturating_sub(self.read_ns))
    }

    /// Tokens written.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        self.chunks.iter().map(|c| u64::from(c.tokens)).sum()
    }

    /// How late each chunk was, ns.
    pub fn late_ns(&self) -> impl Iterator<Item = u64> + '_ {
        self.chunks.iter().map(|c| c.sent_ns.saturating_sub(c.due_ns))
    }

    /// True gaps between chunks, ns.
    pub fn gaps_ns(&self) -> impl Iterator<Item = u64> + '_ {
        self.chunks.windows(2).map(|pair| pair[1].sent_ns.saturating_sub(pair[0].sent_ns))
    }
}

impl Account {
    /// Enters a request; the answer is its place.
    pub(super) fn open(&mut self, client_id: Option<u64>, read_ns: u64, asked_tokens: u32) -> usize {
        self.requests.push(Served { client_id, read_ns, asked_tokens, chunks: Vec::new(), end: None });
        self.in_flight += 1;
        self.in_flight_peak = self.in_flight_peak.max(self.in_flight);
        self.requests.len() - 1
    }

    /// Enters a chunk.
    pub(super) fn wrote(&mut self, place: usize, chunk: Written) {
        if self.recorded_chunks >= MAX_WRITES {
            self.unrecorded_chunks += 1;
        } else if let Some(served) = self.requests.get_mut(place) {
            served.chunks.push(chunk);
            self.recorded_chunks += 1;
        }
    }

    /// Enters the end of a request.
    pub(super) fn close(&mut self, place: usize, end: Ending) {
        if let Some(served) = self.requests.get_mut(place)
            && served.end.is_none()
        {
            served.end = Some(end);
            self.in_flight -= 1;
        }
    }
}
