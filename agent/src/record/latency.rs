//! Owns the latencies of a request (METRICS.md), each as samples of a set of requests.
//! Must not know which requests belong to a window.

use super::request::RequestRecord;
use super::statistics::Samples;
use super::tally::Shares;
use shared::outcome::Outcome;

/// A latency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Latency {
    /// Sent to first token.
    Ttft,
    /// Due to first token.
    TtftScheduled,
    /// Sent to first visible output.
    Ttfv,
    /// Per output token after the first chunk.
    Tpot,
    /// Between tokens.
    Itl,
    /// Between chunks.
    ChunkGap,
    /// Sent to last output.
    E2e,
    /// Due to sent.
    QueueClient,
    /// Opening a connection.
    Connect,
}

impl Latency {
    /// All of them, each at its own place.
    pub const ALL: [Latency; 9] = [
        Latency::Ttft,
        Latency::TtftScheduled,
        Latency::Ttfv,
        Latency::Tpot,
        Latency::Itl,
        Latency::ChunkGap,
        Latency::E2e,
        Latency::QueueClient,
        Latency::Connect,
    ];

    /// Its key in the registry of metrics.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Latency::Ttft => "ttft",
            Latency::TtftScheduled => "ttft_scheduled",
            Latency::Ttfv => "ttfv",
            Latency::Tpot => "tpot",
            Latency::Itl => "itl",
            Latency::ChunkGap => "chunk_gap",
            Latency::E2e => "e2e",
            Latency::QueueClient => "queue_client",
            Latency::Connect => "connect",
        }
    }

    /// Adds what a request says of it. A request that ended well has a value or counts as absent. One that reached a
    /// limit is at least as slow as it was until then. Others say nothing.
    pub fn take(self, record: &RequestRecord, samples: &mut Samples) {
        match record.outcome {
            outcome if outcome.is_ok() => self.take_ok(record, samples),
            // One of the window that was cut had reached the drain limit.
            Outcome::TimedOut | Outcome::Cancelled => self.take_bound(record, samples),
            // It waited as long as the trial let it: leaving it out would better the open loop's headline.
            Outcome::Unsent if self == Latency::TtftScheduled => self.take_bound(record, samples),
            _ => {}
        }
    }

    fn take_ok(self, record: &RequestRecord, samples: &mut Samples) {
        match self {
            Latency::Itl => take_itl(record, samples),
            Latency::ChunkGap => {
                let gaps = record.chunks.windows(2).map(|pair| pair[1].t_ns.saturating_sub(pair[0].t_ns));
                samples.ok_ns.extend(gaps);
            }
            // Most requests open no connection; that is no absence.
            Latency::Connect => samples.ok_ns.extend(record.connect_ns),
            _ => samples.add(self.of(record)),
        }
    }

    fn take_bound(self, record: &RequestRecord, samples: &mut Samples) {
        let begun = if self == Latency::TtftScheduled { Some(record.sched_ns) } else { record.sent_ns };
        let waited = begun.map(|t| record.end_ns.saturating_sub(t));
        match self {
            Latency::Ttft | Latency::TtftScheduled | Latency::Ttfv => match self.of(record) {
                Some(value) => samples.ok_ns.push(value),
                None => samples.at_least_ns.extend(waited),
            },
            Latency::E2e => samples.at_least_ns.extend(waited),
            _ => {}
        }
    }

    /// The one value that a request has of it, ns; the pooled ones have none.
    fn of(self, record: &RequestRecord) -> Option<u64> {
        match self {
            Latency::Ttft => record.ttft_ns(),
            Latency::TtftScheduled => record.ttft_scheduled_ns(),
            Latency::Ttfv => record.ttfv_ns(),
            Latency::Tpot => record.tpot_ns(),
            Latency::E2e => record.e2e_ns(),
            Latency::QueueClient => record.queue_client_ns(),
            Latency::Connect => record.connect_ns,
            Latency::Itl | Latency::ChunkGap => None,
        }
    }
}

/// A gap before a chunk of m tokens counts m times as its m-th part. A chunk without a token adds its gap to the next.
fn take_itl(record: &RequestRecord, samples: &mut Samples) {
    if !Shares::of(record, None).all_counted(record) {
        samples.absent += 1;
        return;
    }
    let mut tokens = record.chunks.iter().filter_map(|chunk| Some((chunk.t_ns, chunk.tokens.filter(|n| *n > 0)?)));
    let Some((mut before, _)) = tokens.next() else { return };
    for (t_ns, n) in tokens {
        samples.add_weighted(t_ns.saturating_sub(before) / u64::from(n), n);
        before = t_ns;
    }
}
