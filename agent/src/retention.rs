//! Owns what the history takes on the disk, and what a policy does about it: into the bin, and out of it for good.
//! Must not know who sets a policy.

use crate::blob::BlobStore;
use crate::log::{LogError, SqliteLog};
use crate::orchestrate::unix_ms;
use shared::ids::RunId;
use shared::people::{Side, Who};
use shared::retention::{BIN_DAYS, DAY_MS, Disk, Held, Kept, Preview, Retention, Swept};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Between the agent's start and its first look, and between two.
const FIRST: Duration = Duration::from_secs(300);
const EVERY: Duration = Duration::from_secs(24 * 3600);
/// Runs that are told of as those that hold most.
const LARGEST: usize = 50;
/// Runs and studies that are taken out of the bin in one commit.
const AT_ONCE: usize = 50;
/// Who deletes by a policy.
const BY: &str = "retention";

/// Keeps the disk to a policy. Clones are one.
#[derive(Clone, Debug)]
pub struct Keeper {
    log: SqliteLog,
    blobs: BlobStore,
}

/// What runs hold, by run.
struct Sizes {
    events: BTreeMap<RunId, u64>,
    records: BTreeMap<RunId, u64>,
}

impl Sizes {
    fn of(&self, run: &RunId) -> (u64, u64) {
        let bytes = |of: &BTreeMap<RunId, u64>| of.get(run).copied().unwrap_or(0);
        (bytes(&self.events), bytes(&self.records))
    }
}

impl Keeper {
    /// One for a log and its records.
    #[must_use]
    pub fn new(log: SqliteLog, blobs: BlobStore) -> Self {
        Self { log, blobs }
    }

    async fn records(&self) -> BTreeMap<RunId, u64> {
        let blobs = self.blobs.clone();
        let read = tokio::task::spawn_blocking(move || blobs.sizes()).await;
        let sizes = read.map_err(std::io::Error::other).flatten();
        sizes.unwrap_or_else(|error| {
            tracing::warn!(%error, "how much request records take could not be read");
            BTreeMap::new()
        })
    }

    async fn sizes(&self) -> Result<Sizes, LogError> {
        Ok(Sizes { events: self.log.event_bytes().await?, records: self.records().await })
    }

    /// Every run of the lists with what it holds.
    async fn held(&self, sizes: &Sizes) -> Result<Vec<Held>, LogError> {
        let (mut held, mut before) = (Vec::new(), None);
        let mut studies = BTreeMap::new();
        for (study, marks, _) in self.log.find_studies(Default::default(), usize::MAX).await? {
            studies.insert(study.study, marks);
        }
        loop {
            let rows = self.log.rows(usize::MAX, before.take()).await?;
            let Some(last) = rows.last() else { return Ok(held) };
            before = Some(last.run.clone());
            for row in rows {
                let (events_bytes, records_bytes) = sizes.of(&row.run);
                let study = row.study.as_ref().and_then(|place| studies.get(&place.study));
                let pinned = row.marks.pinned || study.is_some_and(|marks| marks.pinned);
                let tags = row.marks.tags.iter().chain(study.iter().flat_map(|marks| &marks.tags));
                let kept = Kept::of(row.state.is_final(), pinned, tags);
                let (run, name, created_unix_ms) = (row.run.clone(), row.name.clone(), row.created_unix_ms);
                held.push(Held { run, name, created_unix_ms, events_bytes, records_bytes, kept });
            }
        }
    }

    /// What the history takes on the disk.
    ///
    /// # Errors
    /// Where the log cannot be read.
    pub async fn disk(&self) -> Result<Disk, LogError> {
        let sizes = self.sizes().await?;
        let mut largest = self.held(&sizes).await?;
        let bin = self.log.bin(usize::MAX).await?;
        let in_bin = bin.iter().filter_map(|row| match &row.item {
            Side::Run(run) => Some(sizes.of(run)),
            Side::Study(_) => None,
        });
        let bin_bytes = in_bin.map(|(events, records)| events + records).sum();
        let runs = largest.len() as u64;
        largest.sort_by_key(|of| std::cmp::Reverse(of.bytes()));
        largest.truncate(LARGEST);
        let (log_bytes, log_free_bytes) = self.log.file_bytes().await?;
        Ok(Disk {
            policy: self.log.retention().await?,
            log_bytes,
            log_free_bytes,
            records_bytes: sizes.records.values().sum(),
            bin_bytes,
            bin: bin.len() as u64,
            free_bytes: self.blobs.free_bytes(),
            runs,
            largest,
        })
    }

    /// What a policy would do now.
    ///
    /// # Errors
    /// Where the log cannot be read.
    pub async fn preview(&self, policy: Retention) -> Result<Preview, LogError> {
        let held = self.held(&self.sizes().await?).await?;
        Ok(policy.preview(held, unix_ms()))
    }

    /// Does what the policy says, and empties the bin of what has lain there long enough.
    ///
    /// # Errors
    /// Where the log cannot be read or written; what was done until then stays done.
    pub async fn sweep(&self) -> Result<Swept, LogError> {
        let mut swept = Swept::default();
        let policy = self.log.retention().await?;
        if policy != Retention::default() {
            let by = Who { id: BY.to_owned(), name: BY.to_owned() };
            for of in self.preview(policy).await?.let_go {
                match self.log.delete(&of.run, Some(by.clone())).await {
                    Ok(()) => swept.binned += 1,
                    // Somebody resumed or deleted it meanwhile.
                    Err(error) => tracing::info!(%error, "a run that the policy lets go was not deleted"),
                }
            }
        }
        let before = unix_ms().saturating_sub(u64::from(BIN_DAYS) * DAY_MS);
        let bin = self.log.bin(usize::MAX).await?;
        let over: Vec<Side> = bin.into_iter().filter(|row| row.deleted_unix_ms < before).map(|row| row.item).collect();
        if !over.is_empty() {
            let events = self.log.event_bytes().await?;
            for items in over.chunks(AT_ONCE) {
                self.log.purge(items.to_vec()).await?;
                swept.purged += items.len() as u64;
                let runs = items.iter().filter_map(|item| match item {
                    Side::Run(run) => events.get(run),
                    Side::Study(_) => None,
                });
                swept.events_bytes += runs.sum::<u64>();
            }
        }
        swept.records_bytes = self.remove_orphans().await?;
        if swept != Swept::default() {
            tracing::info!(?swept, "the history was kept to its policy");
        }
        Ok(swept)
    }

    /// Removes records of runs that are gone for good: also of those whose records a kill of the agent left.
    async fn remove_orphans(&self) -> Result<u64, LogError> {
        let in_bin: BTreeSet<Side> = self.log.bin(usize::MAX).await?.into_iter().map(|row| row.item).collect();
        let (log, blobs) = (self.log.clone(), self.blobs.clone());
        let is_gone = move |run: &RunId| log.is_deleted(run) && !in_bin.contains(&Side::Run(run.clone()));
        let removed = tokio::task::spawn_blocking(move || blobs.remove_of(is_gone)).await;
        Ok(removed.map_err(std::io::Error::other).flatten().unwrap_or_else(|error| {
            tracing::warn!(%error, "request records of deleted runs could not be removed");
            0
        }))
    }

    /// Sweeps once a day, for as long as the agent serves.
    pub async fn daily(self) {
        tokio::time::sleep(FIRST).await;
        loop {
            if let Err(error) = self.sweep().await {
                tracing::error!(%error, "the history could not be kept to its policy");
            }
            tokio::time::sleep(EVERY).await;
        }
    }
}
