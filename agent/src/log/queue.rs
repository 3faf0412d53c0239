//! Owns how the queue was left by whoever arranged it last: the event's projection, and the question for it.
//! Must not know what waits, nor what an arrangement means.

use super::error::LogError;
use super::project::{AgentBody, unstorable};
use super::sqlite::SqliteLog;
use rusqlite::{Connection, OptionalExtension, params};
use shared::queue::Arrangement;

impl SqliteLog {
    /// Keeps how the queue is arranged.
    ///
    /// # Errors
    /// Where nothing was stored: disk full, log closed.
    pub async fn arrange(&self, arrangement: Arrangement) -> Result<(), LogError> {
        self.own(AgentBody::QueueArranged(Box::new(arrangement))).await
    }

    /// How the queue was left; as it is by itself where nobody ever arranged it.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub async fn arrangement(&self) -> Result<Arrangement, LogError> {
        self.read(find).await
    }
}

/// Keeps the last arrangement.
pub(super) fn put(conn: &Connection, arrangement: &Arrangement) -> Result<(), rusqlite::Error> {
    let bytes = rmp_serde::to_vec_named(arrangement).map_err(unstorable)?;
    conn.execute("INSERT OR REPLACE INTO queue(only, arrangement) VALUES (0, ?1)", params![bytes])?;
    Ok(())
}

fn find(conn: &Connection) -> Result<Arrangement, rusqlite::Error> {
    let sql = "SELECT arrangement FROM queue WHERE only = 0";
    let bytes: Option<Vec<u8>> = conn.query_row(sql, [], |row| row.get(0)).optional()?;
    let read = bytes.map(|bytes| rmp_serde::from_slice(&bytes)).transpose();
    Ok(read
        .unwrap_or_else(|error| {
            tracing::warn!(%error, "how the queue was left cannot be read by this version");
            None
        })
        .unwrap_or_default())
}
