//! Owns what the log takes on the disk, the policy of what it keeps, and taking out of it what is gone for good.
//! Must not know what a policy lets go.

use super::error::LogError;
use super::project::{AgentBody, unstorable};
use super::schema;
use super::sqlite::SqliteLog;
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use shared::ids::RunId;
use shared::people::{Side, Who};
use shared::retention::Retention;
use std::collections::BTreeMap;

/// Key of the policy among the settings.
const RETENTION: &str = "retention";

/// Keeps a setting.
fn set<T: Serialize>(conn: &Connection, key: &str, value: &T) -> Result<(), rusqlite::Error> {
    let bytes = rmp_serde::to_vec_named(value).map_err(unstorable)?;
    conn.execute("INSERT OR REPLACE INTO settings(key, value) VALUES (?1, ?2)", params![key, bytes])?;
    Ok(())
}

/// A setting; nothing where it was never made, or where only a later version can read it.
fn get<T: DeserializeOwned>(conn: &Connection, key: &str) -> Result<Option<T>, rusqlite::Error> {
    let sql = "SELECT value FROM settings WHERE key = ?1";
    let bytes: Option<Vec<u8>> = conn.query_row(sql, [key], |row| row.get(0)).optional()?;
    Ok(bytes.and_then(|bytes| rmp_serde::from_slice(&bytes).ok()))
}

/// Projects the policy.
pub(super) fn set_retention(conn: &Connection, policy: &Retention) -> Result<(), rusqlite::Error> {
    set(conn, RETENTION, policy)
}

/// Takes what lies in the bin out of it for good: a run's events, and what people put on either. A tombstone stays of a run.
pub(super) fn purge(conn: &Connection, items: &[Side]) -> Result<(), rusqlite::Error> {
    for item in items {
        let id = item.to_string();
        if conn.execute("DELETE FROM bin WHERE item = ?1", [&id])? == 0 {
            continue;
        }
        conn.execute("DELETE FROM marks WHERE item = ?1", [&id])?;
        if let Side::Run(run) = item {
            conn.execute("DELETE FROM events WHERE stream = ?1", [run.as_str()])?;
            conn.execute("DELETE FROM sources WHERE run = ?1", [run.as_str()])?;
        }
    }
    Ok(())
}

impl SqliteLog {
    /// The policy of what is kept; without one everything is.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub async fn retention(&self) -> Result<Retention, LogError> {
        Ok(self.read(|conn| get(conn, RETENTION)).await?.unwrap_or_default())
    }

    /// Sets the policy of what is kept.
    ///
    /// # Errors
    /// Where nothing was stored: disk full, log closed.
    pub async fn set_retention(&self, policy: Retention, by: Who) -> Result<(), LogError> {
        self.own(AgentBody::RetentionSet { policy, by }).await
    }

    /// Takes runs and studies that lie in the bin out of it for good; others are passed over.
    ///
    /// # Errors
    /// Where nothing was stored: disk full, log closed.
    pub async fn purge(&self, items: Vec<Side>) -> Result<(), LogError> {
        self.own(AgentBody::Purged { items }).await
    }

    /// Bytes of each run's events, those in the bin included. Reads through the whole log, beside whoever else reads it.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub async fn event_bytes(&self) -> Result<BTreeMap<RunId, u64>, LogError> {
        let path = self.path().to_owned();
        let summed = tokio::task::spawn_blocking(move || {
            let conn = schema::open_reader(&path)?;
            sum(&conn).map_err(|error| LogError::of(&path, "be read", &error))
        });
        summed.await.map_err(|_| LogError::Closed)?
    }

    /// Bytes of the log's file, and of those within it that new events fill first.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub async fn file_bytes(&self) -> Result<(u64, u64), LogError> {
        self.read(|conn| {
            let of = |what: &str| conn.query_row(&format!("PRAGMA {what}"), [], |row| row.get::<_, i64>(0));
            let page = of("page_size")?.unsigned_abs();
            Ok((of("page_count")?.unsigned_abs() * page, of("freelist_count")?.unsigned_abs() * page))
        })
        .await
    }
}

fn sum(conn: &Connection) -> Result<BTreeMap<RunId, u64>, rusqlite::Error> {
    let mut statement = conn.prepare("SELECT stream, sum(length(body)) FROM events GROUP BY stream")?;
    let mut found = statement.query([])?;
    let mut bytes = BTreeMap::new();
    while let Some(row) = found.next()? {
        if let Ok(run) = RunId::try_from(row.get::<_, String>(0)?) {
            bytes.insert(run, row.get::<_, i64>(1)?.unsigned_abs());
        }
    }
    Ok(bytes)
}
