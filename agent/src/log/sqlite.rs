//! Owns the embedded log: SQLite in one file, behind two threads.
//! Must not know runs beyond their projections.

use super::error::{LogError, OPENED};
use super::reader::{self, Read};
use super::spare::Spare;
use super::stored::{self, Stored};
use super::views::Views;
use super::writer::{Job, Reply, Writer};
use super::{Committed, Damage, EventLog, REDUCER_VERSION, codec, damages, project, schema};
use rusqlite::Connection;
use shared::event::{Body, Event};
use shared::history::Filter;
use shared::ids::RunId;
use shared::people::Who;
use shared::view::RunView;
use shared::wire::RunRow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, oneshot};

/// How long an append waits for a program that holds the log. Whoever measures waits with it.
const PATIENCE: Duration = Duration::from_secs(5);
/// Messages that a subscriber may be behind before it is told that it lagged.
const MAX_BEHIND: usize = 1024;
/// Most events or rows of one read.
pub(super) const MAX_READ: usize = 10_000;
/// About the most bytes of bodies that one read of stored events has.
const MAX_STORED_BYTES: usize = 1 << 20;

/// The embedded event log. Clones share one file; the threads end with the last clone.
#[derive(Clone, Debug)]
pub struct SqliteLog(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    jobs: mpsc::Sender<Job>,
    reads: mpsc::Sender<Read>,
    views: Arc<Views>,
    committed: broadcast::Sender<Committed>,
}

impl SqliteLog {
    /// Opens the log at `path`, making it where it is missing. Blocks while an older log's projections are rebuilt.
    ///
    /// # Errors
    /// A sentence where the file is damaged, of a later version, locked, or cannot be made.
    pub fn open(path: &Path) -> Result<Self, LogError> {
        Self::open_as(path, REDUCER_VERSION)
    }

    /// Opens the log as an agent whose reducer has another version would; for tests.
    #[doc(hidden)]
    pub fn open_as(path: &Path, reducer: u32) -> Result<Self, LogError> {
        let conn = schema::open_writer(path, reducer)?;
        conn.busy_timeout(PATIENCE).map_err(|e| LogError::of(path, OPENED, &e))?;
        let read = schema::open_reader(path)?;
        let deleted =
            project::run_ids(&read, "SELECT run FROM tombstones").map_err(|e| LogError::of(path, OPENED, &e))?;
        let views = Arc::new(Views::new(deleted));
        let (committed, _) = broadcast::channel(MAX_BEHIND);
        let no_thread = |e: std::io::Error| LogError::io(path, "start its threads", &e);
        let reads = reader::start(read).map_err(no_thread)?;
        let spare = Spare::beside(path);
        let writer = Writer { conn, path: path.to_owned(), spare, views: views.clone(), committed: committed.clone() };
        let jobs = writer.start().map_err(no_thread)?;
        Ok(Self(Arc::new(Inner { path: path.to_owned(), jobs, reads, views, committed })))
    }

    /// The damaged logs that were set aside beside this one, the last first. Blocks on the disk.
    #[must_use]
    pub fn damages(&self) -> Vec<Damage> {
        damages(&self.0.path)
    }

    /// Appends events (run time in ns, and body) to a run's stream; returns them numbered once they are on the disk.
    ///
    /// # Errors
    /// Where nothing of it was stored: disk full, run deleted, body too large, log closed.
    pub async fn append(&self, run: &RunId, items: Vec<(u64, Body)>) -> Result<Arc<[Event]>, LogError> {
        if items.is_empty() {
            return Ok(Vec::new().into());
        }
        let bodies = items.iter().map(|(_, body)| codec::encode(body)).collect::<Result<Vec<_>, _>>()?;
        let events = items.into_iter().map(|(t_ns, body)| Event { seq: 0, t_ns, body }).collect();
        self.job(|reply| Job::Append { run: run.clone(), events, bodies, reply }).await
    }

    /// Reads at most `limit` (and 10,000) events of a run after `after_seq`, oldest first; none for a run that is
    /// not there.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub async fn read_from(&self, run: &RunId, after_seq: u64, limit: usize) -> Result<Vec<Event>, LogError> {
        if self.0.views.is_deleted(run) {
            return Ok(Vec::new());
        }
        let run = run.clone();
        self.read(move |conn| {
            let mut events = Vec::new();
            project::events(conn, &run, after_seq, limit.min(MAX_READ), |event| events.push(event))?;
            Ok(events)
        })
        .await
    }

    /// Everything that is committed from now on. A subscriber more than 1,024 messages behind is told so.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Committed> {
        self.0.committed.subscribe()
    }

    /// The fold of all that is committed of a run; nothing for a run that is not there or was deleted.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub async fn view(&self, run: &RunId) -> Result<Option<Arc<RunView>>, LogError> {
        if let Some(view) = self.0.views.get(run) {
            return Ok(Some(view));
        }
        if self.0.views.is_deleted(run) {
            return Ok(None);
        }
        let id = run.clone();
        let view = self.read(move |conn| project::fold(&*conn.unchecked_transaction()?, &id)).await?;
        Ok(view.map(|view| self.0.views.put(run, Arc::new(view))))
    }

    /// Rows of the list of runs, newest first, at most `limit` (and 10,000), older than `before`.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub async fn rows(&self, limit: usize, before: Option<RunId>) -> Result<Vec<RunRow>, LogError> {
        self.find_runs(Filter::default(), limit, before).await
    }

    /// Runs that were imported from a file of one of these hashes (SHA-256, hexadecimal) and not deleted since, by hash.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub async fn imported(&self, hashes: Vec<String>) -> Result<BTreeMap<String, Vec<RunId>>, LogError> {
        self.read(move |conn| project::imported(&*conn.unchecked_transaction()?, &hashes)).await
    }

    /// Runs that have not ended, oldest first: after a start, those that died with the agent before.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub async fn unfinished(&self) -> Result<Vec<RunId>, LogError> {
        self.read(|conn| project::run_ids(conn, "SELECT run FROM runs WHERE final = 0 ORDER BY run")).await
    }

    /// True for a run that was deleted.
    #[must_use]
    pub fn is_deleted(&self, run: &RunId) -> bool {
        self.0.views.is_deleted(run)
    }

    /// Deletes an ended run: a tombstone takes it out of every list into the bin; its events stay on the disk.
    ///
    /// # Errors
    /// [`LogError::NoSuchRun`], [`LogError::NotFinal`], [`LogError::Deleted`], or a failure of the disk.
    pub async fn delete(&self, run: &RunId, by: Option<Who>) -> Result<(), LogError> {
        self.job(|reply| Job::Delete { run: run.clone(), by, reply }).await
    }

    /// Events of a run after `after_seq` as they are stored, oldest first, about a MiB of them; none at the end.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub async fn stored(&self, run: &RunId, after_seq: u64) -> Result<Vec<Stored>, LogError> {
        if self.0.views.is_deleted(run) {
            return Ok(Vec::new());
        }
        let run = run.clone();
        self.read(move |conn| stored::read(conn, &run, after_seq, MAX_READ, MAX_STORED_BYTES)).await
    }

    /// Takes in a run that was stored in another log: all of its events as they are, or nothing. Other appends wait
    /// meanwhile.
    ///
    /// # Errors
    /// [`LogError::Taken`], [`LogError::Deleted`], [`LogError::NotTaken`] where these are not the events of a run that
    /// has ended, or a failure of the disk.
    pub async fn restore(&self, run: &RunId, source: stored::Source) -> Result<(), LogError> {
        self.job(|reply| Job::Restore { run: run.clone(), source, reply }).await
    }

    /// Resolves once the log has taken a write, of nothing that anybody sees, and has it on the disk.
    ///
    /// # Errors
    /// Where it takes none: disk full, held by somebody else, log closed.
    pub async fn probe(&self) -> Result<(), LogError> {
        self.job(|reply| Job::Probe { reply }).await
    }

    /// Lets the file grow to `pages` of 4,096 bytes at most (never below what it has): fills the disk in tests.
    #[doc(hidden)]
    pub async fn limit_pages(&self, pages: u32) -> Result<(), LogError> {
        self.job(|reply| Job::LimitPages { pages, reply }).await
    }

    /// The log's file.
    pub(super) fn path(&self) -> &Path {
        &self.0.path
    }

    pub(super) async fn job<T>(&self, job: impl FnOnce(Reply<T>) -> Job) -> Result<T, LogError> {
        let (reply, answer) = oneshot::channel();
        self.0.jobs.send(job(reply)).await.map_err(|_| LogError::Closed)?;
        answer.await.map_err(|_| LogError::Closed)?
    }

    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, LogError> {
        let (reply, answer) = oneshot::channel();
        let read: Read = Box::new(move |conn| {
            // Whoever asked may have gone.
            reply.send(read(conn)).ok();
        });
        self.0.reads.send(read).await.map_err(|_| LogError::Closed)?;
        answer.await.map_err(|_| LogError::Closed)?.map_err(|e| LogError::of(&self.0.path, "be read", &e))
    }
}

impl EventLog for SqliteLog {
    async fn append(&self, run: &RunId, items: Vec<(u64, Body)>) -> Result<Arc<[Event]>, LogError> {
        SqliteLog::append(self, run, items).await
    }

    async fn read_from(&self, run: &RunId, after_seq: u64, limit: usize) -> Result<Vec<Event>, LogError> {
        SqliteLog::read_from(self, run, after_seq, limit).await
    }

    fn subscribe(&self) -> broadcast::Receiver<Committed> {
        SqliteLog::subscribe(self)
    }
}
