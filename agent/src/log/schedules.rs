//! Owns what is kept of schedules: the fold of their events, its projection, and the questions for it.
//! Must not know when a schedule comes or how anything begins.

use super::error::LogError;
use super::project::{AgentBody, unstorable};
use super::sqlite::SqliteLog;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use shared::ids::ScheduleId;
use shared::people::{Side, Who};
use shared::schedule::{Delivery, Occasion, Outcome, Schedule};

/// What happened to a schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleEvent {
    /// Somebody made it.
    Created(Box<Schedule>),
    /// Somebody took it away.
    Removed {
        /// Who.
        by: Who,
    },
    /// A time was settled, or more is known of what became of it.
    Settled(Occasion),
    /// What it had begun has ended.
    Ended(Box<Outcome>),
    /// Somebody was told of that, or could not be.
    Told(Delivery),
}

/// A schedule as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeptSchedule {
    /// The schedule.
    pub schedule: Schedule,
    /// The last time that is settled, Unix ms; at first when it was made.
    pub settled_unix_ms: u64,
    /// What became of the last time.
    #[serde(default)]
    pub last: Option<Occasion>,
    /// What came of the last one that has ended.
    #[serde(default)]
    pub outcome: Option<Outcome>,
    /// The last one that has figures: what the next is compared with.
    #[serde(default)]
    pub base: Option<Side>,
    /// How telling of the last outcome went.
    #[serde(default)]
    pub delivery: Option<Delivery>,
}

impl KeptSchedule {
    /// One that was just made.
    #[must_use]
    pub fn new(schedule: Schedule) -> Self {
        let settled_unix_ms = schedule.created_unix_ms;
        Self { schedule, settled_unix_ms, last: None, outcome: None, base: None, delivery: None }
    }

    /// Folds an event; nothing is left of one that was taken away.
    #[must_use]
    pub fn after(kept: Option<Self>, event: &ScheduleEvent) -> Option<Self> {
        let mut kept = match (kept, event) {
            (_, ScheduleEvent::Created(schedule)) => return Some(Self::new((**schedule).clone())),
            (_, ScheduleEvent::Removed { .. }) | (None, _) => return None,
            (Some(kept), _) => kept,
        };
        match event {
            ScheduleEvent::Settled(occasion) => {
                kept.settled_unix_ms = kept.settled_unix_ms.max(occasion.due_unix_ms);
                kept.last = Some(occasion.clone());
            }
            ScheduleEvent::Ended(outcome) => {
                if outcome.has_figures {
                    kept.base = Some(outcome.of.clone());
                }
                kept.outcome = Some((**outcome).clone());
                kept.delivery = None;
            }
            ScheduleEvent::Told(delivery) => kept.delivery = Some(delivery.clone()),
            ScheduleEvent::Created(_) | ScheduleEvent::Removed { .. } => {}
        }
        Some(kept)
    }
}

impl SqliteLog {
    /// Keeps what happened to a schedule.
    ///
    /// # Errors
    /// [`LogError::NoSuchSchedule`], or where nothing was stored: disk full, log closed.
    pub async fn schedule(&self, schedule: ScheduleId, event: ScheduleEvent) -> Result<(), LogError> {
        self.own(AgentBody::Schedule { schedule, event }).await
    }

    /// Schedules that were not taken away, oldest first.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub async fn schedules(&self) -> Result<Vec<KeptSchedule>, LogError> {
        self.read(list).await
    }
}

/// Projects an event; false where there is no such schedule.
pub(super) fn put(conn: &Connection, id: &ScheduleId, event: &ScheduleEvent) -> Result<bool, rusqlite::Error> {
    let before = find(conn, id)?;
    if before.is_none() && !matches!(event, ScheduleEvent::Created(_)) {
        return Ok(false);
    }
    match KeptSchedule::after(before, event) {
        Some(kept) => {
            let bytes = rmp_serde::to_vec_named(&kept).map_err(unstorable)?;
            let sql = "INSERT OR REPLACE INTO schedules(schedule, kept) VALUES (?1, ?2)";
            conn.prepare_cached(sql)?.execute(params![id.as_str(), bytes])?;
        }
        None => drop(conn.execute("DELETE FROM schedules WHERE schedule = ?1", [id.as_str()])?),
    }
    Ok(true)
}

fn find(conn: &Connection, id: &ScheduleId) -> Result<Option<KeptSchedule>, rusqlite::Error> {
    let sql = "SELECT kept FROM schedules WHERE schedule = ?1";
    let found = conn.prepare_cached(sql)?.query_row([id.as_str()], |row| Ok(read(row.get_ref(0)?.as_bytes()?)));
    Ok(found.optional()?.flatten())
}

fn list(conn: &Connection) -> Result<Vec<KeptSchedule>, rusqlite::Error> {
    let mut statement = conn.prepare_cached("SELECT kept FROM schedules ORDER BY schedule")?;
    let found = statement.query_map([], |row| Ok(read(row.get_ref(0)?.as_bytes()?)))?;
    Ok(found.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// One that only a later version can read begins nothing, and is passed over.
fn read(bytes: &[u8]) -> Option<KeptSchedule> {
    let kept = rmp_serde::from_slice(bytes);
    if let Err(error) = &kept {
        tracing::warn!(%error, "a schedule cannot be read by this version and begins nothing");
    }
    kept.ok()
}
