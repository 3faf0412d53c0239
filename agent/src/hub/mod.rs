//! Owns the viewers: a snapshot, then deltas, a bounded queue each.
//! Must not know sockets or runs beyond their events.

mod pace;
mod queue;
mod slot;
mod viewer;

pub use viewer::Viewer;

use crate::log::SqliteLog;
use crate::sync::lock;
use shared::ids::RunId;
use shared::wire::Lead;
use slot::Slot;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::broadcast::error::RecvError;

/// The run time now, ns, of a run that has not ended; nothing where nobody knows it.
pub type ClockOf = Arc<dyn Fn(&RunId) -> Option<u64> + Send + Sync>;

/// Hands what the log commits to whoever watches. Clones are one hub.
#[derive(Clone)]
pub struct Hub {
    inner: Arc<Inner>,
    _pump: Arc<Pump>,
}

struct Inner {
    log: SqliteLog,
    clock_of: ClockOf,
    slots: Mutex<Slots>,
}

#[derive(Default)]
struct Slots {
    next: u64,
    closed: bool,
    open: BTreeMap<u64, Arc<Slot>>,
    /// Who leads the viewers of a run, and what they show.
    leads: BTreeMap<RunId, (u64, Lead)>,
}

/// The task that reads the log; it ends with the last hub, and so do the viewers.
struct Pump {
    task: tokio::task::AbortHandle,
    inner: Arc<Inner>,
}

impl Drop for Pump {
    fn drop(&mut self) {
        self.task.abort();
        self.inner.close();
    }
}

impl Hub {
    /// Starts the hub; needs a tokio runtime around it. `clock_of` gives the run time now of live runs.
    #[must_use]
    pub fn new(log: SqliteLog, clock_of: ClockOf) -> Self {
        let mut committed = log.subscribe();
        let inner = Arc::new(Inner { log, clock_of, slots: Mutex::default() });
        let pumped = inner.clone();
        let task = tokio::spawn(async move {
            loop {
                match committed.recv().await {
                    Ok(committed) => pumped.each(|slot| slot.take(&committed)),
                    // The hub itself was too slow: nobody knows for whom something is missing, so all look again.
                    Err(RecvError::Lagged(missed)) => {
                        tracing::warn!("the hub was {missed} messages behind the log; every viewer gets a snapshot");
                        pumped.each(Slot::lost_track);
                    }
                    Err(RecvError::Closed) => return pumped.close(),
                }
            }
        });
        let pump = Pump { task: task.abort_handle(), inner: inner.clone() };
        Self { inner, _pump: Arc::new(pump) }
    }

    /// A new viewer, who follows no run yet.
    #[must_use]
    pub fn viewer(&self) -> Viewer {
        let slot = Arc::new(Slot::default());
        let mut slots = self.inner.slots();
        if slots.closed {
            slot.close();
        }
        let id = slots.next;
        slots.next += 1;
        slots.open.insert(id, slot.clone());
        drop(slots);
        Viewer::new(self.inner.clone(), id, slot)
    }

    /// Viewers who follow a run.
    #[must_use]
    pub fn viewers(&self, run: &RunId) -> u32 {
        self.inner.count(run)
    }

    /// Ends every viewer, now and from now on: [`Viewer::next`] gives nothing.
    pub fn close(&self) {
        self.inner.close();
    }
}

impl Inner {
    fn slots(&self) -> MutexGuard<'_, Slots> {
        lock(&self.slots)
    }

    fn each(&self, does: impl Fn(&Slot)) {
        self.slots().open.values().for_each(|slot| does(slot));
    }

    fn count(&self, run: &RunId) -> u32 {
        let slots = self.slots();
        u32::try_from(slots.open.values().filter(|slot| slot.follows(run)).count()).unwrap_or(u32::MAX)
    }

    /// Tells the followers of a run how many they are.
    fn recount(&self, run: &RunId) {
        let count = self.count(run);
        self.each(|slot| slot.viewers(run, count));
    }

    /// What somebody who leads shows of a run.
    fn led(&self, run: &RunId) -> Option<Lead> {
        self.slots().leads.get(run).map(|(_, lead)| *lead)
    }

    /// Has a viewer lead those of a run, in the place of whoever did; or no longer, where it did.
    fn lead(&self, id: u64, run: &RunId, lead: Option<Lead>) {
        let mut slots = self.slots();
        let leads = slots.leads.get(run).is_some_and(|(leader, _)| *leader == id);
        match lead {
            Some(lead) => drop(slots.leads.insert(run.clone(), (id, lead))),
            None if leads => drop(slots.leads.remove(run)),
            None => return,
        }
        slots.open.iter().filter(|(viewer, _)| **viewer != id).for_each(|(_, slot)| slot.led(run, lead));
    }

    fn remove(&self, id: u64) {
        self.slots().open.remove(&id);
    }

    fn close(&self) {
        self.slots().closed = true;
        self.each(Slot::close);
    }
}
