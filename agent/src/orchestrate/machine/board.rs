//! Owns what everybody sees of the machine: its events, their fold, and who looks at them and where each of them is.
//! Must not know how anything is read.

use super::audience::{Audience, There};
use crate::load::Clock;
use crate::orchestrate::unix_ms;
use crate::sync::lock;
use shared::event::{Body, Event};
use shared::units::NS_PER_MS;
use shared::view::{MachineView, Telemetry};
use shared::wire::MachineTold;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};

/// Events that one who looks may be behind; beyond, a snapshot is cheaper than catching up. Some 15 s of eight GPUs.
const MAX_EVENTS: usize = 256;
/// Between two messages to one who looks: more often cannot be read.
const PACE: Duration = Duration::from_millis(200);

/// What is shown, and who looks.
#[derive(Default)]
pub(super) struct Board {
    shown: Mutex<Shown>,
    changed: watch::Sender<()>,
    audience: watch::Sender<Audience>,
}

/// What is shown.
#[derive(Default)]
struct Shown {
    /// Streams so far.
    streams: u64,
    /// The one that is under way.
    stream: Option<Stream>,
}

/// What was told since it was begun to read.
struct Stream {
    /// Counts them.
    number: u64,
    clock: Clock,
    view: MachineView,
    /// The last events.
    recent: VecDeque<Event>,
}

/// Where somebody who looks is: the stream, and its last event that was told.
type Place = (u64, u64);

impl Stream {
    fn add(&mut self, bodies: Vec<Body>) {
        for body in bodies {
            let event = Event { seq: self.view.seq + 1, t_ns: self.clock.now_ns(), body };
            self.view.apply(&event);
            self.recent.push_back(event);
        }
        let over = self.recent.len().saturating_sub(MAX_EVENTS);
        self.recent.drain(..over);
    }

    /// All of it as of now. The anchor is taken anew each time: over weeks the two clocks drift apart.
    fn view(&self) -> MachineView {
        let now_ns = self.clock.now_ns();
        MachineView { now_ns, anchor_unix_ms: unix_ms().saturating_sub(now_ns / NS_PER_MS), ..self.view.clone() }
    }

    /// True once the host and each GPU have said something.
    fn is_read(&self) -> bool {
        let telemetry = &self.view.telemetry;
        let has = |source: &str| telemetry.tracks.iter().any(|track| track.source == source);
        telemetry
            .began
            .as_ref()
            .is_some_and(|began| has(Telemetry::HOST) && began.gpus.iter().all(|gpu| has(&gpu.source)))
    }

    /// What comes after a place; nothing where that is up to date.
    fn after(&self, place: Option<Place>) -> Option<MachineTold> {
        let seq = place.filter(|(stream, _)| *stream == self.number).map(|(_, seq)| seq);
        let first = self.recent.front().map_or(self.view.seq + 1, |event| event.seq);
        match seq {
            Some(seq) if seq == self.view.seq => None,
            Some(seq) if seq + 1 >= first => {
                Some(MachineTold::Events(self.recent.iter().filter(|event| event.seq > seq).cloned().collect()))
            }
            seq => {
                let missed = seq.map_or(0, |seq| self.view.seq - seq);
                Some(MachineTold::Snapshot { view: Box::new(self.view()), missed })
            }
        }
    }
}

impl Board {
    /// Another stream begins, of which nothing is known yet.
    pub fn begin(&self, clock: Clock) {
        self.change(|shown| {
            shown.streams += 1;
            let (number, view) = (shown.streams, MachineView::new(unix_ms()));
            shown.stream = Some(Stream { number, clock, view, recent: VecDeque::new() });
        });
    }

    /// Adds to it.
    pub fn add(&self, bodies: Vec<Body>) {
        self.change(|shown| {
            if let Some(stream) = &mut shown.stream {
                stream.add(bodies);
            }
        });
    }

    /// It is over, and nothing of it is shown any more.
    pub fn end(&self) {
        self.change(|shown| shown.stream = None);
    }

    /// Resolves once somebody is there.
    pub async fn somebody(&self) {
        let mut audience = self.audience.subscribe();
        // The board holds the sender.
        audience.wait_for(|audience| audience.there(Instant::now()) != There::Nobody).await.ok();
    }

    /// Resolves once nobody is.
    pub async fn nobody(&self) {
        let mut audience = self.audience.subscribe();
        loop {
            let there = audience.borrow_and_update().there(Instant::now());
            match there {
                There::Nobody => return,
                There::Until(then) => drop(timeout_at(then, audience.changed()).await),
                There::ForNow => drop(audience.changed().await),
            }
        }
    }

    /// What is known once everything was read, or at this time; nothing where nothing is read.
    pub async fn look(&self, at_last: Instant) -> Option<MachineView> {
        let mut changed = self.changed.subscribe();
        let is_read = || self.lock().stream.as_ref().is_some_and(Stream::is_read);
        let read = async { while !is_read() && changed.changed().await.is_ok() {} };
        timeout_at(at_last, read).await.ok();
        self.lock().stream.as_ref().map(Stream::view)
    }

    fn change(&self, does: impl FnOnce(&mut Shown)) {
        does(&mut self.lock());
        self.changed.send_replace(());
    }

    fn lock(&self) -> MutexGuard<'_, Shown> {
        lock(&self.shown)
    }
}

/// Somebody who looks at the machine, for as long as this is not dropped.
pub struct MachineViewer {
    board: Arc<Board>,
    changed: watch::Receiver<()>,
    place: Option<Place>,
    not_before: Instant,
    /// How long it counts once it has left.
    grace: Duration,
}

impl MachineViewer {
    pub(super) fn of(board: Arc<Board>, grace: Duration) -> Self {
        board.audience.send_modify(Audience::comes);
        let changed = board.changed.subscribe();
        Self { board, changed, place: None, not_before: Instant::now(), grace }
    }

    /// What comes next: a snapshot, then events as they come. Dropping the future loses nothing.
    pub async fn next(&mut self) -> MachineTold {
        loop {
            sleep_until(self.not_before).await;
            self.changed.mark_unchanged();
            if let Some(told) = self.told() {
                self.not_before = Instant::now() + PACE;
                return told;
            }
            // The board holds the sender, and this holds the board.
            self.changed.changed().await.ok();
        }
    }

    fn told(&mut self) -> Option<MachineTold> {
        let shown = self.board.lock();
        let stream = shown.stream.as_ref()?;
        let told = stream.after(self.place)?;
        self.place = Some((stream.number, stream.view.seq));
        Some(told)
    }
}

impl Drop for MachineViewer {
    fn drop(&mut self) {
        self.board.audience.send_modify(|audience| audience.leaves(Instant::now() + self.grace));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::telemetry::{Began, Group, Samples};

    /// A read of the host at a time, ns.
    fn body(at_ns: u64) -> Body {
        let group = Group { at_ns: vec![at_ns], took_ns: vec![1], keys: vec!["power".into()], values: vec![7] };
        Body::Samples(Samples { source: "host".into(), groups: vec![group], dropped: 0 })
    }

    fn viewer(board: &Arc<Board>) -> MachineViewer {
        MachineViewer::of(Arc::clone(board), Duration::ZERO)
    }

    #[tokio::test]
    async fn whoever_looks_however_slowly_ends_with_the_fold_of_all_events() {
        let board = Arc::new(Board::default());
        let (mut early, mut slow) = (viewer(&board), viewer(&board));
        let (mut known, mut known_slowly, mut missed) = (None, None, 0);
        for stream in 1..3u64 {
            board.begin(Clock::starting_now());
            board.add(vec![Body::TelemetryBegan(Began { rate_hz: stream as f64, ..Began::default() })]);
            for n in 1..=700 {
                board.add(vec![body(n * 1_000_000_000)]);
                if n % 250 == 0 {
                    assert_eq!(early.next().await.fold(&mut known), 0);
                }
                if n % 650 == 0 {
                    missed += slow.next().await.fold(&mut known_slowly);
                }
            }
            let mut late = None;
            assert_eq!(viewer(&board).next().await.fold(&mut late), 0);
            for (viewer, known) in [(&mut early, &mut known), (&mut slow, &mut known_slowly)] {
                missed += viewer.next().await.fold(known);
            }
            let expect = board.lock().stream.as_ref().map(|stream| (stream.view.seq, stream.view.telemetry.clone()));
            assert_eq!(expect.as_ref().map(|(seq, _)| *seq), Some(701));
            for known in [&known, &known_slowly, &late] {
                assert_eq!(known.as_ref().map(|known| (known.seq, known.telemetry.clone())), expect);
            }
        }
        // Nobody misses anything of a stream that it has not seen.
        assert_eq!(missed, 0);
        board.add((0..300).map(body).collect());
        assert_eq!(slow.next().await.fold(&mut known_slowly), 300);
        board.end();
        assert!(timeout_at(Instant::now() + 2 * PACE, slow.next()).await.is_err());
    }

    #[tokio::test]
    async fn who_looks_once_waits_for_the_first_read_and_not_for_ever() {
        let board = Arc::new(Board::default());
        let somebody = viewer(&board);
        assert_eq!(board.look(Instant::now()).await, None);
        board.somebody().await;
        board.begin(Clock::starting_now());
        board.add(vec![Body::TelemetryBegan(Began::default())]);
        let seen = board.look(Instant::now() + Duration::from_secs(60));
        let (seen, ()) = tokio::join!(seen, async { board.add(vec![body(5)]) });
        drop(somebody);
        assert_eq!(seen.map(|seen| seen.telemetry.tracks.len()), Some(1));
        board.nobody().await;
    }
}
