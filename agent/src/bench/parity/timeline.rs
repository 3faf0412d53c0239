//! Owns the times of one request as they are kept: whole microseconds, small enough to lie beside a page.
//! Must not know whether a client saw them or a server.

use crate::bench::pacer::{Account, Ending, Served};
use crate::record::{Chunk, RequestRecord};
use serde::{Deserialize, Serialize};
use shared::outcome::Outcome;
use shared::summary::TokenSource;
use std::collections::BTreeMap;

/// ns in a microsecond.
const NS_PER_US: u64 = 1000;

/// One request. Times are µs of the host's monotonic clock since the trial's own beginning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Timeline {
    /// Its number.
    pub id: u64,
    /// When its first byte was sent; of a server's account, when the last had been read.
    pub sent_us: u64,
    /// What opening its connection took before, where one was opened for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect_us: Option<u64>,
    /// From sent to the first chunk, then from each chunk to the next.
    pub chunks_us: Vec<u64>,
    /// When it ended.
    pub end_us: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// Prompt tokens, where they were told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_tokens: Option<u32>,
    /// Output tokens, where they were told.
    pub output_tokens: Option<u32>,
}

impl Timeline {
    /// Of a record whose clock began `begin_ns` before the trial; nothing where it was never sent.
    pub fn of(record: &RequestRecord, begin_ns: u64) -> Option<Self> {
        let us = |t_ns: u64| t_ns.saturating_sub(begin_ns) / NS_PER_US;
        let sent_us = us(record.sent_ns?);
        let mut before = sent_us;
        let chunks_us = record.chunks.iter().map(|chunk| {
            let at = us(chunk.t_ns).max(before);
            at - std::mem::replace(&mut before, at)
        });
        Some(Self {
            id: record.id,
            sent_us,
            connect_us: record.connect_ns.map(|ns| ns / NS_PER_US),
            chunks_us: chunks_us.collect(),
            end_us: us(record.end_ns),
            outcome: record.outcome,
            prompt_tokens: record.prompt_tokens,
            output_tokens: record.output_tokens,
        })
    }

    /// As a record again: chunks of unknown length, since neither side keeps it.
    pub fn record(&self) -> RequestRecord {
        let mut at_us = self.sent_us;
        let chunks = self.chunks_us.iter().map(|step_us| {
            at_us += step_us;
            Chunk { t_ns: at_us * NS_PER_US, tokens: None }
        });
        RequestRecord {
            sent_ns: Some(self.sent_us * NS_PER_US),
            connect_ns: self.connect_us.map(|us| us * NS_PER_US),
            chunks: chunks.collect(),
            end_ns: self.end_us * NS_PER_US,
            outcome: self.outcome,
            prompt_tokens: self.prompt_tokens,
            output_tokens: self.output_tokens,
            token_source: self.output_tokens.map_or(TokenSource::Unknown, |_| TokenSource::ServerUsage),
            ..RequestRecord::due(self.id, self.sent_us * NS_PER_US)
        }
    }
}

/// What a server's account says of the requests that have a number below `requests`, in time since `begin_ns`. Where one
/// number came twice, the first was a tool's question whether anybody is there, and is left out.
pub(super) fn of_account(account: &Account, requests: u32, begin_ns: impl FnOnce(u64) -> u64) -> Vec<Timeline> {
    let numbered = account.requests.iter().filter_map(|served| Some((served.client_id?, served)));
    let last: BTreeMap<u64, &Served> = numbered.filter(|(id, _)| *id < u64::from(requests)).collect();
    let begin_ns = begin_ns(last.values().map(|served| served.read_ns).min().unwrap_or(0));
    last.into_iter().filter_map(|(id, served)| Timeline::of(&record(id, served), begin_ns)).collect()
}

/// A request of the account as a client would have it that lost no time.
fn record(id: u64, served: &Served) -> RequestRecord {
    let chunks: Vec<Chunk> = served.chunks.iter().map(|chunk| Chunk { t_ns: chunk.sent_ns, tokens: None }).collect();
    RequestRecord {
        sent_ns: Some(served.read_ns),
        end_ns: chunks.last().map_or(served.read_ns, |chunk| chunk.t_ns),
        chunks,
        outcome: if served.end == Some(Ending::Complete) { Outcome::Ok } else { Outcome::Truncated },
        output_tokens: u32::try_from(served.tokens()).ok(),
        ..RequestRecord::due(id, served.read_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::pacer::Written;

    #[test]
    fn a_record_is_kept_to_the_microsecond() {
        let chunks = [3_000_400, 5_000_900, 5_000_900].map(|t_ns| Chunk { t_ns, tokens: None }).to_vec();
        let kept = Timeline::of(
            &RequestRecord {
                sent_ns: Some(2_000_999),
                connect_ns: Some(70_500),
                chunks,
                end_ns: 6_000_000,
                outcome: Outcome::Ok,
                output_tokens: Some(3),
                ..RequestRecord::due(4, 1_000_000)
            },
            1_000_000,
        )
        .unwrap();
        assert_eq!((kept.sent_us, kept.connect_us, kept.end_us), (1000, Some(70), 5000));
        assert_eq!(kept.chunks_us, [1000, 2000, 0]);
        let again = kept.record();
        assert_eq!(
            (again.ttft_ns(), again.e2e_ns(), again.tpot_ns()),
            (Some(1_000_000), Some(3_000_000), Some(1_000_000))
        );
        assert_eq!(Timeline::of(&again, 0), Some(kept));
        assert_eq!(Timeline::of(&RequestRecord::due(4, 0), 0), None);
    }

    #[test]
    fn the_account_counts_each_number_once_and_none_that_was_not_asked_for() {
        let served = |client_id, read_ns: u64, end| {
            let chunks = vec![Written { due_ns: 0, sent_ns: read_ns + 5_000_000, tokens: 1 }];
            Served { client_id, read_ns, asked_tokens: 1, chunks, end }
        };
        let complete = Some(Ending::Complete);
        let requests = vec![
            served(Some(0), 0, complete),
            served(None, 1_000_000, complete),
            served(Some(0), 10_000_000, complete),
            served(Some(1), 11_000_000, Some(Ending::ClientGone)),
            served(Some(2), 12_000_000, complete),
        ];
        let kept = of_account(&Account { requests, ..Account::default() }, 2, |first_ns| first_ns);
        let brief: Vec<_> = kept.iter().map(|t| (t.id, t.sent_us, t.chunks_us.as_slice(), t.outcome)).collect();
        assert_eq!(brief, [(0, 0, &[5000][..], Outcome::Ok), (1, 1000, &[5000][..], Outcome::Truncated)]);
    }
}
