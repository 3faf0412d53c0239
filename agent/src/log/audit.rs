//! Owns the projection of what people did, and the events of the agent's own stream that say so.
//! Must not know what an action means.

use super::project::{AgentBody, signed, unstorable};
use super::schedules::ScheduleEvent;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use shared::people::{AuditRow, Who};

/// Something that somebody did, of which no other event tells who.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Did {
    /// Who; absent where nobody was signed in.
    pub by: Option<Who>,
    /// What, in words: `run cancelled`.
    pub action: String,
    /// What to.
    pub object: Option<String>,
}

/// What an event says of who did what; nothing where another one does.
fn told(body: &AgentBody) -> Option<Did> {
    let did = |by: &Who, action: &str, object: String| {
        Some(Did { by: Some(by.clone()), action: action.to_owned(), object: Some(object) })
    };
    match body {
        AgentBody::TokenCreated(kept) => {
            let row = &kept.row;
            did(&row.by, "token created", format!("{} ({}, {})", row.token, row.role, row.name))
        }
        AgentBody::TokenRevoked { token, by } => did(by, "token revoked", token.to_string()),
        AgentBody::ShareCreated(kept) => {
            let row = &kept.row;
            did(&row.by, "share created", format!("{} ({})", row.share, row.shared.path()))
        }
        AgentBody::ShareRevoked { share, by } => did(by, "share revoked", share.to_string()),
        AgentBody::Schedule { schedule, event: ScheduleEvent::Created(made) } => {
            did(&made.by, "schedule created", format!("{schedule} ({})", made.plan.work.name()))
        }
        AgentBody::Schedule { schedule, event: ScheduleEvent::Removed { by } } => {
            did(by, "schedule removed", schedule.to_string())
        }
        AgentBody::RetentionSet { policy, by } => {
            let days = policy.keep_days.map_or_else(|| "however old".to_owned(), |days| format!("{days} days"));
            let bytes = policy.max_bytes.map_or_else(|| "however much".to_owned(), |bytes| format!("{bytes} bytes"));
            did(by, "retention set", format!("{days}, {bytes}"))
        }
        AgentBody::Purged { items } => {
            let object = Some(format!("{} runs and studies", items.len()));
            Some(Did { by: None, action: "gone for good".to_owned(), object })
        }
        AgentBody::Did(did) => Some(did.clone()),
        AgentBody::RunDeleted { .. }
        | AgentBody::StudyBegun(_)
        | AgentBody::StudyDeleted { .. }
        | AgentBody::QueueArranged(_)
        | AgentBody::Schedule { .. }
        | AgentBody::Undeleted { .. }
        | AgentBody::Marked { .. } => None,
    }
}

/// Notes what an event says of who did what.
pub(super) fn note(conn: &Connection, seq: u64, at_unix_ms: u64, body: &AgentBody) -> Result<(), rusqlite::Error> {
    let Some(Did { by, action, object }) = told(body) else { return Ok(()) };
    let row = rmp_serde::to_vec_named(&AuditRow { seq, at_unix_ms, by, action, object }).map_err(unstorable)?;
    let sql = "INSERT OR REPLACE INTO audit(seq, row) VALUES (?1, ?2)";
    conn.prepare_cached(sql)?.execute(params![signed(seq), row])?;
    Ok(())
}

/// What was done, the last first, before the row of this number.
pub(super) fn rows(conn: &Connection, limit: usize, before: Option<u64>) -> Result<Vec<AuditRow>, rusqlite::Error> {
    let mut statement = conn.prepare_cached("SELECT row FROM audit WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2")?;
    let before = before.map_or(i64::MAX, signed);
    let found = statement.query_map(params![before, i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
        Ok(rmp_serde::from_slice(row.get_ref(0)?.as_bytes()?).ok())
    })?;
    Ok(found.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}
