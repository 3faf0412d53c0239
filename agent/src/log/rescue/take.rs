//! Owns the log that is made of what was found: which events of each stream are taken, and what is said in place of the rest.
//! Must not know how they were found.

use super::super::codec;
use super::super::error::LogError;
use super::super::people;
use super::super::project::{self, AgentBody};
use super::super::schema::{self, AGENT_STREAM};
use super::super::writer::{append_own, insert};
use super::super::{REDUCER_VERSION, sum};
use super::image::Image;
use super::scan::scan;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use shared::event::{Body, RunState};
use shared::ids::RunId;
use shared::people::Who;
use std::path::Path;

/// What could be read of a damaged log, and what could not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// Runs that were taken.
    pub runs: u64,
    /// Events of these.
    pub events: u64,
    /// Runs of which some events were found, but not the first, without which the others say nothing.
    pub lost_runs: u64,
    /// Events that were found behind a gap, and left out: what is folded has no holes.
    pub behind_gaps: u64,
    /// Runs that are marked as interrupted, since they have no end here.
    pub cut_off: u64,
    /// Named tokens and links that were ended.
    pub ended_grants: u64,
}

/// Writes the log of what an image holds to a file that is not there yet, and onto the disk.
///
/// # Errors
/// Where it cannot be written.
pub(super) fn take(image: &Image, to: &Path, of: &str) -> Result<Taken, LogError> {
    let written = || -> Result<Taken, rusqlite::Error> {
        let mut conn = Connection::open(to)?;
        conn.execute_batch("PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL")?;
        schema::prepare(&mut conn, 0, REDUCER_VERSION)?;
        let tx = conn.transaction()?;
        let mut taken = Taken::default();
        gather(&tx, image)?;
        streams(&tx, &mut taken)?;
        project::rebuild(&tx)?;
        cut_off(&tx, &mut taken, of)?;
        end_grants(&tx, &mut taken)?;
        project::rebuild(&tx)?;
        tx.commit()?;
        Ok(taken)
    };
    written().map_err(|error| LogError::of(to, "be written", &error))
}

/// Stores every event that is found, once.
fn gather(conn: &Connection, image: &Image) -> Result<(), rusqlite::Error> {
    let sql = "INSERT OR IGNORE INTO events(stream, seq, t_ns, kind, body, sum) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    scan(image, |found| {
        let sum = sum::of(found.stream, found.seq, found.t_ns, found.kind, found.body);
        let row = params![found.stream, found.seq, found.t_ns, found.kind, found.body, sum];
        conn.prepare_cached(sql)?.execute(row)?;
        Ok(())
    })
}

/// Leaves of each run what has no hole from its creation on. The agent's own events do not build on one another.
fn streams(conn: &Connection, taken: &mut Taken) -> Result<(), rusqlite::Error> {
    let mut last = String::new();
    let next = "SELECT min(stream) FROM events WHERE stream > ?1";
    while let Some(stream) = conn.query_row(next, [&last], |row| row.get::<_, Option<String>>(0))? {
        last.clone_from(&stream);
        if stream == AGENT_STREAM {
            continue;
        }
        let whole = unbroken(conn, &stream)?;
        let left_out =
            conn.execute("DELETE FROM events WHERE stream = ?1 AND seq > ?2", params![stream, whole])? as u64;
        match whole {
            0 => taken.lost_runs += 1,
            events => {
                taken.runs += 1;
                taken.events += events.unsigned_abs();
                taken.behind_gaps += left_out;
            }
        }
    }
    Ok(())
}

/// The number of the last event before the first hole of a run; 0 where its creation is missing.
fn unbroken(conn: &Connection, stream: &str) -> Result<i64, rusqlite::Error> {
    let mut statement = conn.prepare_cached("SELECT seq, body FROM events WHERE stream = ?1 ORDER BY seq")?;
    let mut rows = statement.query([stream])?;
    let mut whole = 0;
    while let Some(row) = rows.next()? {
        let seq: i64 = row.get(0)?;
        let is_next = seq == whole + 1;
        let is_begun = seq > 1 || matches!(codec::decode(row.get_ref(1)?.as_bytes()?), Body::Created { .. });
        if !is_next || !is_begun {
            break;
        }
        whole = seq;
    }
    Ok(whole)
}

/// Marks runs without an end: whether they had one is not known.
fn cut_off(conn: &Connection, taken: &mut Taken, of: &str) -> Result<(), rusqlite::Error> {
    for run in project::run_ids(conn, "SELECT run FROM runs WHERE final = 0 ORDER BY run")? {
        let Some(view) = project::fold(conn, &run)? else { continue };
        let reason = format!(
            "The log was damaged: if this run logged anything after its event {}, it could not be read. The damaged file is kept as {of}.",
            view.seq
        );
        append(
            conn,
            &run,
            view.seq + 1,
            view.last_ns,
            &Body::State { state: RunState::Interrupted, reason: Some(reason) },
        )?;
        taken.cut_off += 1;
    }
    Ok(())
}

fn append(conn: &Connection, run: &RunId, seq: u64, t_ns: u64, body: &Body) -> Result<(), rusqlite::Error> {
    let bytes = rmp_serde::to_vec_named(body).map_err(project::unstorable)?;
    insert(conn, run.as_str(), seq, t_ns, codec::kind(body), &bytes)
}

/// Ends every token and link: that one was revoked may be among what could not be read.
fn end_grants(conn: &Connection, taken: &mut Taken) -> Result<(), rusqlite::Error> {
    let by = Who { id: "agent".to_owned(), name: "the agent, for the log was damaged".to_owned() };
    for kept in people::tokens(conn)? {
        append_own(conn, &AgentBody::TokenRevoked { token: kept.row.token, by: by.clone() })?;
        taken.ended_grants += 1;
    }
    for kept in people::shares(conn)? {
        append_own(conn, &AgentBody::ShareRevoked { share: kept.row.share, by: by.clone() })?;
        taken.ended_grants += 1;
    }
    Ok(())
}
