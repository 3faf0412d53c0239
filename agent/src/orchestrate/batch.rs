//! Owns the way from what load reports to events of bounded size.
//! Must not know sockets or storage.

use crate::load::Progress;
use crate::record::RequestRecord;
use shared::event::{Batch, RequestColumns, RequestSample, RestBin};
use shared::ids::TrialIndex;
use std::collections::BTreeMap;

/// One record as the live view needs it.
#[must_use]
pub fn sample_of(record: &RequestRecord) -> RequestSample {
    RequestSample {
        id: record.id,
        sent_ns: record.key_ns(),
        end_ns: record.end_ns,
        ttft_ns: record.ttft_ns(),
        tpot_ns: record.tpot_ns(),
        output_tokens: record.output_tokens,
        outcome: record.outcome,
    }
}

/// The batch of one report: the first requests one by one, the rest as counts and histograms.
#[must_use]
pub fn batch_of(trial: TrialIndex, progress: &Progress) -> Batch {
    let mut requests = RequestColumns::default();
    let mut rest: BTreeMap<u32, RestBin> = BTreeMap::new();
    for (index, record) in progress.ended.iter().enumerate() {
        let sample = sample_of(record);
        if index < Batch::MAX_SAMPLES {
            requests.push(&sample);
            continue;
        }
        let bin = u32::try_from(sample.end_ns / Batch::BIN_NS).unwrap_or(u32::MAX);
        let rest = rest.entry(bin).or_insert_with(|| RestBin { bin, ..RestBin::default() });
        rest.ended.count(sample.outcome);
        if !sample.outcome.is_ok() {
            continue;
        }
        sample.ttft_ns.into_iter().for_each(|ns| rest.ttft.add(ns));
        sample.tpot_ns.into_iter().for_each(|ns| rest.tpot.add(ns));
    }
    Batch {
        trial,
        bins: progress.bins.clone(),
        in_flight: progress.in_flight,
        waiting: progress.waiting,
        requests,
        rest: rest.into_values().collect(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use shared::outcome::Outcome;

    pub(in crate::orchestrate) fn record(id: u64) -> RequestRecord {
        RequestRecord {
            sent_ns: Some(u64::from(u32::MAX) + id * 1_000_003),
            end_ns: u64::from(u32::MAX) * 9 + id * 977_001,
            outcome: if id.is_multiple_of(7) { Outcome::Refused } else { Outcome::Ok },
            output_tokens: Some(64),
            ..RequestRecord::due(id, 0)
        }
    }

    #[test]
    fn a_batch_is_at_most_8_kb_and_counts_every_request() {
        let ended: Vec<_> = (0..5000).map(record).collect();
        let progress = Progress { t_ns: 0, bins: vec![Default::default(); 4], in_flight: 9, waiting: 0, ended };
        let batch = batch_of(0, &progress);
        let bytes = rmp_serde::to_vec_named(&batch).unwrap().len();
        assert!(bytes <= 8 << 10, "{bytes} bytes");
        let rest: u64 = batch.rest.iter().map(|r| r.ended.total()).sum();
        assert_eq!(batch.requests.len() + rest as usize, 5000);
    }
}
