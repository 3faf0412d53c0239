//! Owns the shared memory of what was committed lately: events by run, changed rows, deletions, who follows what.
//! Must not know the log or how viewers are served.

use shared::event::Event;
use shared::ids::RunId;
use shared::wire::RunRow;
use std::collections::{BTreeMap, VecDeque};

/// Most events of one run that are kept: half a minute of a run at full rate.
pub(super) const MAX_EVENTS: usize = 300;
/// Most runs whose events are kept.
const MAX_RUNS: usize = 16;
/// Most changed rows and deletions that are kept.
const MAX_ROWS: usize = 1000;

/// What was committed lately.
#[derive(Default)]
pub(super) struct Recent {
    events: BTreeMap<RunId, VecDeque<Event>>,
    rows: BTreeMap<RunId, (u64, RunRow)>,
    deleted: BTreeMap<RunId, u64>,
    followers: BTreeMap<RunId, u32>,
    changes: u64,
}

impl Recent {
    /// Keeps the latest events of a run; a hole before them drops the older ones.
    pub(super) fn add_events(&mut self, run: &RunId, events: &[Event]) {
        let Some(first) = events.first() else { return };
        if !self.events.contains_key(run) && self.events.len() >= MAX_RUNS {
            // Ids sort by age: the oldest run is the least likely to be live.
            self.events.pop_first();
        }
        let kept = self.events.entry(run.clone()).or_default();
        if kept.back().is_some_and(|last| last.seq + 1 != first.seq) {
            kept.clear();
        }
        kept.extend(events.iter().cloned());
        kept.drain(..kept.len().saturating_sub(MAX_EVENTS));
    }

    /// Forgets all events, since some were missed.
    pub(super) fn forget_events(&mut self) {
        self.events.clear();
    }

    /// The events after a number, at most `limit`; nothing where they are not all in memory.
    pub(super) fn events_after(&self, run: &RunId, after_seq: u64, limit: usize) -> Option<Vec<Event>> {
        let kept = self.events.get(run)?;
        let first = kept.front()?.seq;
        let skip = usize::try_from((after_seq + 1).checked_sub(first)?).ok()?;
        Some(kept.iter().skip(skip).take(limit).cloned().collect())
    }

    pub(super) fn add_row(&mut self, row: RunRow) {
        self.changes += 1;
        self.rows.insert(row.run.clone(), (self.changes, row));
        if self.rows.len() > MAX_ROWS {
            self.rows.pop_first();
        }
    }

    pub(super) fn delete(&mut self, run: RunId) {
        self.changes += 1;
        self.events.remove(&run);
        self.rows.remove(&run);
        self.deleted.insert(run, self.changes);
        if self.deleted.len() > MAX_ROWS {
            self.deleted.pop_first();
        }
    }

    /// The number of the latest change of rows.
    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    /// Rows and deletions after a change.
    pub(super) fn changed_since(&self, change: u64) -> (Vec<RunRow>, Vec<RunId>) {
        let rows = self.rows.values().filter(|(at, _)| *at > change).map(|(_, row)| row.clone()).collect();
        let deleted = self.deleted.iter().filter(|(_, at)| **at > change).map(|(run, _)| run.clone()).collect();
        (rows, deleted)
    }

    pub(super) fn is_deleted(&self, run: &RunId) -> bool {
        self.deleted.contains_key(run)
    }

    pub(super) fn follow(&mut self, run: &RunId) {
        *self.followers.entry(run.clone()).or_default() += 1;
    }

    pub(super) fn unfollow(&mut self, run: &RunId) {
        if let Some(count) = self.followers.get_mut(run) {
            *count -= 1;
            if *count == 0 {
                self.followers.remove(run);
            }
        }
    }

    pub(super) fn followers(&self, run: &RunId) -> u32 {
        self.followers.get(run).copied().unwrap_or(0)
    }
}
