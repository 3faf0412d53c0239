//! Owns the projection by which runs and studies are found: their words, and the values that filters ask for.
//! Must not know what a filter is for.

use super::project;
use super::studies::Study;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};
use shared::history::{Facet, Facets, Filter, Marks};
use shared::ids::RunId;
use shared::wire::RunRow;
use std::fmt::Write;

/// Most values of a kind that are told.
const MAX_VALUES: usize = 200;

/// The tables. `indexed` says what stands in the other two, so that a row that changes many times a second, as a run's
/// does while it goes on, is written there only when something that is looked for has changed.
pub(super) const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS indexed(
        n INTEGER PRIMARY KEY, item TEXT NOT NULL UNIQUE, words TEXT NOT NULL, facets TEXT NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS facets(
        kind TEXT NOT NULL, value TEXT NOT NULL, item TEXT NOT NULL, PRIMARY KEY(kind, value, item)) STRICT, WITHOUT ROWID;
    CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(text, tokenize = 'unicode61', prefix = '1 2 3');
";

/// Forgets everything, to be made anew.
pub(super) const CLEAR: &str = "DELETE FROM indexed; DELETE FROM facets; DELETE FROM words;";

/// Values by kind.
type Values<'a> = Vec<(&'static str, &'a str)>;

fn of_marks<'a>(values: &mut Values<'a>, marks: &'a Marks) {
    values.extend(marks.tags.iter().map(|tag| ("tag", tag.as_str())));
    values.extend(marks.pinned.then_some(("pinned", "")));
}

/// Brings what a run is found by to its row and note.
pub(super) fn put_run(conn: &Connection, row: &RunRow, note: &str) -> Result<(), rusqlite::Error> {
    let mut values: Values<'_> = vec![("engine", &row.engine), ("state", row.state.label())];
    values.extend(row.model.iter().map(|model| ("model", model.as_str())));
    values.extend(row.gpus.iter().map(|gpu| ("gpu", gpu.as_str())));
    values.extend(row.verdict.map(|verdict| ("verdict", verdict.label())));
    of_marks(&mut values, &row.marks);
    let model = row.model.as_deref().unwrap_or_default();
    let source = row.source.as_deref().unwrap_or_default();
    let (gpus, tags) = (row.gpus.join("\n"), row.marks.tags.join("\n"));
    let words = [&row.name, row.run.as_str(), &row.engine, model, source, &gpus, &tags, note].join("\n");
    put(conn, row.run.as_str(), &words, &values)
}

/// Brings what a study is found by to its plan, marks and note.
pub(super) fn put_study(conn: &Connection, study: &Study, marks: &Marks, note: &str) -> Result<(), rusqlite::Error> {
    let mut values = Values::new();
    of_marks(&mut values, marks);
    let plan = &study.plan;
    let of_engines = plan
        .engines
        .iter()
        .flat_map(|(label, engine)| [label.as_str(), engine.kind.label(), engine.model.as_deref().unwrap_or_default()]);
    let engines = of_engines.collect::<Vec<_>>().join("\n");
    let tags = marks.tags.join("\n");
    let words = [&plan.name, study.study.as_str(), plan.kind.label(), &engines, &tags, note].join("\n");
    put(conn, study.study.as_str(), &words, &values)
}

fn put(conn: &Connection, item: &str, words: &str, values: &Values<'_>) -> Result<(), rusqlite::Error> {
    let facets = serde_json::to_string(values).map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))?;
    let sql = "SELECT words, facets FROM indexed WHERE item = ?1";
    let same = |row: &rusqlite::Row<'_>| Ok(row.get_ref(0)?.as_str()? == words && row.get_ref(1)?.as_str()? == facets);
    if conn.prepare_cached(sql)?.query_row([item], same).optional()? == Some(true) {
        return Ok(());
    }
    remove(conn, item)?;
    let sql = "INSERT INTO indexed(item, words, facets) VALUES (?1, ?2, ?3)";
    conn.prepare_cached(sql)?.execute([item, words, &facets])?;
    let n = conn.last_insert_rowid();
    conn.prepare_cached("INSERT INTO words(rowid, text) VALUES (?1, ?2)")?.execute(params![n, words])?;
    let mut statement = conn.prepare_cached("INSERT OR IGNORE INTO facets(kind, value, item) VALUES (?1, ?2, ?3)")?;
    for (kind, value) in values {
        statement.execute([*kind, *value, item])?;
    }
    Ok(())
}

/// Has a run or study found no more.
pub(super) fn remove(conn: &Connection, item: &str) -> Result<(), rusqlite::Error> {
    let sql = "DELETE FROM indexed WHERE item = ?1 RETURNING n, facets";
    let old = conn.prepare_cached(sql)?.query_row([item], |r| Ok((r.get::<_, i64>(0)?, r.get::<_, String>(1)?)));
    let Some((n, facets)) = old.optional()? else { return Ok(()) };
    conn.prepare_cached("DELETE FROM words WHERE rowid = ?1")?.execute([n])?;
    let mut statement = conn.prepare_cached("DELETE FROM facets WHERE kind = ?1 AND value = ?2 AND item = ?3")?;
    for (kind, value) in serde_json::from_str::<Vec<(String, String)>>(&facets).unwrap_or_default() {
        statement.execute([&kind, &value, item])?;
    }
    Ok(())
}

/// What a filter asks of an item whose id stands in `column`, as SQL with its values.
fn asked(filter: &Filter, column: &str) -> (String, Vec<Value>) {
    let (mut sql, mut values) = (String::new(), Vec::new());
    let mut and = |condition: &str, value: Value| {
        values.push(value);
        // A text takes everything.
        write!(sql, " AND {column} {}", condition.replace('?', &format!("?{}", values.len()))).ok();
    };
    let words = filter.words();
    if !words.is_empty() {
        let expression: Vec<String> = words.iter().map(|word| format!("\"{word}\"*")).collect();
        let found = "IN (SELECT item FROM indexed WHERE n IN (SELECT rowid FROM words WHERE words MATCH ?))";
        and(found, expression.join(" ").into());
    }
    let of_kind = [
        ("engine", &filter.engine),
        ("model", &filter.model),
        ("gpu", &filter.gpu),
        ("tag", &filter.tag),
        ("verdict", &filter.verdict),
        ("state", &filter.state),
    ];
    for (kind, value) in of_kind {
        if let Some(value) = value {
            let has = format!("IN (SELECT item FROM facets WHERE kind = '{kind}' AND value = ?)");
            and(&has, value.clone().into());
        }
    }
    if let Some(pinned) = filter.pinned {
        let of = if pinned { "IN" } else { "NOT IN" };
        and(&format!("{of} (SELECT item FROM facets WHERE kind = 'pinned' AND value = ?)"), String::new().into());
    }
    let (from, until) = filter.ids();
    for (bound, id) in [(">= ?", from), ("< ?", until)] {
        if let Some(id) = id {
            and(bound, id.as_str().to_owned().into());
        }
    }
    (sql, values)
}

/// The statement that finds runs, and its values.
fn statement(filter: &Filter, limit: usize, before: Option<&RunId>) -> (String, Vec<Value>) {
    let (conditions, mut values) = asked(filter, "run");
    // "s" is greater than every run id.
    values.push(before.map_or("s", RunId::as_str).to_owned().into());
    values.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
    let (before, limit) = (values.len() - 1, values.len());
    let sql = format!("SELECT run, row FROM runs WHERE run < ?{before}{conditions} ORDER BY run DESC LIMIT ?{limit}");
    (sql, values)
}

/// Rows of the runs that a filter finds, newest first, older than `before`.
pub(super) fn runs(
    conn: &Connection,
    filter: &Filter,
    limit: usize,
    before: Option<&RunId>,
) -> Result<Vec<RunRow>, rusqlite::Error> {
    let (sql, values) = statement(filter, limit, before);
    let mut statement = conn.prepare_cached(&sql)?;
    let mut found = statement.query(params_from_iter(values))?;
    project::rows_in(conn, &mut found)
}

/// Ids of the studies that a filter finds, newest first.
pub(super) fn studies(conn: &Connection, filter: &Filter, limit: usize) -> Result<Vec<String>, rusqlite::Error> {
    let (conditions, mut values) = asked(filter, "study");
    values.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
    let limit = values.len();
    let sql = format!("SELECT study FROM studies WHERE 1{conditions} ORDER BY study DESC LIMIT ?{limit}");
    let mut statement = conn.prepare_cached(&sql)?;
    statement.query_map(params_from_iter(values), |row| row.get(0))?.collect()
}

/// The values that runs have, each with how many have it.
pub(super) fn facets(conn: &Connection) -> Result<Facets, rusqlite::Error> {
    let mut facets = Facets::default();
    // Ids of runs begin with "r", those of studies with the next letter.
    let sql = "SELECT kind, value, count(*) AS runs FROM facets WHERE item < 's' GROUP BY kind, value
               ORDER BY kind, runs DESC, value";
    let mut statement = conn.prepare_cached(sql)?;
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        let (kind, value, count): (String, String, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let facet = Facet { value, count: count.unsigned_abs() };
        let list = match kind.as_str() {
            "engine" => &mut facets.engines,
            "model" => &mut facets.models,
            "gpu" => &mut facets.gpus,
            "tag" => &mut facets.tags,
            "state" => &mut facets.states,
            "verdict" => &mut facets.verdicts,
            _ => {
                facets.pinned = facet.count;
                continue;
            }
        };
        if list.len() < MAX_VALUES {
            list.push(facet);
        }
    }
    facets.runs = conn.query_row("SELECT count(*) FROM runs", [], |r| r.get::<_, i64>(0))?.unsigned_abs();
    Ok(facets)
}

#[cfg(test)]
mod tests {
    use super::super::schema;
    use super::*;

    /// How SQLite goes about a filter: never through a whole table where there is more than one condition.
    #[test]
    fn every_way_of_finding_goes_by_an_index() {
        let dir = tempfile::tempdir().unwrap();
        let conn = schema::open_writer(&dir.path().join("log.sqlite"), 1).unwrap();
        let some = |text: &str| Some(text.to_owned());
        let filters = [
            Filter::default(),
            Filter { q: some("llama 7b"), ..Filter::default() },
            Filter { engine: some("vLLM"), model: some("m"), gpu: some("L4"), ..Filter::default() },
            Filter { tag: some("a"), verdict: some("valid"), state: some("done"), ..Filter::default() },
            Filter { pinned: Some(true), from_unix_ms: Some(1), until_unix_ms: Some(2), ..Filter::default() },
            Filter { pinned: Some(false), q: some("x"), ..Filter::default() },
        ];
        for filter in filters {
            let (sql, values) = statement(&filter, 50, None);
            let mut explain = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let steps = explain.query_map(params_from_iter(values), |row| row.get::<_, String>(3)).unwrap();
            let steps: Vec<String> = steps.collect::<Result<_, _>>().unwrap();
            let scans: Vec<_> = steps
                .iter()
                .filter(|step| step.starts_with("SCAN ") && !step.contains("VIRTUAL TABLE INDEX"))
                .collect();
            assert!(scans.is_empty(), "{filter:?}: {steps:?}");
            assert!(!steps.iter().any(|step| step.contains("TEMP B-TREE FOR ORDER")), "{filter:?}: {steps:?}");
        }
    }
}
