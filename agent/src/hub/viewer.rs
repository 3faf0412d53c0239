//! Owns one viewer: which run it follows, how far it has come, and what it is told next.
//! Must not know sockets; how fast it is asked is all it knows of its reader.

use super::Shared;
use super::recent::MAX_EVENTS;
use shared::event::Event;
use shared::ids::RunId;
use shared::wire::{ClientMessage, RunRow, ServerMessage};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// Most events by which a viewer that comes back may be behind to be served events instead of a snapshot.
const MAX_RESUME: u64 = 2000;
/// Least time between two lists of rows.
const ROWS_EVERY: Duration = Duration::from_millis(500);
/// Rows that a new viewer is told.
const FIRST_ROWS: usize = 50;

/// One viewer. It holds a place in the log and no queue of its own: one that reads slowly costs no memory, and once
/// its place is no longer in the shared memory it is told of the gap and gets a snapshot.
pub struct Viewer {
    shared: Arc<Shared>,
    changed: watch::Receiver<u64>,
    following: Option<Following>,
    ready: VecDeque<ServerMessage>,
    next_frame: Instant,
    next_rows: Instant,
    /// Rows up to this change were told; nothing before the first list.
    rows_change: Option<u64>,
}

struct Following {
    run: RunId,
    /// The last event told; nothing before the snapshot.
    seq: Option<u64>,
    /// True until the first message after [`ClientMessage::Follow`].
    resuming: bool,
    viewers: u32,
}

impl Viewer {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let changed = shared.changed.subscribe();
        let now = Instant::now();
        Self {
            shared,
            changed,
            following: None,
            ready: VecDeque::new(),
            next_frame: now,
            next_rows: now,
            rows_change: None,
        }
    }

    /// Takes what the viewer says.
    pub fn handle(&mut self, message: ClientMessage) {
        match message {
            ClientMessage::Hello { .. } => {}
            ClientMessage::Follow { run, after_seq } => {
                self.leave();
                self.shared.recent().follow(&run);
                self.following = Some(Following { run, seq: after_seq, resuming: true, viewers: 0 });
                self.next_frame = Instant::now();
                self.shared.wake();
            }
            ClientMessage::Unfollow => self.leave(),
        }
    }

    /// The next message; waits until there is one. Nothing once the hub is gone. May be dropped at any await.
    pub async fn next(&mut self) -> Option<ServerMessage> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Some(message);
            }
            sleep_until(self.next_frame).await;
            self.changed.mark_unchanged();
            self.collect_rows().await;
            self.collect_run().await;
            if self.ready.is_empty() {
                let rows_wait = self.rows_change.is_none_or(|seen| self.shared.recent().changes() > seen);
                tokio::select! {
                    changed = self.changed.changed() => changed.ok()?,
                    () = sleep_until(self.next_rows), if rows_wait => {}
                }
            } else {
                self.next_frame = Instant::now() + self.shared.frame_every;
            }
        }
    }

    /// Rows that are new or changed, twice a second at most.
    async fn collect_rows(&mut self) {
        if Instant::now() < self.next_rows {
            return;
        }
        let change = self.shared.recent().changes();
        let (rows, deleted): (Vec<RunRow>, Vec<RunId>) = match self.rows_change {
            Some(seen) if seen == change => return,
            Some(seen) => self.shared.recent().changed_since(seen),
            // A list that cannot be read now is read by the page over the API, which says why.
            None => (self.shared.log.rows(FIRST_ROWS, None).await.unwrap_or_default(), vec![]),
        };
        self.rows_change = Some(change);
        self.next_rows = Instant::now() + ROWS_EVERY;
        if !rows.is_empty() {
            self.ready.push_back(ServerMessage::Rows { rows });
        }
        self.ready.extend(deleted.into_iter().map(|run| ServerMessage::Deleted { run }));
    }

    /// What is new of the run that is followed.
    async fn collect_run(&mut self) {
        let Some(Following { run, seq, resuming, .. }) = &self.following else { return };
        let (run, seq, resuming) = (run.clone(), *seq, *resuming);
        if self.shared.recent().is_deleted(&run) {
            self.leave();
            self.ready.push_back(ServerMessage::Deleted { run });
            return;
        }
        let found = match seq {
            Some(seq) => self.events_after(&run, seq).await,
            None => Found::Behind(0),
        };
        match found {
            Found::Events(events) => {
                if let Some(last) = events.last() {
                    self.told(last.seq);
                    self.ready.push_back(ServerMessage::Events { run: run.clone(), events });
                }
            }
            Found::Behind(missed) => {
                if missed > 0 && !resuming {
                    self.ready.push_back(ServerMessage::Gap { run: run.clone(), missed });
                }
                self.snapshot(&run).await;
            }
        }
        let viewers = self.shared.recent().followers(&run);
        if let Some(following) = &mut self.following
            && following.viewers != viewers
        {
            following.viewers = viewers;
            self.ready.push_back(ServerMessage::Viewers { run, count: viewers });
        }
    }

    async fn events_after(&self, run: &RunId, seq: u64) -> Found {
        if let Some(events) = self.shared.recent().events_after(run, seq, MAX_EVENTS) {
            return Found::Events(events);
        }
        let Ok(Some(view)) = self.shared.log.view(run).await else { return Found::Behind(0) };
        match view.seq.checked_sub(seq) {
            Some(0) => Found::Events(vec![]),
            Some(behind) if behind <= MAX_RESUME => {
                match self.shared.log.read_from(run, seq, MAX_EVENTS).await {
                    Ok(events) => Found::Events(events),
                    Err(_) => Found::Behind(behind),
                }
            }
            Some(behind) => Found::Behind(behind),
            // It knows events that this log does not: only a snapshot helps.
            None => Found::Behind(0),
        }
    }

    async fn snapshot(&mut self, run: &RunId) {
        match self.shared.log.view(run).await {
            Ok(Some(view)) => {
                self.told(view.seq);
                let now_ns = (!view.run_state().is_final()).then_some(view.last_ns);
                self.ready.push_back(ServerMessage::Snapshot {
                    run: run.clone(),
                    view: Box::new((*view).clone()),
                    now_ns,
                });
            }
            Ok(None) => self.refuse(format!("There is no run {run}; it may have been deleted. The list shows those that are.")),
            Err(error) => self.refuse(error.to_string()),
        }
    }

    fn told(&mut self, seq: u64) {
        if let Some(following) = &mut self.following {
            following.seq = Some(seq);
            following.resuming = false;
        }
    }

    fn refuse(&mut self, sentence: String) {
        self.leave();
        self.ready.push_back(ServerMessage::Refused { sentence });
    }

    fn leave(&mut self) {
        if let Some(following) = self.following.take() {
            self.shared.recent().unfollow(&following.run);
            self.shared.wake();
        }
    }
}

/// What there is after a viewer's place.
enum Found {
    /// These events, perhaps none.
    Events(Vec<Event>),
    /// It is this many events behind, too many: a snapshot.
    Behind(u64),
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.leave();
    }
}
