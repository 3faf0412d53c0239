//! Owns what is read anew from a run's records: goodput for any limits, exact distributions, one request's timeline.
//! Must not know who asks, nor how records are stored.

use crate::blob::{BlobError, BlobStore};
use crate::orchestrate::sample_of;
use crate::record::{Latency, RequestRecord, Samples, Served, Span, goodput};
use shared::ids::{PointIndex, RequestId, RunId, TrialIndex};
use shared::plan::SloPlan;
use shared::view::{PointView, RunView};
use shared::wire::{PointDistribution, PointGoodput, RequestTimeline};

/// Points of an empirical distribution at most.
const MAX_ECDF: u64 = 400;
/// Bins of a histogram at most.
const MAX_BINS: u32 = 60;

/// Why figures cannot be computed anew.
#[derive(Debug, thiserror::Error)]
pub enum RecountError {
    /// A trial has figures and no records: those of its point without it would be others.
    #[error(
        "Trial {trial} of {run} ended, but its records could not be written, so its point has no figures but those of the \
         run itself."
    )]
    NoRecords {
        /// The trial.
        trial: TrialIndex,
        /// Its run.
        run: RunId,
    },
    /// Nothing of the point has been measured.
    #[error("No trial of point {point} of {run} has ended, or the run has no such point.")]
    Unmeasured {
        /// The point.
        point: PointIndex,
        /// Its run.
        run: RunId,
    },
    /// No record is of the request.
    #[error("Request {id} of {run} is in no trial that has ended with records.")]
    NoRequest {
        /// Its number.
        id: RequestId,
        /// The run.
        run: RunId,
    },
    /// The records cannot be read.
    #[error(transparent)]
    Blob(#[from] BlobError),
}

/// A trial that ended: where its records are, and what they were measured over.
struct Measured {
    blob: String,
    span: Span,
}

impl Measured {
    /// Passes on the records that belong to the trial's window.
    fn each(&self, blobs: &BlobStore, mut take: impl FnMut(&RequestRecord)) -> Result<(), BlobError> {
        for record in blobs.read(&self.blob)? {
            let record = record?;
            if self.span.holds(&record) {
                take(&record);
            }
        }
        Ok(())
    }
}

/// The trials of a point that ended.
fn measured(view: &RunView, point: PointIndex) -> Result<Vec<Measured>, RecountError> {
    let mut found = Vec::new();
    let Some(header) = &view.header else { return Ok(found) };
    for (trial, of) in view.trials_of(point) {
        let Some(summary) = &of.summary else { continue };
        let no_records = || RecountError::NoRecords { trial, run: header.run.clone() };
        let blob = of.blob.clone().ok_or_else(no_records)?;
        found.push(Measured { blob, span: Span::of_summary(summary, &header.plan) });
    }
    Ok(found)
}

/// Goodput of every point that has ended trials, for any limits.
///
/// # Errors
/// [`RecountError`] where records are missing.
pub fn goodput_of(blobs: &BlobStore, view: &RunView, limits: &SloPlan) -> Result<Vec<PointGoodput>, RecountError> {
    let mut rows = Vec::new();
    for (point, planned) in (0..).zip(&view.points) {
        let trials = measured(view, point)?;
        if !trials.is_empty() {
            rows.push(judged(blobs, view, &trials, limits, (point, planned))?);
        }
    }
    Ok(rows)
}

/// One point's goodput.
fn judged(
    blobs: &BlobStore,
    view: &RunView,
    trials: &[Measured],
    limits: &SloPlan,
    (point, planned): (PointIndex, &PointView),
) -> Result<PointGoodput, BlobError> {
    let arrival = view.header.as_ref().map(|h| h.plan.load.arrival).unwrap_or_default();
    let mut served = Vec::new();
    for trial in trials {
        trial.each(blobs, |record| served.push(Served::of(record, arrival)))?;
    }
    let found = goodput(&served, limits, trials.iter().map(|trial| trial.span.length_ns()).sum());
    Ok(PointGoodput {
        point,
        level: planned.level,
        words: planned.words(),
        met: found.map(|g| g.met),
        of: served.len() as u64,
        requests_per_s: found.and_then(|g| g.requests_per_s),
        tokens_per_s: found.and_then(|g| g.tokens_per_s),
    })
}

/// Exact distributions of these latencies over the pooled samples of all trials of a point that ended, in their order; the
/// records are read once.
///
/// # Errors
/// [`RecountError`] where nothing of the point was measured, or records are missing.
pub fn distributions<const N: usize>(
    blobs: &BlobStore,
    run: &RunId,
    view: &RunView,
    point: PointIndex,
    latencies: [Latency; N],
) -> Result<[PointDistribution; N], RecountError> {
    let trials = measured(view, point)?;
    if trials.is_empty() {
        return Err(RecountError::Unmeasured { point, run: run.clone() });
    }
    let mut taken = latencies.map(|latency| (latency, Samples::default()));
    for trial in &trials {
        trial.each(blobs, |record| taken.iter_mut().for_each(|(latency, samples)| latency.take(record, samples)))?;
    }
    Ok(taken.map(|(latency, samples)| {
        let ranked = samples.ranked();
        PointDistribution {
            metric: latency.key().to_owned(),
            n: ranked.certain_total(),
            at_least: ranked.bounds_total(),
            ecdf: ranked.ecdf(MAX_ECDF),
            bins: ranked.bins(MAX_BINS),
        }
    }))
}

/// One request's timeline, its stamps in ns since it was sent. Blocks on the disk: reads the records up to it.
///
/// # Errors
/// [`RecountError`] where no trial that ended has it, or records cannot be read.
pub fn timeline(
    blobs: &BlobStore,
    run: &RunId,
    view: &RunView,
    id: RequestId,
) -> Result<RequestTimeline, RecountError> {
    for blob in view.trials.iter().filter_map(|trial| trial.blob.as_ref()) {
        if let Some(record) = blobs.find(blob, id)? {
            return Ok(timeline_of(record));
        }
    }
    Err(RecountError::NoRequest { id, run: run.clone() })
}

/// The timeline of a record. A request that was never sent waited in the client until its end.
fn timeline_of(record: RequestRecord) -> RequestTimeline {
    let sent_ns = record.sent_ns.unwrap_or(record.end_ns);
    let since = |t_ns: u64| t_ns.saturating_sub(sent_ns);
    RequestTimeline {
        sample: sample_of(&record),
        queue_client_ns: sent_ns.saturating_sub(record.sched_ns),
        connect_ns: record.connect_ns,
        head_ns: record.head_ns.map(since),
        close_ns: since(record.end_ns),
        prompt_tokens: record.prompt_tokens,
        chunks: record.chunks.iter().map(|chunk| (since(chunk.t_ns), chunk.tokens)).collect(),
        error: record.error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Chunk;
    use shared::outcome::Outcome;

    fn record(sent_ns: Option<u64>) -> RequestRecord {
        RequestRecord {
            sent_ns,
            connect_ns: Some(7),
            head_ns: sent_ns.map(|t| t + 10),
            chunks: sent_ns.map(|t| Chunk { t_ns: t + 20, tokens: Some(1) }).into_iter().collect(),
            end_ns: 400,
            outcome: Outcome::Ok,
            ..RequestRecord::due(3, 100)
        }
    }

    #[test]
    fn a_timeline_begins_when_the_request_was_sent() {
        let sent = timeline_of(record(Some(150)));
        assert_eq!((sent.queue_client_ns, sent.head_ns, sent.close_ns), (50, Some(10), 250));
        assert_eq!(sent.chunks, [(20, Some(1))]);
    }

    #[test]
    fn a_request_that_was_never_sent_waited_in_the_client() {
        let unsent = timeline_of(record(None));
        assert_eq!((unsent.queue_client_ns, unsent.head_ns, unsent.close_ns), (300, None, 0));
    }
}
