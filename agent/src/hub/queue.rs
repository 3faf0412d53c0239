//! Owns the queue of one viewer on one run: bounded in events and bytes, without holes or doubles.
//! Must not know time, tasks or other viewers.

use shared::event::{Body, Event};
use shared::telemetry::Group;
use std::collections::VecDeque;
use std::sync::Arc;

/// Events that may wait for a viewer; beyond, a snapshot is cheaper than catching up.
const MAX_EVENTS: usize = 600;
/// Their weight, bytes.
pub(super) const MAX_BYTES: usize = 512 << 10;

/// What waits for a viewer who is at event `seq`.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// The last event that the viewer has.
    seq: u64,
    waiting: VecDeque<Arc<[Event]>>,
    events: usize,
    bytes: usize,
    overflowed: bool,
}

impl Queue {
    /// Takes what was committed. A queue that would grow beyond its bounds is emptied: the viewer gets a snapshot.
    pub(super) fn push(&mut self, events: &Arc<[Event]>) {
        if self.overflowed || events.last().is_none_or(|last| last.seq <= self.seq) {
            return;
        }
        self.events += events.len();
        self.bytes += events.iter().map(weight).sum::<usize>();
        if self.events > MAX_EVENTS || self.bytes > MAX_BYTES {
            self.overflow();
        } else {
            self.waiting.push_back(events.clone());
        }
    }

    /// Gives up what waits; [`Queue::overflowed`] until the viewer is brought to a snapshot.
    pub(super) fn overflow(&mut self) {
        self.waiting.clear();
        (self.events, self.bytes, self.overflowed) = (0, 0, true);
    }

    /// True where the viewer has missed events and needs a snapshot.
    pub(super) fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// True where nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The last event that the viewer has.
    pub(super) fn seq(&self) -> u64 {
        self.seq
    }

    /// The viewer was brought to `seq` by other means; what waits from before it is left out when it is taken.
    pub(super) fn at(&mut self, seq: u64) {
        self.seq = seq;
        self.overflowed = false;
    }

    /// Takes all that waits, if anything is new. A hole is an overflow.
    pub(super) fn take(&mut self) -> Vec<Event> {
        let mut events = Vec::with_capacity(self.events);
        for event in self.waiting.drain(..).flat_map(|batch| batch.to_vec()) {
            if event.seq == self.seq + 1 {
                self.seq = event.seq;
                events.push(event);
            } else if event.seq > self.seq {
                self.overflowed = true;
                break;
            }
        }
        (self.events, self.bytes) = (0, 0);
        events
    }
}

/// About how many bytes an event has on the wire.
pub(super) fn weight(event: &Event) -> usize {
    match &event.body {
        Body::Batch(batch) => 256 + 48 * batch.requests.len() + 128 * batch.bins.len() + 512 * batch.rest.len(),
        Body::EngineLog { lines } => 64 + lines.iter().map(|line| 8 + line.len()).sum::<usize>(),
        Body::Created { .. } | Body::TrialDone { .. } | Body::PointDone { .. } => 4096,
        Body::Imported(source) => 256 + 160 * source.files.len() + 192 * source.definitions.len(),
        Body::Judged { findings, caveats } => 64 + 128 * (findings.len() + caveats.len()),
        Body::State { .. } => 512,
        Body::Resumed { points, .. } => 512 + 8 * points.len(),
        Body::EngineFailed { lines, .. } => 512 + lines.iter().map(|line| 8 + line.len()).sum::<usize>(),
        // Its whole command is in it.
        Body::EngineReady(_) => 2048,
        Body::Priced(_) => 512,
        Body::PointAdded { .. } | Body::SearchDone(_) => 256,
        Body::TelemetryBegan(began) => 128 + 192 * began.gpus.len(),
        Body::Samples(samples) => {
            let column = |group: &Group| 16 * group.keys.len() + 6 * group.values.len() + 14 * group.at_ns.len();
            96 + samples.groups.iter().map(column).sum::<usize>()
        }
        Body::Look(look) => 96 + 96 * look.processes.len() + 3 * look.cores.len(),
        Body::Trouble(_) => 128,
        Body::Observer(observer) => 64 + 192 * observer.readers.len(),
        Body::OfStudy(_)
        | Body::EngineStarting(_)
        | Body::TrialStarted { .. }
        | Body::WindowOpened { .. }
        | Body::Unknown => 64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(seqs: std::ops::Range<u64>, bytes: usize) -> Arc<[Event]> {
        let body = |_| Body::EngineLog { lines: vec!["x".repeat(bytes)] };
        seqs.map(|seq| Event { seq, t_ns: seq, body: body(seq) }).collect()
    }

    fn check(at: u64, pushed: &[std::ops::Range<u64>], expect: std::ops::Range<u64>, overflowed: bool) {
        let mut queue = Queue::default();
        queue.at(at);
        pushed.iter().for_each(|seqs| queue.push(&events(seqs.clone(), 1)));
        let taken: Vec<u64> = queue.take().iter().map(|e| e.seq).collect();
        assert_eq!((taken, queue.overflowed()), (expect.collect(), overflowed), "at {at}, pushed {pushed:?}");
        assert!(queue.is_empty());
    }

    #[test]
    fn nothing_is_sent_twice_and_a_hole_is_noticed() {
        check(0, &[1..3, 3..5], 1..5, false);
        check(3, &[1..3, 3..5], 4..5, false);
        check(9, &[1..3, 3..5], 0..0, false);
        check(0, &[1..3, 4..5], 1..3, true);
        check(0, &[1..3, 2..5], 1..5, false);
        check(0, &[1..400, 400..700], 0..0, true);
    }

    #[test]
    fn bytes_are_bounded_too() {
        let mut queue = Queue::default();
        for seq in 1..200 {
            queue.push(&events(seq..seq + 1, 100_000));
            assert!(queue.bytes <= MAX_BYTES && queue.waiting.len() < 6);
        }
        assert!(queue.overflowed() && queue.is_empty());
    }
}
