//! Owns the viewers: a snapshot, then deltas, each from a place of its own in one shared, bounded memory of events.
//! Must not know sockets or runs beyond their events.

mod recent;
mod viewer;

pub use viewer::Viewer;

use crate::log::{Committed, SqliteLog};
use recent::Recent;
use shared::ids::RunId;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};

/// Least time between two frames of one viewer.
const FRAME_EVERY: Duration = Duration::from_millis(100);

/// The hub; cloning gives another handle.
#[derive(Clone)]
pub struct Hub(Arc<Shared>);

struct Shared {
    log: SqliteLog,
    recent: Mutex<Recent>,
    /// Counts changes, so that viewers wake; it closes with the hub.
    changed: watch::Sender<u64>,
    frame_every: Duration,
}

impl Hub {
    /// A hub over a log. Must be called within a runtime.
    #[must_use]
    pub fn new(log: SqliteLog) -> Self {
        Self::with_frame_every(log, FRAME_EVERY)
    }

    /// A hub whose viewers get frames at another rate.
    #[must_use]
    pub fn with_frame_every(log: SqliteLog, frame_every: Duration) -> Self {
        let committed = log.subscribe();
        let (changed, _) = watch::channel(0);
        let shared = Arc::new(Shared { log, recent: Mutex::new(Recent::default()), changed, frame_every });
        tokio::spawn(listen(committed, Arc::downgrade(&shared)));
        Self(shared)
    }

    /// A new viewer that follows nothing yet.
    #[must_use]
    pub fn viewer(&self) -> Viewer {
        Viewer::new(Arc::clone(&self.0))
    }

    /// How many viewers follow a run.
    #[must_use]
    pub fn viewers(&self, run: &RunId) -> u32 {
        self.0.recent().followers(run)
    }
}

impl Shared {
    /// A poisoned lock only means that another thread panicked between two whole updates.
    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        self.changed.send_modify(|changes| *changes += 1);
    }
}

/// Takes what the log commits into the shared memory until log or hub are gone.
async fn listen(mut committed: broadcast::Receiver<Committed>, shared: Weak<Shared>) {
    loop {
        let received = committed.recv().await;
        let Some(shared) = shared.upgrade() else { return };
        match received {
            Ok(Committed::Events { run, events }) => shared.recent().add_events(&run, &events),
            Ok(Committed::Row(row)) => shared.recent().add_row(row),
            Ok(Committed::Deleted(run)) => shared.recent().delete(run),
            // What was missed is in the log; viewers whose place is not in memory any more read it there.
            Err(RecvError::Lagged(missed)) => {
                tracing::warn!(missed, "the hub fell behind the log");
                shared.recent().forget_events();
            }
            Err(RecvError::Closed) => return,
        }
        shared.wake();
    }
}
