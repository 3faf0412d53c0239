//! Owns what is asked of the log about its history: what is found, what people put on it, and the bin.
//! Must not know who asks.

use super::error::LogError;
use super::marks::{self, KeptNote, Mark};
use super::project::AgentBody;
use super::sqlite::{MAX_READ, SqliteLog};
use super::studies::{self, Study};
use super::{bin, found};
use shared::history::{BinRow, Facets, Filter, Marks};
use shared::ids::RunId;
use shared::people::{Side, Who};
use shared::wire::RunRow;

impl SqliteLog {
    /// Rows of the runs that a filter finds, newest first, at most `limit` (and 10,000), older than `before`.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub async fn find_runs(
        &self,
        filter: Filter,
        limit: usize,
        before: Option<RunId>,
    ) -> Result<Vec<RunRow>, LogError> {
        let find = move |conn: &_| found::runs(conn, &filter, limit.min(MAX_READ), before.as_ref());
        self.read(move |conn| find(&*conn.unchecked_transaction()?)).await
    }

    /// Studies that a filter finds, newest first, at most `limit` (and 10,000), each with what is on it and the rows of its
    /// runs.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub async fn find_studies(
        &self,
        filter: Filter,
        limit: usize,
    ) -> Result<Vec<(Study, Marks, Vec<RunRow>)>, LogError> {
        self.read(move |conn| {
            let tx = conn.unchecked_transaction()?;
            let mut list = Vec::new();
            for id in found::studies(&tx, &filter, limit.min(MAX_READ))? {
                let Some(study) = id.try_into().ok().map(|id| studies::find(&tx, &id)).transpose()?.flatten() else {
                    continue;
                };
                let marks = marks::of(&tx, study.study.as_str())?.marks();
                let rows = studies::rows(&tx, &study.study)?;
                list.push((study, marks, rows));
            }
            Ok(list)
        })
        .await
    }

    /// The values that filters may have, each with how many runs have it.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub async fn facets(&self) -> Result<Facets, LogError> {
        self.read(|conn| found::facets(&*conn.unchecked_transaction()?)).await
    }

    /// What people put on a run or study.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub async fn marks(&self, item: &Side) -> Result<(Marks, Option<KeptNote>), LogError> {
        let item = item.to_string();
        self.read(move |conn| marks::of(conn, &item).map(|kept| (kept.marks(), kept.note))).await
    }

    /// Adds tags to a run or study and takes tags off it.
    ///
    /// # Errors
    /// [`LogError::NoSuchRun`], [`LogError::NoSuchStudy`], [`LogError::TooManyTags`], or a failure of the disk.
    pub async fn tag(&self, item: Side, add: Vec<String>, remove: Vec<String>, by: Who) -> Result<(), LogError> {
        self.own(AgentBody::Marked { item, mark: Mark::Tags { add, remove }, by }).await
    }

    /// Pins a run or study, or no longer.
    ///
    /// # Errors
    /// [`LogError::NoSuchRun`], [`LogError::NoSuchStudy`], or a failure of the disk.
    pub async fn pin(&self, item: Side, pinned: bool, by: Who) -> Result<(), LogError> {
        self.own(AgentBody::Marked { item, mark: Mark::Pin(pinned), by }).await
    }

    /// Writes the note of a run or study, Markdown; none takes it away.
    ///
    /// # Errors
    /// [`LogError::NoSuchRun`], [`LogError::NoSuchStudy`], or a failure of the disk.
    pub async fn write_note(&self, item: Side, text: Option<String>, by: Who) -> Result<(), LogError> {
        self.own(AgentBody::Marked { item, mark: Mark::Note(text), by }).await
    }

    /// Takes a run or study out of the bin and puts it into its list.
    ///
    /// # Errors
    /// [`LogError::NotInBin`], or a failure of the disk.
    pub async fn undelete(&self, item: Side) -> Result<(), LogError> {
        self.own(AgentBody::Undeleted { item }).await
    }

    /// What lies in the bin, what was deleted last first, at most `limit` (and 10,000).
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub async fn bin(&self, limit: usize) -> Result<Vec<BinRow>, LogError> {
        self.read(move |conn| bin::rows(conn, limit.min(MAX_READ))).await
    }
}
