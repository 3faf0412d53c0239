//! Owns the runs that the agent finds for a query, page by page, asked for anew as runs change.
//! Must not know what the query says.

use crate::erased::{Kept, kept, spawn};
use crate::link::http;
use crate::model::App;
use leptos::prelude::*;
use shared::ids::RunId;
use shared::wire::{ApiError, RunRow};

/// Rows of a page.
const PAGE: usize = 100;

/// What was found. Copies share it.
#[derive(Clone, Copy)]
pub(super) struct Found {
    /// Newest first; none before the first answer.
    pub(super) rows: RwSignal<Option<Vec<RunRow>>>,
    /// True where there may be older ones.
    pub(super) more: RwSignal<bool>,
    /// Why there was no answer the last time.
    pub(super) error: RwSignal<Option<ApiError>>,
    query: Kept<String>,
}

impl Found {
    /// Finds what the query asks for from now on; nothing where it is empty.
    pub(super) fn follow(app: App, query: Kept<String>) -> Self {
        let found = Self { rows: RwSignal::new(None), more: RwSignal::new(false), error: RwSignal::new(None), query };
        // What has a run found or not, beside its note, which this page itself writes.
        let changed = kept(move || {
            let of = |row: &RunRow| (row.run.clone(), row.state, row.verdict, row.marks.clone());
            app.rows.with(|rows| rows.visible().map(of).collect::<Vec<_>>())
        });
        let last = StoredValue::new(String::new());
        Effect::new(move |_| {
            let query = found.query.get();
            changed.track();
            app.changes.track();
            if last.with_value(|last| *last != query) {
                // Nothing of another question stays.
                found.rows.set(None);
                last.set_value(query.clone());
            }
            if !query.is_empty() {
                found.ask(app, query, None);
            }
        });
        found
    }

    /// Finds what is older than the last that was found.
    pub(super) fn older(self, app: App) {
        let last = self.rows.with_untracked(|rows| Some(rows.as_ref()?.last()?.run.clone()));
        self.ask(app, self.query.get_untracked(), last);
    }

    /// Forgets the error and finds the newest again.
    pub(super) fn again(self, app: App) {
        self.error.set(None);
        self.ask(app, self.query.get_untracked(), None);
    }

    /// The row of a run that was found.
    pub(super) fn row(self, run: &RunId) -> Option<RunRow> {
        self.rows.with(|rows| rows.as_ref()?.iter().find(|row| row.run == *run).cloned())
    }

    fn ask(self, app: App, query: String, before: Option<RunId>) {
        let from = before.as_ref().map(|run| format!("&before={run}")).unwrap_or_default();
        let path = format!("/api/v1/runs?limit={PAGE}{from}&{query}");
        spawn(async move {
            let answer = http::get::<Vec<RunRow>>(&path).await;
            // Somebody may have gone elsewhere, or asked for something else by now.
            if self.rows.is_disposed() || self.query.with_untracked(|now| *now != query) {
                return;
            }
            match answer {
                Ok(page) => self.take(page, before.is_none()),
                Err(failure) => {
                    app.failed(&failure);
                    self.error.set(Some(failure.error()));
                }
            }
        });
    }

    /// Takes a page: the first in place of what was there of it, another behind what is there.
    fn take(self, page: Vec<RunRow>, is_first: bool) {
        let full = page.len() >= PAGE;
        let old = self.rows.get_untracked().unwrap_or_default();
        let (rows, more) = joined(old, page, is_first, full, self.more.get_untracked());
        self.error.set(None);
        self.rows.set(Some(rows));
        self.more.set(more);
    }
}

/// What is there with a page of it, and whether there may be more.
fn joined(mut old: Vec<RunRow>, mut page: Vec<RunRow>, is_first: bool, full: bool, more: bool) -> (Vec<RunRow>, bool) {
    if !is_first {
        old.append(&mut page);
        return (old, full);
    }
    let Some(last) = page.last().map(|row| row.run.clone()).filter(|_| full) else { return (page, false) };
    let had = old.len();
    old.retain(|row| row.run < last);
    // What was read further down stays, and with it what is known of its end.
    let more = if old.is_empty() || had == 0 { true } else { more };
    page.append(&mut old);
    (page, more)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::event::RunState;
    use shared::view::RunView;

    fn rows(ms: &[u64]) -> Vec<RunRow> {
        let row = |ms: &u64| RunRow {
            name: ms.to_string(),
            state: RunState::Done,
            ..RunRow::without_header(&RunId::new(*ms, 0), &RunView::default())
        };
        ms.iter().map(row).collect()
    }

    #[test]
    fn pages_join_without_a_hole_or_a_double() {
        let check = |old: &[u64], page: &[u64], first: bool, full: bool, more: bool, expect: (&[u64], bool)| {
            let (got, more) = joined(rows(old), rows(page), first, full, more);
            let got: Vec<u64> = got.iter().map(|row| row.created_unix_ms).collect();
            assert_eq!((got.as_slice(), more), expect, "{old:?} {page:?}");
        };
        check(&[], &[9, 8], true, true, false, (&[9, 8], true));
        check(&[], &[9], true, false, false, (&[9], false));
        check(&[9, 8], &[7], false, false, true, (&[9, 8, 7], false));
        // The first page again, with a run that is new: what was read further down stays.
        check(&[9, 8, 7, 6], &[10, 9], true, true, false, (&[10, 9, 8, 7, 6], false));
        check(&[9, 8], &[9, 8], true, true, false, (&[9, 8], true));
        // Fewer are left than a page has.
        check(&[9, 8, 7], &[9], true, false, true, (&[9], false));
        check(&[9, 8], &[], true, false, true, (&[], false));
    }
}
