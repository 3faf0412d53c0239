//! Owns the projection of studies: their plans, and which runs are theirs.
//! Must not know what a study's runs come to.

use super::{found, marks, project};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use shared::ids::StudyId;
use shared::study::StudyPlan;
use shared::wire::RunRow;

/// A study as it was begun.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Study {
    /// Its id.
    pub study: StudyId,
    /// Its plan.
    pub plan: StudyPlan,
    /// Creation, Unix ms of the host.
    pub created_unix_ms: u64,
}

/// Puts a study into the list and where it is found by.
pub(super) fn put(conn: &Connection, study: &Study) -> Result<(), rusqlite::Error> {
    let plan = rmp_serde::to_vec_named(&study.plan).map_err(project::unstorable)?;
    let sql = "INSERT OR REPLACE INTO studies(study, created_unix_ms, plan) VALUES (?1, ?2, ?3)";
    conn.prepare_cached(sql)?.execute(params![study.study.as_str(), project::signed(study.created_unix_ms), plan])?;
    let kept = marks::of(conn, study.study.as_str())?;
    found::put_study(conn, study, &kept.marks(), kept.note.as_ref().map_or("", |note| &note.text))
}

/// Takes a study out of the list; true where it was there.
pub(super) fn bury(conn: &Connection, study: &StudyId) -> Result<bool, rusqlite::Error> {
    Ok(conn.execute("DELETE FROM studies WHERE study = ?1", [study.as_str()])? > 0)
}

/// One study; nothing where only a later version can read its plan.
pub(super) fn find(conn: &Connection, study: &StudyId) -> Result<Option<Study>, rusqlite::Error> {
    let sql = "SELECT study, created_unix_ms, plan FROM studies WHERE study = ?1";
    Ok(conn.prepare_cached(sql)?.query_row([study.as_str()], read).optional()?.flatten())
}

fn read(row: &Row<'_>) -> Result<Option<Study>, rusqlite::Error> {
    let (study, created): (String, i64) = (row.get(0)?, row.get(1)?);
    let plan = rmp_serde::from_slice(row.get_ref(2)?.as_bytes()?).ok();
    let study = StudyId::try_from(study).ok();
    if plan.is_none() {
        tracing::warn!(?study, "the plan of a study cannot be read by this version");
    }
    Ok(study.zip(plan).map(|(study, plan)| Study { study, plan, created_unix_ms: created.unsigned_abs() }))
}

/// Rows of a study's runs, oldest first.
pub(super) fn rows(conn: &Connection, study: &StudyId) -> Result<Vec<RunRow>, rusqlite::Error> {
    let sql = "SELECT runs.run, runs.row FROM study_runs JOIN runs ON runs.run = study_runs.run
               WHERE study_runs.study = ?1 ORDER BY runs.run";
    let mut statement = conn.prepare_cached(sql)?;
    let mut found = statement.query([study.as_str()])?;
    project::rows_in(conn, &mut found)
}
