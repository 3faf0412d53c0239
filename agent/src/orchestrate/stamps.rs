//! Owns the times in the ids of runs, by which lists are in order.
//! Must not know clocks: what time it is is a parameter.

use crate::log::{LogError, SqliteLog};
use std::sync::atomic::{AtomicU64, Ordering};

/// The last of those times, Unix ms: a clock that was set back does not put a new run below old ones.
pub(super) struct Stamps(AtomicU64);

impl Stamps {
    /// Goes on after the newest run of a log.
    ///
    /// # Errors
    /// [`LogError`] where the log cannot be read.
    pub async fn after(log: &SqliteLog) -> Result<Self, LogError> {
        let newest = log.rows(1, None).await?;
        let stamp = newest.first().and_then(|row| u64::from_str_radix(row.run.as_str().get(1..13)?, 16).ok());
        Ok(Self(AtomicU64::new(stamp.unwrap_or(0))))
    }

    /// The time of a run that is made now, or the next after the last one's where that is later.
    pub fn next(&self, now_unix_ms: u64) -> u64 {
        let next = |last: u64| now_unix_ms.max(last + 1);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last))).map_or(now_unix_ms, next)
    }
}
