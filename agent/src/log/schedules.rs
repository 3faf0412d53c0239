//! Owns what is kept of schedules: the fold of their events, its projection, and the questions for it.
//! Must not know when a schedule comes or how anything begins.

use super::error::LogError;
use super::project::{AgentBody, unstorable};
use super::sqlite::SqliteLog;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use shared::ids::ScheduleId;
use shared::people::{Side, Who};
use shared::schedule::{Delivery, Fate, Occasion, Outcome, Schedule};

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
    /// What it began and of which nothing came yet, also where later times were passed over for it.
    #[serde(default)]
    pub under_way: Option<Side>,
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
        Self { schedule, settled_unix_ms, last: None, under_way: None, outcome: None, base: None, delivery: None }
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
                if let Fate::Began(side) = &occasion.fate {
                    kept.under_way = Some(side.clone());
                }
                kept.last = Some(occasion.clone());
            }
            ScheduleEvent::Ended(outcome) => {
                if outcome.has_figures {
                    kept.base = Some(outcome.of.clone());
                }
                // The end of another one leaves it under way.
                if kept.under_way.as_ref() == Some(&outcome.of) {
                    kept.under_way = None;
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

#[cfg(test)]
mod tests {
    use super::*;
    use shared::ids::RunId;
    use shared::schedule::{Changed, Missed, SchedulePlan, When, Work};

    #[test]
    fn what_began_is_under_way_over_times_that_are_passed_until_it_has_ended() {
        let work = Work::Run(Box::new(shared::preset::find("first").unwrap()));
        let plan = SchedulePlan { work, when: When::Once(9), missed: Missed::RunOnce, webhook: None };
        let by = Who { id: "test".to_owned(), name: "a test".to_owned() };
        let made = Schedule { schedule: ScheduleId::new(1, 1), plan, created_unix_ms: 1, by };
        let run = |n| Side::Run(RunId::new(1, n));
        let settled = |due_unix_ms, fate| ScheduleEvent::Settled(Occasion { due_unix_ms, fate, missed: 0 });
        let passed = |due_unix_ms| settled(due_unix_ms, Fate::Passed("It had not ended.".to_owned()));
        let ended = |n| {
            ScheduleEvent::Ended(Box::new(Outcome {
                of: run(n),
                against: None,
                ended_unix_ms: 9,
                changed: Changed::First,
                has_figures: true,
                markdown: String::new(),
            }))
        };
        let mut kept = None;
        for (event, under_way) in [
            (ScheduleEvent::Created(Box::new(made)), None),
            (settled(2, Fate::Begins), None),
            (settled(2, Fate::Began(run(1))), Some(run(1))),
            (passed(3), Some(run(1))),
            (passed(4), Some(run(1))),
            (ended(1), None),
            (settled(5, Fate::Begins), None),
            (settled(5, Fate::Began(run(2))), Some(run(2))),
            // Begun beside one that had not ended, as earlier versions did.
            (settled(6, Fate::Began(run(3))), Some(run(3))),
            (ended(2), Some(run(3))),
            (ended(3), None),
        ] {
            kept = KeptSchedule::after(kept, &event);
            assert_eq!(kept.as_ref().and_then(|kept| kept.under_way.clone()), under_way, "{event:?}");
        }
        let KeptSchedule { settled_unix_ms, outcome, base, .. } = kept.unwrap();
        assert_eq!((settled_unix_ms, outcome.map(|outcome| outcome.of), base), (6, Some(run(3)), Some(run(3))));
    }
}
