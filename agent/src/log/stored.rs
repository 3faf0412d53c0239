//! Owns events as they lie in the log, their bodies still bytes: how a run leaves it and comes back as the same run.
//! Must not know where they travel.

use super::codec;
use super::error::LogError;
use super::project::{fold, signed};
use rusqlite::{Connection, params};
use shared::event::{Body, Event};
use shared::ids::RunId;
use shared::view::RunView;

/// An event as it is stored. Its number is its place in the run's stream, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Run time, ns.
    pub t_ns: u64,
    /// The body's bytes, MessagePack with named fields.
    pub body: Vec<u8>,
}

/// Takes one event after the other; where it will not, the source stops.
pub type Sink<'a> = dyn FnMut(Stored) -> Result<(), String> + 'a;
/// Gives every event of a run to a sink, oldest first, or says why it cannot, as the end of a sentence. Each call begins
/// with the first, for what did not go well with others is tried again alone.
pub type Source = Box<dyn FnMut(&mut Sink<'_>) -> Result<(), String> + Send>;

/// Reads events of a run after `after_seq`, oldest first, up to a number of them and about a number of bytes.
pub(super) fn read(
    conn: &Connection,
    run: &RunId,
    after_seq: u64,
    limit: usize,
    bytes: usize,
) -> Result<Vec<Stored>, rusqlite::Error> {
    let sql = "SELECT t_ns, body FROM events WHERE stream = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3";
    let mut statement = conn.prepare_cached(sql)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![run.as_str(), signed(after_seq), limit])?;
    let (mut events, mut taken) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let t_ns: i64 = row.get(0)?;
        let body: Vec<u8> = row.get(1)?;
        taken += body.len();
        events.push(Stored { t_ns: t_ns.unsigned_abs(), body });
        if taken >= bytes {
            break;
        }
    }
    Ok(events)
}

/// Stores a run that is not there, in the transaction of `conn`, and gives its fold.
///
/// # Errors
/// The storage's own; within, why the run is not taken.
pub(super) fn take(
    conn: &Connection,
    run: &RunId,
    source: &mut Source,
    insert: impl Fn(&Connection, &Event, &[u8]) -> Result<(), rusqlite::Error>,
) -> Result<Result<RunView, LogError>, rusqlite::Error> {
    if fold(conn, run)?.is_some() {
        return Ok(Err(LogError::Taken(run.clone())));
    }
    let mut view = RunView::default();
    let mut failed = None;
    let told = source(&mut |Stored { t_ns, body }| {
        codec::fits(&body)?;
        let event = Event { seq: view.seq + 1, t_ns, body: codec::decode(&body) };
        if !is_own(&event, run) {
            return Err(format!("its event {} is not one that this run can have", event.seq));
        }
        if let Err(error) = insert(conn, &event, &body) {
            failed = Some(error);
            return Err(String::new());
        }
        view.apply(&event);
        Ok(())
    });
    if let Some(error) = failed {
        return Err(error);
    }
    let ended = if view.run_state().is_final() { Ok(()) } else { Err("it has not ended".to_owned()) };
    Ok(match told.and(ended) {
        Ok(()) => Ok(view),
        Err(why) => Err(LogError::NotTaken { run: run.clone(), why }),
    })
}

/// Whether an event can be one of this run: its creation comes first, names it, and has points that can be counted out.
fn is_own(event: &Event, run: &RunId) -> bool {
    match &event.body {
        Body::Created { run: of, plan, .. } => event.seq == 1 && of == run && plan.is_bounded(),
        _ => event.seq > 1,
    }
}
