//! Owns what an engine's own latencies were at each read, for as long as somebody may ask what was added in between.
//! Must not know how they are read.

use crate::record::{Buckets, ServerTally};
use crate::sync::lock;
use std::sync::Mutex;
use std::time::Duration;
use tokio::sync::watch;

/// Most reads that are kept; beyond it every second one of those in the middle goes.
const MAX_KEPT: usize = 1024;

/// An engine's own latencies since it started.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Latencies {
    pub ttft: Option<Buckets>,
    pub itl: Option<Buckets>,
}

#[derive(Clone, Debug)]
struct Kept {
    begun_ns: u64,
    ended_ns: u64,
    latencies: Latencies,
}

/// Reads of an engine's own latencies.
#[derive(Debug)]
pub struct History {
    kept: Mutex<Vec<Kept>>,
    /// When the last read began, ns of run time.
    latest: watch::Sender<u64>,
}

impl Default for History {
    fn default() -> Self {
        Self { kept: Mutex::default(), latest: watch::Sender::new(0) }
    }
}

impl History {
    pub(super) fn add(&self, begun_ns: u64, ended_ns: u64, latencies: Latencies) {
        let mut kept = lock(&self.kept);
        kept.push(Kept { begun_ns, ended_ns, latencies });
        if kept.len() > MAX_KEPT {
            let last = kept.len() - 1;
            let mut at = 0..;
            kept.retain(|_| at.next().is_some_and(|at| at == last || at % 2 == 0));
        }
        drop(kept);
        self.latest.send_replace(begun_ns);
    }

    /// What was read before `t_ns` is of no more use, but for the last of it.
    pub fn forget_before(&self, t_ns: u64) {
        let mut kept = lock(&self.kept);
        let before = kept.partition_point(|read| read.ended_ns <= t_ns);
        kept.drain(..before.saturating_sub(1));
    }

    /// Waits until a read has been made that began at `t_ns` or later.
    ///
    /// # Errors
    /// Where there was none within the limit.
    pub async fn wait_for(&self, t_ns: u64, limit: Duration) -> Result<(), tokio::time::error::Elapsed> {
        let mut latest = self.latest.subscribe();
        // The sender is as old as this.
        tokio::time::timeout(limit, latest.wait_for(|begun_ns| *begun_ns >= t_ns)).await.map(drop)
    }

    /// What was added between the reads that lie around a stretch of time: the last one that had ended when it began, or
    /// the first at all, and the first one that began when it was over. Absent without both, or where the engine began
    /// anew in between.
    #[must_use]
    pub fn around(&self, from_ns: u64, to_ns: u64) -> Option<ServerTally> {
        let kept = lock(&self.kept);
        let before = kept.iter().rev().find(|read| read.ended_ns <= from_ns).or(kept.first())?;
        let after = kept.iter().find(|read| read.begun_ns >= to_ns)?;
        let since = |after: &Option<Buckets>, before: &Option<Buckets>| after.as_ref()?.since(before.as_ref()?);
        let ttft = since(&after.latencies.ttft, &before.latencies.ttft);
        let itl = since(&after.latencies.itl, &before.latencies.itl);
        let is_known = ttft.is_some() || itl.is_some();
        is_known.then_some(ServerTally { from_ns: before.begun_ns, to_ns: after.ended_ns, ttft, itl })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(reads: &[(u64, u64)]) -> History {
        let history = History::default();
        for (begun_ns, n) in reads {
            let ttft = Buckets::of(vec![1.0, f64::INFINITY], vec![0, *n], 0.0);
            history.add(*begun_ns, begun_ns + 5, Latencies { ttft, itl: None });
        }
        history
    }

    fn check(reads: &[(u64, u64)], from_ns: u64, to_ns: u64, expect: Option<(u64, u64, u64)>) {
        let got = history(reads).around(from_ns, to_ns).map(|of| (of.from_ns, of.to_ns, of.ttft.unwrap().n()));
        assert_eq!(got, expect, "{reads:?} around {from_ns} to {to_ns}");
    }

    #[test]
    fn what_counts_are_the_reads_around_a_stretch() {
        let reads = [(10, 1), (20, 4), (30, 9), (40, 16)];
        check(&reads, 25, 30, Some((20, 35, 5)));
        check(&reads, 24, 31, Some((10, 45, 15)));
        check(&reads, 3, 31, Some((10, 45, 15)));
        check(&reads, 25, 41, None);
        check(&[], 1, 2, None);
        // It began anew.
        check(&[(10, 9), (20, 2)], 16, 18, None);
    }

    #[test]
    fn many_reads_are_thinned_and_the_ends_stay() {
        let reads: Vec<(u64, u64)> = (0..5000).map(|n| (n * 10, n)).collect();
        let history = history(&reads);
        assert!(history.kept.lock().unwrap().len() <= MAX_KEPT);
        let all = history.around(0, 49_990).unwrap();
        assert_eq!((all.from_ns, all.to_ns, all.ttft.unwrap().n()), (0, 49_995, 4999));
        history.forget_before(20_000);
        assert!(history.kept.lock().unwrap()[1].ended_ns > 20_000);
    }

    #[tokio::test]
    async fn a_read_that_is_still_to_come_is_waited_for() {
        let history = history(&[(10, 1)]);
        assert!(history.wait_for(10, Duration::from_secs(60)).await.is_ok());
        assert!(history.wait_for(11, Duration::from_millis(1)).await.is_err());
    }
}
