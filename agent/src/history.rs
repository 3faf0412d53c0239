//! Owns runs of the log as they are compared: those of a study, and those that an estimate looks back at.
//! Must not know who compares them, nor how.

use crate::log::{LogError, SqliteLog};
use shared::compare::Recorded;
use shared::event::RunState;
use shared::wire::RunRow;

/// Runs that an estimate looks back at.
const LOOK_BACK: usize = 100;

/// What of a study's runs is compared, each by its place, in order of these.
///
/// # Errors
/// [`LogError`] where the log cannot be read.
pub async fn of_study(log: &SqliteLog, rows: &[RunRow]) -> Result<Vec<(u32, Recorded)>, LogError> {
    let mut recorded = Vec::new();
    for row in rows.iter().filter(|row| row.trials_done > 0) {
        let place = row.study.as_ref().map_or(0, |place| place.index);
        recorded.extend(recorded_of(log, row).await?.map(|run| (place, run)));
    }
    recorded.sort_by_key(|(place, _)| *place);
    Ok(recorded)
}

/// The last runs that are done, oldest first.
///
/// # Errors
/// [`LogError`] where the log cannot be read.
pub async fn lately(log: &SqliteLog) -> Result<Vec<Recorded>, LogError> {
    let mut recorded = Vec::new();
    for row in log.rows(LOOK_BACK, None).await?.iter().rev().filter(|row| row.state == RunState::Done) {
        recorded.extend(recorded_of(log, row).await?);
    }
    Ok(recorded)
}

async fn recorded_of(log: &SqliteLog, row: &RunRow) -> Result<Option<Recorded>, LogError> {
    Ok(log.view(&row.run).await?.and_then(|view| Recorded::of(&view)))
}
