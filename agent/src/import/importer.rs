//! Owns what makes files part of the log: what is there already stays as it is, the rest becomes runs.
//! Must not know any format, nor who hands files in.

use super::Intake;
use super::archive::Archive;
use crate::blob::BlobStore;
use crate::export::archive::{RunEntry, events_of};
use crate::log::{LogError, SqliteLog};
use crate::orchestrate::unix_ms;
use shared::ids::RunId;
use shared::wire::{FileFate, ImportReport};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Stores what was taken in. Clones share one turnstile.
#[derive(Clone)]
pub struct Importer {
    log: SqliteLog,
    blobs: BlobStore,
    turnstile: Arc<tokio::sync::Mutex<()>>,
}

impl Importer {
    /// An importer into this log, and of records beside it.
    #[must_use]
    pub fn new(log: SqliteLog, blobs: BlobStore) -> Self {
        Self { log, blobs, turnstile: Arc::default() }
    }

    /// Makes runs of the files that are not in the log by their hash, and takes the runs of archives in as they are. A run
    /// that the log does not take is told of with its files; the others are stored.
    ///
    /// # Errors
    /// Where the log cannot be read; nothing is stored then.
    pub async fn import(&self, mut intake: Intake) -> Result<ImportReport, LogError> {
        // One at a time: two that do not find a file would both store it.
        let _turnstile = self.turnstile.lock().await;
        let known = self.log.imported(intake.hashes()).await?;
        let archives = intake.archives();
        let (made, mut report) = intake.runs(&known, unix_ms());
        for mut made in made {
            let items = std::mem::take(&mut made.items);
            let stored = self.log.append(&made.run, items).await;
            report.note(&made, stored.map(|_| ()).map_err(|error| error.to_string()));
        }
        for (name, archive) in archives {
            let fate = self.restore(Arc::new(archive)).await?;
            report.note_archive(name, fate);
        }
        Ok(report.done())
    }

    /// Stores the runs of an archive that are not there, each all or nothing.
    async fn restore(&self, archive: Arc<Archive>) -> Result<FileFate, LogError> {
        let (mut new, mut known, mut refused) = (Vec::new(), Vec::new(), Vec::new());
        let mut wanted = BTreeSet::new();
        for entry in &archive.manifest.runs {
            match self.standing(entry).await? {
                Standing::Absent => drop(wanted.insert(entry.run.clone())),
                Standing::Same => known.push(entry.run.clone()),
                Standing::Other(why) => refused.push(why),
            }
        }
        match self.put_blobs(archive.clone(), wanted.clone()).await {
            Ok(()) => {
                for run in wanted {
                    match self.log.restore(&run, archive.events(&run)).await {
                        Ok(()) => new.push(run),
                        Err(error) => {
                            self.take_back(&archive, &run);
                            refused.push(error.to_string());
                        }
                    }
                }
            }
            Err(why) => refused.push(why),
        }
        if let Some(study) = archive.manifest.study.clone().filter(|_| !new.is_empty())
            && self.log.study(&study.study).await?.is_none()
        {
            self.log.begin_study(study).await?;
        }
        Ok(match (refused.is_empty(), new.is_empty()) {
            (true, true) => FileFate::Known { runs: known },
            (true, false) => FileFate::Imported { runs: new },
            (false, true) => FileFate::Refused { why: refused.join(" ") },
            (false, false) => {
                let new: Vec<String> = new.iter().map(ToString::to_string).collect();
                FileFate::Refused { why: format!("{} Taken in all the same: {}.", refused.join(" "), new.join(", ")) }
            }
        })
    }

    /// How the log stands to a run of an archive.
    async fn standing(&self, entry: &RunEntry) -> Result<Standing, LogError> {
        let run = &entry.run;
        if self.log.is_deleted(run) {
            let why = "was deleted here, and an id is not given twice: import it into another data directory";
            return Ok(Standing::Other(format!("The run {run} {why}.")));
        }
        let Some(view) = self.log.view(run).await? else { return Ok(Standing::Absent) };
        let here = events_of(&self.log, run, view.seq).await?;
        if here == entry.events {
            return Ok(Standing::Same);
        }
        Ok(Standing::Other(format!(
            "The run {run} is there already, but not as it is in the archive: it has {} events here and {} there.",
            here.n, entry.events.n
        )))
    }

    async fn put_blobs(&self, archive: Arc<Archive>, wanted: BTreeSet<RunId>) -> Result<(), String> {
        let blobs = self.blobs.clone();
        let put = move || {
            let mut written = Vec::new();
            let done = archive.blobs(&wanted, |run, name, bytes| {
                blobs.put(run, name, bytes).map_err(|error| error.to_string())?;
                written.push(name.to_owned());
                Ok(())
            });
            if done.is_err() {
                written.iter().for_each(|name| blobs.take_back(name));
            }
            done
        };
        tokio::task::spawn_blocking(put).await.unwrap_or_else(|error| Err(format!("Storing records failed: {error}.")))
    }

    fn take_back(&self, archive: &Archive, run: &RunId) {
        let of_run = archive.manifest.runs.iter().filter(|entry| entry.run == *run);
        of_run.flat_map(|entry| &entry.blobs).for_each(|blob| self.blobs.take_back(&blob.name));
    }
}

/// How a log stands to a run of an archive.
enum Standing {
    /// It has no such run.
    Absent,
    /// It has it with the same events.
    Same,
    /// It will not have it: why, as a sentence.
    Other(String),
}
