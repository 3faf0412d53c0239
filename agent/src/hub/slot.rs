//! Owns what waits for one viewer, and what it follows.
//! Must not know how it is fetched or sent.

use super::pace::Pace;
use super::queue::Queue;
use crate::log::Committed;
use crate::sync::lock;
use shared::ids::RunId;
use shared::wire::{Lead, RunRow, ServerMessage};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard};
use tokio::sync::Notify;

/// Rows, and messages that are ready, that may wait; beyond, the list is read anew or the viewer has to come again.
const MAX_ROWS: usize = 256;
/// Answers that may wait; a viewer that asks without reading gets no more.
const MAX_ANSWERS: usize = 8;

/// One viewer's state, shared by the hub that fills it and the viewer that empties it.
#[derive(Debug, Default)]
pub(super) struct Slot {
    state: Mutex<State>,
    /// Wakes the viewer.
    pub(super) woken: Notify,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) closed: bool,
    /// Counts what the viewer asked to follow, so that a late answer to an earlier wish is dropped.
    pub(super) wish: u64,
    pub(super) following: Option<Following>,
    /// Messages that are ready: answers, deletions, a gap's snapshot.
    pub(super) ready: VecDeque<ServerMessage>,
    pub(super) rows: BTreeMap<RunId, RunRow>,
    /// Rows may be missing: read the list.
    pub(super) all_rows: bool,
    /// How often rows were given up, so that a list read before the last time does not count.
    pub(super) rows_lost: u64,
    pub(super) viewers: Option<u32>,
    /// What somebody who leads shows of the followed run, where the viewer has not heard it.
    pub(super) led: Option<Option<Lead>>,
    pub(super) pace: Pace,
}

/// The run that a viewer follows.
#[derive(Debug)]
pub(super) struct Following {
    pub(super) run: RunId,
    pub(super) queue: Queue,
    /// Nothing was sent yet; with the event that the viewer has already, where it said so.
    pub(super) begin: Option<Option<u64>>,
}

impl Slot {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Changes the state and wakes the viewer.
    pub(super) fn change<T>(&self, does: impl FnOnce(&mut State) -> T) -> T {
        let value = does(&mut self.lock());
        self.woken.notify_one();
        value
    }

    /// Takes what the log committed, as far as this viewer cares.
    pub(super) fn take(&self, committed: &Committed) {
        match committed {
            Committed::Events { run, events } => {
                let mut state = self.lock();
                let Some(following) = state.following.as_mut().filter(|f| f.run == *run) else { return };
                following.queue.push(events);
                drop(state);
                self.woken.notify_one();
            }
            Committed::Row(row) => self.change(|state| {
                state.rows.insert(row.run.clone(), (**row).clone());
                if state.rows.len() > MAX_ROWS {
                    state.lose_rows();
                }
            }),
            Committed::Deleted(run) => self.change(|state| {
                state.rows.remove(run);
                if state.following.as_ref().is_some_and(|f| f.run == *run) {
                    state.following = None;
                }
                let message = ServerMessage::Deleted { run: run.clone() };
                if state.ready.len() < MAX_ROWS {
                    state.ready.push_back(message);
                } else {
                    // A deletion must not be lost: a viewer this far behind has to begin anew.
                    state.closed = true;
                }
            }),
        }
    }

    /// Messages of the log were lost on the way.
    pub(super) fn lost_track(&self) {
        self.change(|state| {
            state.lose_rows();
            if let Some(following) = &mut state.following {
                following.queue.overflow();
            }
        });
    }

    /// Notes how many follow the run.
    pub(super) fn viewers(&self, run: &RunId, count: u32) {
        if self.follows(run) {
            self.change(|state| state.viewers = Some(count));
        }
    }

    /// Notes what somebody who leads shows of the run.
    pub(super) fn led(&self, run: &RunId, lead: Option<Lead>) {
        if self.follows(run) {
            self.change(|state| state.led = Some(lead));
        }
    }

    pub(super) fn follows(&self, run: &RunId) -> bool {
        self.lock().following.as_ref().is_some_and(|f| f.run == *run)
    }

    pub(super) fn close(&self) {
        self.change(|state| state.closed = true);
    }
}

impl State {
    /// Gives up the rows that wait: the list has to be read.
    pub(super) fn lose_rows(&mut self) {
        self.rows.clear();
        self.all_rows = true;
        self.rows_lost += 1;
    }

    /// Queues an answer to the viewer's own words.
    pub(super) fn answer(&mut self, message: ServerMessage) {
        if self.ready.len() < MAX_ANSWERS {
            self.ready.push_back(message);
        }
    }
}
