//! Owns the list of runs: merges rows as they come, newest first, and hides what is about to be deleted.
//! Must not know the socket or the table.

use shared::event::RunState;
use shared::ids::RunId;
use shared::wire::{ApiError, RunRow};

/// The list of runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    /// Newest first.
    list: Vec<RunRow>,
    /// Runs that will be deleted unless somebody takes it back.
    hidden: Vec<RunId>,
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

    /// Forgets a run that was deleted.
    pub fn remove(&mut self, run: &RunId) {
        self.list.retain(|row| row.run != *run);
        self.hidden.retain(|hidden| hidden != run);
    }

    /// Hides a run until it is deleted or shown again.
    pub fn hide(&mut self, run: RunId) {
        self.hidden.push(run);
    }

    /// Shows a hidden run again.
    pub fn unhide(&mut self, run: &RunId) {
        self.hidden.retain(|hidden| hidden != run);
    }

    /// Visible rows, newest first.
    pub fn visible(&self) -> impl Iterator<Item = &RunRow> {
        self.list.iter().filter(|row| !self.hidden.contains(&row.run))
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

    /// The oldest run known.
    pub fn oldest(&self) -> Option<RunId> {
        self.list.last().map(|row| row.run.clone())
    }
}

/// True where every word of `search` is found in the row's name, engine, model, state or id.
pub fn matches(row: &RunRow, search: &str) -> bool {
    let model = row.model.as_deref().unwrap_or_default();
    let text = [&row.name, &row.engine, model, row.state.label(), row.run.as_str()].join(" ").to_ascii_lowercase();
    search.to_ascii_lowercase().split_whitespace().all(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(created_ms: u64, seq: u64, name: &str) -> RunRow {
        RunRow {
            run: RunId::new(created_ms, 0),
            name: name.to_owned(),
            engine: "OpenAI chat".to_owned(),
            model: Some("llama".to_owned()),
            state: RunState::Done,
            reason: None,
            created_unix_ms: created_ms,
            elapsed_ns: 0,
            begun_ns: None,
            trials_done: 0,
            trials: Some(1),
            best_output_throughput: None,
            verdict: None,
            seq,
            source: None,
            study: None,
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
    fn hidden_rows_come_back_unless_deleted() {
        let mut rows = Rows::default();
        rows.merge(vec![row(1, 1, "a"), row(2, 1, "b")]);
        let run = RunId::new(1, 0);
        rows.hide(run.clone());
        assert_eq!(rows.visible().count(), 1);
        rows.unhide(&run);
        assert_eq!(rows.visible().count(), 2);
        rows.remove(&run);
        assert_eq!(rows.visible().count(), 1);
    }

    #[test]
    fn searches_all_words() {
        let row = row(1, 1, "Night run");
        for (search, expect) in [("", true), ("night LLAMA", true), ("done chat", true), ("night failed", false)] {
            assert_eq!(matches(&row, search), expect, "{search}");
        }
    }
}
