//! Owns what makes files part of the log: what is there already stays as it is, the rest becomes runs.
//! Must not know any format, nor who hands files in.

use super::Intake;
use crate::log::{LogError, SqliteLog};
use crate::orchestrate::unix_ms;
use shared::wire::ImportReport;
use std::sync::Arc;

/// Stores what was taken in. Clones share one turnstile.
#[derive(Clone)]
pub struct Importer {
    log: SqliteLog,
    turnstile: Arc<tokio::sync::Mutex<()>>,
}

impl Importer {
    /// An importer into this log.
    #[must_use]
    pub fn new(log: SqliteLog) -> Self {
        Self { log, turnstile: Arc::default() }
    }

    /// Makes runs of the files that are not in the log by their hash. A run that the log does not take is told of with its
    /// files; the others are stored.
    ///
    /// # Errors
    /// Where the log cannot be read; nothing is stored then.
    pub async fn import(&self, intake: Intake) -> Result<ImportReport, LogError> {
        // One at a time: two that do not find a file would both store it.
        let _turnstile = self.turnstile.lock().await;
        let known = self.log.imported(intake.hashes()).await?;
        let (made, mut report) = intake.runs(&known, unix_ms());
        for mut made in made {
            let items = std::mem::take(&mut made.items);
            let stored = self.log.append(&made.run, items).await;
            report.note(&made, stored.map(|_| ()).map_err(|error| error.to_string()));
        }
        Ok(report.done())
    }
}
