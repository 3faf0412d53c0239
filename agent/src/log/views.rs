//! Owns the folds in memory: every run that has not ended, and the ended ones that were asked for last.
//! Must not know storage; only committed views come in.

use crate::sync::lock;
use shared::ids::RunId;
use shared::view::RunView;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

/// Ended runs whose fold is kept.
const MAX_RECENT: usize = 16;

/// The folds in memory.
#[derive(Debug, Default)]
pub(super) struct Views(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    live: HashMap<RunId, Arc<RunView>>,
    recent: VecDeque<(RunId, Arc<RunView>)>,
    deleted: HashSet<RunId>,
}

impl Views {
    pub(super) fn new(deleted: impl IntoIterator<Item = RunId>) -> Self {
        Self(Mutex::new(Inner { deleted: deleted.into_iter().collect(), ..Inner::default() }))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        lock(&self.0)
    }

    /// The fold of a run, where it is in memory.
    pub(super) fn get(&self, run: &RunId) -> Option<Arc<RunView>> {
        let mut inner = self.lock();
        if let Some(view) = inner.live.get(run) {
            return Some(view.clone());
        }
        let at = inner.recent.iter().position(|(r, _)| r == run)?;
        let entry = inner.recent.remove(at)?;
        let view = entry.1.clone();
        inner.recent.push_back(entry);
        Some(view)
    }

    /// Keeps a committed fold, unless the run was deleted or a later fold is here already; returns the latest.
    pub(super) fn put(&self, run: &RunId, view: Arc<RunView>) -> Arc<RunView> {
        let mut inner = self.lock();
        let known = inner.live.get(run).or_else(|| inner.recent.iter().find(|(r, _)| r == run).map(|(_, v)| v));
        if let Some(known) = known.filter(|known| known.seq > view.seq) {
            return known.clone();
        }
        if inner.deleted.contains(run) {
            return view;
        }
        inner.recent.retain(|(r, _)| r != run);
        if view.run_state().is_final() {
            inner.live.remove(run);
            inner.recent.push_back((run.clone(), view.clone()));
            if inner.recent.len() > MAX_RECENT {
                inner.recent.pop_front();
            }
        } else {
            inner.live.insert(run.clone(), view.clone());
        }
        view
    }

    /// Forgets a run, until it comes back.
    pub(super) fn delete(&self, run: &RunId) {
        let mut inner = self.lock();
        inner.live.remove(run);
        inner.recent.retain(|(r, _)| r != run);
        inner.deleted.insert(run.clone());
    }

    /// Lets a run be kept again that came back.
    pub(super) fn undelete(&self, run: &RunId) {
        self.lock().deleted.remove(run);
    }

    pub(super) fn is_deleted(&self, run: &RunId) -> bool {
        self.lock().deleted.contains(run)
    }
}
