//! Owns the projection of the bin: runs and studies that were deleted and can come back.
//! Must not know how long they stay, nor who empties it.

use super::found;
use super::project::{self, signed, unstorable};
use super::studies::{self, Study};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use shared::history::BinRow;
use shared::ids::{RunId, StudyId};
use shared::people::{Side, Who};
use shared::wire::RunRow;

/// Something in the bin.
#[derive(Serialize, Deserialize)]
struct Kept {
    name: String,
    by: Option<Who>,
    /// A study as it was begun, to be put back.
    study: Option<Study>,
}

fn put(conn: &Connection, item: &str, deleted_unix_ms: u64, kept: &Kept) -> Result<(), rusqlite::Error> {
    let bytes = rmp_serde::to_vec_named(kept).map_err(unstorable)?;
    let sql = "INSERT OR REPLACE INTO bin(item, deleted_unix_ms, kept) VALUES (?1, ?2, ?3)";
    conn.prepare_cached(sql)?.execute(params![item, signed(deleted_unix_ms), bytes])?;
    Ok(())
}

/// Takes something out of the bin; nothing where it is not there.
fn take(conn: &Connection, item: &str) -> Result<Option<Kept>, rusqlite::Error> {
    let sql = "DELETE FROM bin WHERE item = ?1 RETURNING kept";
    let bytes: Option<Vec<u8>> = conn.prepare_cached(sql)?.query_row([item], |r| r.get(0)).optional()?;
    Ok(bytes.and_then(|bytes| rmp_serde::from_slice(&bytes).ok()))
}

/// Puts a run into the bin: it leaves every list.
pub(super) fn bury_run(
    conn: &Connection,
    run: &RunId,
    by: Option<&Who>,
    at_unix_ms: u64,
) -> Result<(), rusqlite::Error> {
    let name = project::row(conn, run)?.map_or_else(|| format!("unreadable run {run}"), |row| row.name);
    put(conn, run.as_str(), at_unix_ms, &Kept { name, by: by.cloned(), study: None })?;
    conn.execute("INSERT OR IGNORE INTO tombstones(run) VALUES (?1)", [run.as_str()])?;
    for table in ["runs", "snapshots", "study_runs"] {
        conn.prepare_cached(&format!("DELETE FROM {table} WHERE run = ?1"))?.execute([run.as_str()])?;
    }
    found::remove(conn, run.as_str())
}

/// Takes a run out of the bin and puts it into the lists; its row, or nothing where it is not in the bin.
pub(super) fn unbury_run(conn: &Connection, run: &RunId) -> Result<Option<RunRow>, rusqlite::Error> {
    if take(conn, run.as_str())?.is_none() {
        return Ok(None);
    }
    let Some(view) = project::fold(conn, run)? else { return Ok(None) };
    conn.execute("DELETE FROM tombstones WHERE run = ?1", [run.as_str()])?;
    project::project(conn, run, 0, &view).map(Some)
}

/// Puts a study into the bin; true where it was in the list.
pub(super) fn bury_study(
    conn: &Connection,
    study: &StudyId,
    by: Option<&Who>,
    at_unix_ms: u64,
) -> Result<bool, rusqlite::Error> {
    let kept = studies::find(conn, study)?;
    if !studies::bury(conn, study)? {
        return Ok(false);
    }
    found::remove(conn, study.as_str())?;
    if let Some(kept) = kept {
        let kept = Kept { name: kept.plan.name.clone(), by: by.cloned(), study: Some(kept) };
        put(conn, study.as_str(), at_unix_ms, &kept)?;
    }
    Ok(true)
}

/// Takes a study out of the bin and puts it into the list; true where it was in the bin.
pub(super) fn unbury_study(conn: &Connection, study: &StudyId) -> Result<bool, rusqlite::Error> {
    let Some(study) = take(conn, study.as_str())?.and_then(|kept| kept.study) else { return Ok(false) };
    studies::put(conn, &study)?;
    Ok(true)
}

/// What lies in the bin, what was deleted last first.
pub(super) fn rows(conn: &Connection, limit: usize) -> Result<Vec<BinRow>, rusqlite::Error> {
    let of_row = |row: &Row<'_>| -> Result<Option<BinRow>, rusqlite::Error> {
        let (item, deleted): (String, i64) = (row.get(0)?, row.get(1)?);
        let kept: Option<Kept> = rmp_serde::from_slice(row.get_ref(2)?.as_bytes()?).ok();
        Ok(Side::try_from(item).ok().zip(kept).map(|(item, Kept { name, by, .. })| BinRow {
            item,
            name,
            deleted_unix_ms: deleted.unsigned_abs(),
            by,
        }))
    };
    let sql = "SELECT item, deleted_unix_ms, kept FROM bin ORDER BY deleted_unix_ms DESC, item DESC LIMIT ?1";
    let mut statement = conn.prepare_cached(sql)?;
    let found = statement.query_map([i64::try_from(limit).unwrap_or(i64::MAX)], of_row)?;
    Ok(found.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}
