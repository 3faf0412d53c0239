//! Owns the list of runs: merges rows as they come, newest first, down to where the list was read.
//! Must not know the socket or the table.

use shared::event::RunState;
use shared::ids::RunId;
use shared::wire::{ApiError, RunRow};

/// The list of runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    /// Newest first.
    list: Vec<RunRow>,
    /// The last run of the pages that were read: of older ones some may be known, and others between them not.
    reached: Option<RunId>,
    /// True once the agent gave its list.
    pub loaded: bool,
    /// True where the agent may have older ones.
    pub more: bool,
    /// Why there is no list.
    pub error: Option<ApiError>,
}

impl Rows {
    /// Adds rows or replaces older ones of the same run.
    pub fn merge(&mut self, rows: Vec<RunRow>) {
        for row in rows {
            match self.list.binary_search_by(|have| row.run.cmp(&have.run)) {
                Ok(at) => {
                    if let Some(have) = self.list.get_mut(at).filter(|have| have.seq <= row.seq) {
                        *have = row;
                    }
                }
                Err(at) => self.list.insert(at, row),
            }
        }
    }

    /// Takes a page of the agent's list: the first, or what comes before the last run that was read. `full` tells that there
    /// may be older ones.
    pub fn page(&mut self, page: Vec<RunRow>, is_first: bool, full: bool) {
        if !is_first || self.reached.is_none() {
            self.reached = page.last().map(|row| row.run.clone()).or(self.reached.take());
            self.more = full;
        }
        self.loaded = true;
        self.error = None;
        self.merge(page);
    }

    /// Forgets a run that was deleted.
    pub fn remove(&mut self, run: &RunId) {
        self.list.retain(|row| row.run != *run);
    }

    /// Rows down to where the list was read, newest first.
    pub fn visible(&self) -> impl Iterator<Item = &RunRow> {
        let end = self.reached.as_ref().filter(|_| self.more);
        self.list.iter().take_while(move |row| end.is_none_or(|end| row.run >= *end))
    }

    /// Visible runs in a state that `pick` accepts, newest first.
    pub fn in_state(&self, pick: impl Fn(RunState) -> bool) -> Vec<RunId> {
        self.visible().filter(|row| pick(row.state)).map(|row| row.run.clone()).collect()
    }

    /// The row of a run.
    pub fn get(&self, run: &RunId) -> Option<&RunRow> {
        let at = self.list.binary_search_by(|have| run.cmp(&have.run)).ok()?;
        self.list.get(at)
    }

    /// The last run of the pages that were read.
    pub fn oldest(&self) -> Option<RunId> {
        self.reached.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::view::RunView;

    fn row(created_ms: u64, seq: u64, name: &str) -> RunRow {
        RunRow {
            name: name.to_owned(),
            state: RunState::Done,
            seq,
            ..RunRow::without_header(&RunId::new(created_ms, 0), &RunView::default())
        }
    }

    fn check(batches: Vec<Vec<RunRow>>, expect: &[&str]) {
        let mut rows = Rows::default();
        for batch in batches {
            rows.merge(batch);
        }
        assert_eq!(rows.visible().map(|r| r.name.as_str()).collect::<Vec<_>>(), expect);
    }

    #[test]
    fn newest_first_and_the_latest_row_wins() {
        check(vec![vec![row(1, 1, "a"), row(3, 1, "c")], vec![row(2, 1, "b")]], &["c", "b", "a"]);
        check(vec![vec![row(1, 5, "new")], vec![row(1, 4, "old")]], &["new"]);
        check(vec![vec![row(1, 5, "old")], vec![row(1, 5, "again")]], &["again"]);
    }

    #[test]
    fn the_list_ends_where_it_was_read() {
        let mut rows = Rows::default();
        rows.page(vec![row(9, 1, "i"), row(8, 1, "h")], true, true);
        // A run from far below has changed; those between are not known.
        rows.merge(vec![row(2, 1, "b")]);
        let names = |rows: &Rows| rows.visible().map(|row| row.name.clone()).collect::<Vec<_>>().join("");
        assert_eq!((names(&rows), rows.oldest()), ("ih".to_owned(), Some(RunId::new(8, 0))));
        assert!(rows.get(&RunId::new(2, 0)).is_some());
        rows.page(vec![row(7, 1, "g"), row(6, 1, "f")], false, true);
        assert_eq!(names(&rows), "ihgf");
        // The first page is read again where the connection was lost.
        rows.page(vec![row(10, 1, "j"), row(9, 1, "i")], true, true);
        assert_eq!((names(&rows), rows.oldest()), ("jihgf".to_owned(), Some(RunId::new(6, 0))));
        rows.page(vec![row(2, 1, "b")], false, false);
        assert_eq!((names(&rows), rows.more), ("jihgfb".to_owned(), false));
        rows.remove(&RunId::new(7, 0));
        assert_eq!(names(&rows), "jihfb");
    }
}
