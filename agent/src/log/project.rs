//! Owns the projections: rows, snapshots and tombstones, and the fold of what is stored.
//! Must not know who asks, nor any event beyond the agent's own.

use super::audit::{self, Did};
use super::error::LogError;
use super::marks::{self, Mark};
use super::people::{self, KeptShare, KeptToken};
use super::queue;
use super::schedules::{self, ScheduleEvent};
use super::schema::AGENT_STREAM;
use super::studies::Study;
use super::{bin, codec, disk, found, studies};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use shared::event::Event;
use shared::ids::{RunId, ScheduleId, ShareId, StudyId, TokenId};
use shared::people::{Side, Who};
use shared::queue::Arrangement;
use shared::retention::Retention;
use shared::view::RunView;
use shared::wire::RunRow;
use std::collections::BTreeMap;

/// Events between two snapshots of a run: what opening it folds at most.
pub(super) const SNAPSHOT_EVERY: u64 = 500;
/// Cheapest compression that still takes a view to about a fifth.
const SNAPSHOT_LEVEL: i32 = 1;
/// Times of the agent's own stream are ns, those of rows ms.
pub(super) const NS_PER_MS: u64 = 1_000_000;
/// Greatest view that a snapshot may unpack to, bytes.
const MAX_VIEW_BYTES: usize = 64 << 20;

/// What the agent's own stream says.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum AgentBody {
    /// A run was deleted.
    RunDeleted {
        /// The run.
        run: RunId,
        /// Who deleted it, where that is known.
        #[serde(default)]
        by: Option<Who>,
    },
    /// A study was begun; its runs name it.
    StudyBegun(Box<Study>),
    /// A study was deleted; its runs stay.
    StudyDeleted {
        /// The study.
        study: StudyId,
        /// Who deleted it, where that is known.
        #[serde(default)]
        by: Option<Who>,
    },
    /// A run or study came back out of the bin.
    Undeleted {
        /// The run or study.
        item: Side,
    },
    /// Somebody put something on a run or study.
    Marked {
        /// The run or study.
        item: Side,
        /// What.
        mark: Mark,
        /// Who.
        by: Who,
    },
    /// What lay in the bin is gone for good.
    Purged {
        /// The runs and studies.
        items: Vec<Side>,
    },
    /// Somebody said what is kept.
    RetentionSet {
        /// The policy.
        policy: Retention,
        /// Who.
        by: Who,
    },
    /// A named token was made.
    TokenCreated(Box<KeptToken>),
    /// A named token was revoked.
    TokenRevoked {
        /// The token.
        token: TokenId,
        /// Who revoked it.
        by: Who,
    },
    /// A link was made.
    ShareCreated(Box<KeptShare>),
    /// A link was revoked.
    ShareRevoked {
        /// The share.
        share: ShareId,
        /// Who revoked it.
        by: Who,
    },
    /// Somebody arranged what waits: its order, what is held back, whether the queue is paused.
    QueueArranged(Box<Arrangement>),
    /// Something happened to a schedule.
    Schedule {
        /// The schedule.
        schedule: ScheduleId,
        /// What.
        event: ScheduleEvent,
    },
    /// Somebody did something else.
    Did(Did),
}

impl AgentBody {
    /// The word in the `kind` column.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            AgentBody::RunDeleted { .. } => "run_deleted",
            AgentBody::StudyBegun(_) => "study_begun",
            AgentBody::StudyDeleted { .. } => "study_deleted",
            AgentBody::Undeleted { .. } => "undeleted",
            AgentBody::Marked { .. } => "marked",
            AgentBody::Purged { .. } => "purged",
            AgentBody::RetentionSet { .. } => "retention_set",
            AgentBody::TokenCreated(_) => "token_created",
            AgentBody::TokenRevoked { .. } => "token_revoked",
            AgentBody::ShareCreated(_) => "share_created",
            AgentBody::ShareRevoked { .. } => "share_revoked",
            AgentBody::QueueArranged(_) => "queue_arranged",
            AgentBody::Schedule { .. } => "schedule",
            AgentBody::Did(_) => "did",
        }
    }
}

/// Reads events of a run after `after_seq`, oldest first.
pub(super) fn events(
    conn: &Connection,
    run: &RunId,
    after_seq: u64,
    limit: usize,
    mut take: impl FnMut(Event),
) -> Result<(), rusqlite::Error> {
    let sql = "SELECT seq, t_ns, body FROM events WHERE stream = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3";
    let mut statement = conn.prepare_cached(sql)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![run.as_str(), signed(after_seq), limit])?;
    while let Some(row) = rows.next()? {
        let (seq, t_ns): (i64, i64) = (row.get(0)?, row.get(1)?);
        let body = codec::decode(row.get_ref(2)?.as_bytes()?);
        take(Event { seq: seq.unsigned_abs(), t_ns: t_ns.unsigned_abs(), body });
    }
    Ok(())
}

/// The fold of all that is stored of a run; nothing where there are no events.
pub(super) fn fold(conn: &Connection, run: &RunId) -> Result<Option<RunView>, rusqlite::Error> {
    let sql = "SELECT view FROM snapshots WHERE run = ?1";
    let packed: Option<Vec<u8>> = conn.prepare_cached(sql)?.query_row([run.as_str()], |r| r.get(0)).optional()?;
    // A snapshot is only a short cut: one that does not unpack is ignored, the events have it all.
    let mut view = packed.and_then(|packed| unpack(&packed)).unwrap_or_default();
    let after = view.seq;
    events(conn, run, after, usize::MAX, |event| view.apply(&event))?;
    Ok((view.seq > 0).then_some(view))
}

fn unpack(packed: &[u8]) -> Option<RunView> {
    rmp_serde::from_slice(&zstd::bulk::decompress(packed, MAX_VIEW_BYTES).ok()?).ok()
}

/// Stores a view as the run's snapshot.
fn save_snapshot(conn: &Connection, run: &RunId, view: &RunView) -> Result<(), rusqlite::Error> {
    let packed = rmp_serde::to_vec_named(view).ok().and_then(|b| zstd::bulk::compress(&b, SNAPSHOT_LEVEL).ok());
    let Some(packed) = packed else { return Ok(()) };
    let sql = "INSERT OR REPLACE INTO snapshots(run, seq, view) VALUES (?1, ?2, ?3)";
    conn.prepare_cached(sql)?.execute(params![run.as_str(), signed(view.seq), packed])?;
    Ok(())
}

/// Brings a run's row, and its snapshot where one is due, to `view`, which was at `before` when last projected.
pub(super) fn project(conn: &Connection, run: &RunId, before: u64, view: &RunView) -> Result<RunRow, rusqlite::Error> {
    let row = put_row(conn, row_of(run, view))?;
    if let Some(source) = view.source.as_ref().filter(|_| before == 0) {
        let mut statement = conn.prepare_cached("INSERT OR IGNORE INTO sources(sha256, run) VALUES (?1, ?2)")?;
        for file in &source.files {
            statement.execute([file.sha256.as_str(), run.as_str()])?;
        }
    }
    if let Some(place) = &row.study {
        let sql = "INSERT OR IGNORE INTO study_runs(study, run) VALUES (?1, ?2)";
        conn.prepare_cached(sql)?.execute([place.study.as_str(), run.as_str()])?;
    }
    if row.state.is_final() || before / SNAPSHOT_EVERY != view.seq / SNAPSHOT_EVERY {
        save_snapshot(conn, run, view)?;
    }
    Ok(row)
}

/// Puts a run's row, with what is on it, into the list and where it is found by.
fn put_row(conn: &Connection, mut row: RunRow) -> Result<RunRow, rusqlite::Error> {
    let kept = marks::of(conn, row.run.as_str())?;
    row.marks = kept.marks();
    let bytes = rmp_serde::to_vec_named(&row).map_err(unstorable)?;
    let sql = "INSERT OR REPLACE INTO runs(run, final, row) VALUES (?1, ?2, ?3)";
    conn.prepare_cached(sql)?.execute(params![row.run.as_str(), row.state.is_final(), bytes])?;
    found::put_run(conn, &row, kept.note.as_ref().map_or("", |note| &note.text))?;
    Ok(row)
}

/// The row of a run in the list.
pub(super) fn row(conn: &Connection, run: &RunId) -> Result<Option<RunRow>, rusqlite::Error> {
    let mut statement = conn.prepare_cached("SELECT run, row FROM runs WHERE run = ?1")?;
    Ok(rows_in(conn, &mut statement.query([run.as_str()])?)?.pop())
}

/// Puts something on a run or study that is in its list; why not, where it is not, or where that would be too much.
fn mark(
    conn: &Connection,
    item: &Side,
    mark: &Mark,
    by: &Who,
    at_unix_ms: u64,
) -> Result<Option<LogError>, rusqlite::Error> {
    let too_many = || Some(LogError::TooManyTags(item.clone()));
    match item {
        Side::Run(run) => {
            let Some(row) = row(conn, run)? else { return Ok(Some(LogError::NoSuchRun(run.clone()))) };
            if !marks::apply(conn, item, mark, by, at_unix_ms)? {
                return Ok(too_many());
            }
            put_row(conn, row)?;
        }
        Side::Study(study) => {
            let Some(of) = studies::find(conn, study)? else { return Ok(Some(LogError::NoSuchStudy(study.clone()))) };
            if !marks::apply(conn, item, mark, by, at_unix_ms)? {
                return Ok(too_many());
            }
            studies::put(conn, &of)?;
        }
    }
    Ok(None)
}

/// The row of a run. One whose creation event cannot be read keeps a place in the list.
fn row_of(run: &RunId, view: &RunView) -> RunRow {
    RunRow::of(view).unwrap_or_else(|| RunRow::without_header(run, view))
}

/// Rows of a query for the run's id and the row; one that cannot be read is made anew.
pub(super) fn rows_in(conn: &Connection, found: &mut rusqlite::Rows<'_>) -> Result<Vec<RunRow>, rusqlite::Error> {
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        let run: String = row.get(0)?;
        match rmp_serde::from_slice(row.get_ref(1)?.as_bytes()?) {
            Ok(row) => rows.push(row),
            Err(_) => {
                let Ok(run) = RunId::try_from(run) else { continue };
                rows.push(row_of(&run, &fold(conn, &run)?.unwrap_or_default()));
            }
        }
    }
    Ok(rows)
}

/// Runs in the lists that were imported from a file of one of these hashes, by hash.
pub(super) fn imported(conn: &Connection, hashes: &[String]) -> Result<BTreeMap<String, Vec<RunId>>, rusqlite::Error> {
    let mut imported: BTreeMap<String, Vec<RunId>> = BTreeMap::new();
    let sql = "SELECT s.run FROM sources s JOIN runs r ON r.run = s.run WHERE s.sha256 = ?1 ORDER BY s.run";
    let mut statement = conn.prepare_cached(sql)?;
    for hash in hashes {
        let runs = statement.query_map([hash], |r| r.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
        let runs: Vec<RunId> = runs.into_iter().filter_map(|run| RunId::try_from(run).ok()).collect();
        if !runs.is_empty() {
            imported.insert(hash.clone(), runs);
        }
    }
    Ok(imported)
}

/// Runs in a column of a query.
pub(super) fn run_ids(conn: &Connection, sql: &str) -> Result<Vec<RunId>, rusqlite::Error> {
    let mut statement = conn.prepare_cached(sql)?;
    let texts = statement.query_map([], |r| r.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    Ok(texts.into_iter().filter_map(|text| RunId::try_from(text).ok()).collect())
}

/// Projects an event of the agent's own stream, of a time in Unix ms; why not, where it does not go with what is there.
pub(super) fn own(conn: &Connection, body: &AgentBody, at_unix_ms: u64) -> Result<Option<LogError>, rusqlite::Error> {
    let unknown = match body {
        AgentBody::RunDeleted { run, by } => {
            bin::bury_run(conn, run, by.as_ref(), at_unix_ms)?;
            None
        }
        AgentBody::Undeleted { item } => {
            let back = match item {
                Side::Run(run) => bin::unbury_run(conn, run)?.is_some(),
                Side::Study(study) => bin::unbury_study(conn, study)?,
            };
            (!back).then(|| LogError::NotInBin(item.clone()))
        }
        AgentBody::Marked { item, mark: of, by } => mark(conn, item, of, by, at_unix_ms)?,
        AgentBody::Purged { items } => {
            disk::purge(conn, items)?;
            None
        }
        AgentBody::RetentionSet { policy, .. } => {
            disk::set_retention(conn, policy)?;
            None
        }
        AgentBody::StudyBegun(study) => {
            studies::put(conn, study)?;
            None
        }
        AgentBody::StudyDeleted { study, by } => {
            (!bin::bury_study(conn, study, by.as_ref(), at_unix_ms)?).then(|| LogError::NoSuchStudy(study.clone()))
        }
        AgentBody::TokenCreated(kept) => {
            people::put_token(conn, kept)?;
            None
        }
        AgentBody::TokenRevoked { token, .. } => {
            (!people::bury_token(conn, token)?).then(|| LogError::NoSuchToken(token.clone()))
        }
        AgentBody::ShareCreated(kept) => {
            people::put_share(conn, kept)?;
            None
        }
        AgentBody::ShareRevoked { share, .. } => {
            (!people::bury_share(conn, share)?).then(|| LogError::NoSuchShare(share.clone()))
        }
        AgentBody::QueueArranged(arrangement) => {
            queue::put(conn, arrangement)?;
            None
        }
        AgentBody::Schedule { schedule, event } => {
            (!schedules::put(conn, schedule, event)?).then(|| LogError::NoSuchSchedule(schedule.clone()))
        }
        AgentBody::Did(_) => None,
    };
    Ok(unknown)
}

/// Makes every projection anew from the events. When tokens were used is no event's matter, and stays.
pub(super) fn rebuild(conn: &Connection) -> Result<(), rusqlite::Error> {
    conn.execute_batch(
        "DELETE FROM runs; DELETE FROM snapshots; DELETE FROM tombstones; DELETE FROM studies; DELETE FROM study_runs;
        DELETE FROM sources; DELETE FROM tokens; DELETE FROM shares; DELETE FROM audit; DELETE FROM queue;
        DELETE FROM schedules; DELETE FROM marks; DELETE FROM bin; DELETE FROM settings;",
    )?;
    conn.execute_batch(found::CLEAR)?;
    // One look-up a stream: DISTINCT would read every event.
    let mut last = String::new();
    let next = "SELECT min(stream) FROM events WHERE stream > ?1";
    while let Some(stream) = conn.query_row(next, [&last], |r| r.get::<_, Option<String>>(0))? {
        if let Ok(run) = RunId::try_from(stream.clone())
            && let Some(view) = fold(conn, &run)?
        {
            project(conn, &run, 0, &view)?;
        }
        last = stream;
    }
    let mut statement = conn.prepare("SELECT seq, t_ns, body FROM events WHERE stream = ?1 ORDER BY seq")?;
    let mut found = statement.query([AGENT_STREAM])?;
    while let Some(row) = found.next()? {
        let (seq, t_ns): (i64, i64) = (row.get(0)?, row.get(1)?);
        // What a later version wrote is passed over, and so is what does not go with what is there.
        if let Ok(body) = rmp_serde::from_slice(row.get_ref(2)?.as_bytes()?) {
            let at_unix_ms = t_ns.unsigned_abs() / NS_PER_MS;
            own(conn, &body, at_unix_ms)?;
            audit::note(conn, seq.unsigned_abs(), at_unix_ms, &body)?;
        }
    }
    Ok(())
}

/// A value that has no form in which it could be stored.
pub(super) fn unstorable(error: rmp_serde::encode::Error) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(error.into())
}

/// SQLite's integers are signed; times reach the limit after 292 years.
pub(super) fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
