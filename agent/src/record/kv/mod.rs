//! Owns what an engine's KV cache came to in a trial: its own account, what that stands for, and arithmetic beside it.
//! Must not know how an engine is read, or which one it is.

mod fill;
mod held;

use super::request::RequestRecord;
use fill::{filled, predicted};
use held::Held;
use shared::engine::{Attention, EngineInfo};
use shared::telemetry::{KvCapacity, KvFigures, KvPeak, KvTheory, MemoryAboveIdle};

/// One read of what an engine says of its KV cache.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct KvRead {
    /// Begin of the read, ns of run time.
    pub begun_ns: u64,
    /// End of the read, ns of run time.
    pub ended_ns: u64,
    /// Used share, millionths.
    pub used_ppm: Option<u64>,
    /// Bytes of its tensors.
    pub bytes: Option<u64>,
    /// Requests that it works on.
    pub running: Option<u64>,
    /// Requests that wait in it.
    pub waiting: Option<u64>,
    /// Requests whose memory it took away since the read before.
    pub preempted: Option<u64>,
}

/// What was read during a window, of the engine and of its GPUs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KvSeen {
    /// Reads of the engine's page, in order.
    pub reads: Vec<KvRead>,
    /// Memory of its GPUs.
    pub memory: Option<MemoryAboveIdle>,
}

/// What is known of the engine.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct KvTerms {
    /// How much its KV cache can hold.
    pub capacity: KvCapacity,
    /// Requests that it works on at once.
    pub max_running: Option<u64>,
    /// Tokens that it keeps of a request at most, where the model looks back no further.
    pub window: Option<u64>,
}

impl KvTerms {
    /// Those of an engine that answers.
    #[must_use]
    pub fn of(info: &EngineInfo) -> Self {
        let window = match info.shape.as_ref().map(|shape| shape.attention) {
            Some(Attention::Window(tokens)) => Some(u64::from(tokens)),
            _ => None,
        };
        Self { capacity: KvCapacity::of(info), max_running: info.capacity.max_running.map(u64::from), window }
    }
}

impl KvRead {
    /// The middle of the read, ns of run time.
    #[must_use]
    pub fn at_ns(&self) -> u64 {
        self.begun_ns + self.ended_ns.saturating_sub(self.begun_ns) / 2
    }

    fn share(&self) -> Option<f64> {
        self.used_ppm.map(|ppm| ppm as f64 / 1e6)
    }

    /// Whether it tells how much of the cache is in use.
    fn tells(&self) -> bool {
        self.used_ppm.is_some() || self.bytes.is_some()
    }
}

/// The figures of a trial; absent where neither the engine nor its GPUs say anything of its memory.
#[must_use]
pub fn kv_figures(records: &[RequestRecord], seen: &KvSeen, terms: &KvTerms) -> Option<KvFigures> {
    let reads = &seen.reads;
    if !reads.iter().any(KvRead::tells) && seen.memory.is_none() {
        return None;
    }
    let most = |of: fn(&KvRead) -> Option<u64>| reads.iter().filter_map(of).max();
    Some(KvFigures {
        capacity: terms.capacity,
        peak: fullest(reads).map(|read| peak(records, read, terms)),
        // One read without it makes the sum unknown, not smaller.
        preemptions: (!reads.is_empty()).then(|| reads.iter().map(|read| read.preempted).sum()).flatten(),
        running_most: most(|read| read.running),
        waiting_most: most(|read| read.waiting),
        fill: filled(records, reads, terms),
        predicted: predicted(records, terms),
        memory: seen.memory,
    })
}

/// The first of the fullest reads: by share where it is told, else by bytes.
fn fullest(reads: &[KvRead]) -> Option<&KvRead> {
    let key = |read: &KvRead| (read.used_ppm, read.bytes);
    let told = reads.iter().filter(|read| read.tells());
    told.fold(None, |fullest: Option<&KvRead>, read| match fullest {
        Some(fullest) if key(fullest) >= key(read) => Some(fullest),
        _ => Some(read),
    })
}

fn peak(records: &[RequestRecord], read: &KvRead, terms: &KvTerms) -> KvPeak {
    let (share, capacity) = (read.share(), terms.capacity);
    let tokens = Option::zip(share, capacity.tokens).map(|(share, tokens)| (share * tokens as f64).round() as u64);
    KvPeak {
        at_ns: read.at_ns(),
        share,
        tokens,
        bytes: tokens.and_then(|tokens| capacity.bytes_of(tokens)),
        measured_bytes: read.bytes,
        running: read.running,
        waiting: read.waiting,
        theory: Held::at(records, read.at_ns(), terms.window).map(|held| theory(held, tokens, terms)),
    }
}

/// What must be held, beside what the engine says it does, tokens.
fn theory(held: Held, told: Option<u64>, terms: &KvTerms) -> KvTheory {
    let block_tokens = terms.capacity.block_tokens;
    let rounding_tokens = block_tokens.map(|block| held.requests * block);
    let agrees = Option::zip(told, block_tokens).map(|(told, block)| {
        let least = held.tokens.saturating_sub(held.requests * block);
        let most = held.tokens + held.starting_tokens + (held.requests + held.starting) * block;
        (least..=most).contains(&told)
    });
    KvTheory {
        requests: held.requests,
        tokens: held.tokens,
        bytes: terms.capacity.bytes_of(held.tokens),
        rounding_tokens,
        starting: held.starting,
        starting_tokens: held.starting_tokens,
        estimated: held.estimated,
        agrees,
    }
}

#[cfg(test)]
mod tests;
