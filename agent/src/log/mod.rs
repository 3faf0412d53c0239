//! Owns the append-only event log and its projections.
//! Must not know what an event means beyond what the projections need.

mod audit;
mod bin;
mod codec;
mod copy;
mod data_dir;
mod disk;
mod error;
mod found;
mod history;
mod marks;
mod own;
mod people;
mod project;
mod queue;
mod reader;
mod rescue;
mod schedules;
mod schema;
mod spare;
mod sqlite;
mod stored;
mod studies;
mod sum;
mod views;
mod writer;

pub use audit::Did;
pub use copy::{check, copy, named_blobs};
pub use data_dir::DataDir;
pub use error::LogError;
pub use marks::KeptNote;
pub use people::{KeptShare, KeptToken};
pub use rescue::{Damage, damages};
pub use schedules::{KeptSchedule, ScheduleEvent};
pub use sqlite::SqliteLog;
pub use stored::{Sink, Source, Stored};
pub use studies::Study;

use shared::event::{Body, Event};
use shared::ids::RunId;
use shared::wire::RunRow;
use std::future::Future;
use std::sync::Arc;
use tokio::sync::broadcast;

/// Version of the reducer `RunView::apply` as far as stored folds go: raise it when the same events fold to another
/// view, and every snapshot and row of older agents is rebuilt from the events when the log is opened.
pub const REDUCER_VERSION: u32 = 7;

/// Something that the log has committed: it survives a power cut from here on.
#[derive(Clone, Debug)]
pub enum Committed {
    /// Events of one run, in order and without gaps.
    Events {
        /// The run.
        run: RunId,
        /// The events of one append.
        events: Arc<[Event]>,
    },
    /// A run's row in the list of runs is new or changed.
    Row(Box<RunRow>),
    /// A run was deleted; its events stay behind a tombstone.
    Deleted(RunId),
}

/// What every event log does, whatever stores it.
pub trait EventLog: Clone + Send + Sync + 'static {
    /// Appends events (run time in ns, and body) to a run's stream; returns them numbered once they are durable.
    ///
    /// # Errors
    /// Where nothing of it was stored: disk full, run deleted, log closed.
    fn append(
        &self,
        run: &RunId,
        items: Vec<(u64, Body)>,
    ) -> impl Future<Output = Result<Arc<[Event]>, LogError>> + Send;

    /// Reads at most `limit` events of a run after `after_seq`, oldest first; none for a run that is not there.
    ///
    /// # Errors
    /// Where the storage cannot be read.
    fn read_from(
        &self,
        run: &RunId,
        after_seq: u64,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Event>, LogError>> + Send;

    /// Everything that is committed from now on.
    fn subscribe(&self) -> broadcast::Receiver<Committed>;
}
