//! Owns what is done to several runs and studies at once: tagged, pinned, deleted, brought back; and what becomes of each.
//! Must not know who asks, nor how marks are kept.

use crate::log::{LogError, SqliteLog};
use futures_util::future::join_all;
use shared::history::{self, Done, MAX_ITEMS, MAX_TAGS, RefusedItem};
use shared::ids::StudyId;
use shared::people::{Side, Who};

/// What is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Tags come and go; one that does both goes.
    Tags {
        /// Tags that come.
        add: Vec<String>,
        /// Tags that go.
        remove: Vec<String>,
    },
    /// Pinned as baselines, or no longer.
    Pin(bool),
    /// Deleted, into the bin; a study's runs stay.
    Delete,
    /// Back out of the bin.
    Undelete,
}

/// Why something is not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShelfError {
    /// Nothing, or too much, is named.
    #[error("{0} runs and studies are named, but there must be 1 to {MAX_ITEMS}.")]
    Items(usize),
    /// Tags that cannot be.
    #[error("{0}.")]
    Tag(history::InvalidTag),
    /// Too many tags at once.
    #[error("{0} tags are named, but there may be at most {MAX_TAGS}.")]
    Tags(usize),
    /// A study of which a run goes on.
    #[error("The run {run} of the study is {state}: cancel the study first.")]
    Active {
        /// The run.
        run: String,
        /// Its state's word.
        state: &'static str,
    },
    /// The log does not.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// Tags as they are kept.
fn tags(texts: Vec<String>) -> Result<Vec<String>, ShelfError> {
    if texts.len() > MAX_TAGS {
        return Err(ShelfError::Tags(texts.len()));
    }
    texts.iter().map(|text| history::tag(text).map_err(ShelfError::Tag)).collect()
}

impl Change {
    /// Tags that come and go, as they are kept.
    ///
    /// # Errors
    /// [`ShelfError`] for what cannot be a tag, or too many.
    pub fn of_tags(add: Vec<String>, remove: Vec<String>) -> Result<Self, ShelfError> {
        Ok(Self::Tags { add: tags(add)?, remove: tags(remove)? })
    }

    /// What it does, in words.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Change::Tags { add, remove } => {
                let signed = add.iter().map(|tag| format!("+{tag}")).chain(remove.iter().map(|tag| format!("-{tag}")));
                signed.collect::<Vec<_>>().join(" ")
            }
            Change::Pin(true) => "pinned".to_owned(),
            Change::Pin(false) => "unpinned".to_owned(),
            Change::Delete => "deleted".to_owned(),
            Change::Undelete => "brought back".to_owned(),
        }
    }

    async fn on(&self, log: &SqliteLog, item: Side, by: Who) -> Result<(), ShelfError> {
        match (self, item) {
            (Change::Tags { add, remove }, item) => log.tag(item, add.clone(), remove.clone(), by).await?,
            (Change::Pin(pinned), item) => log.pin(item, *pinned, by).await?,
            (Change::Delete, Side::Run(run)) => log.delete(&run, Some(by)).await?,
            (Change::Delete, Side::Study(study)) => delete_study(log, &study, by).await?,
            (Change::Undelete, item) => log.undelete(item).await?,
        }
        Ok(())
    }

    /// Does it to each, all under way at once so that they share a commit, and says what became of each.
    ///
    /// # Errors
    /// [`ShelfError::Items`] where nothing or too much is named; what one of them refuses is no error of the others.
    pub async fn apply(&self, log: &SqliteLog, mut items: Vec<Side>, by: &Who) -> Result<Done, ShelfError> {
        items.sort();
        items.dedup();
        if items.is_empty() || items.len() > MAX_ITEMS {
            return Err(ShelfError::Items(items.len()));
        }
        let results = join_all(items.iter().map(|item| self.on(log, item.clone(), by.clone()))).await;
        let mut done = Done::default();
        for (item, result) in items.into_iter().zip(results) {
            match result {
                Ok(()) => done.done.push(item),
                Err(error) => done.refused.push(RefusedItem { item, why: error.to_string() }),
            }
        }
        Ok(done)
    }
}

/// Deletes a study all of whose runs have ended; they stay.
///
/// # Errors
/// [`ShelfError::Active`], [`LogError::NoSuchStudy`], or a failure of the log.
pub async fn delete_study(log: &SqliteLog, study: &StudyId, by: Who) -> Result<(), ShelfError> {
    let found = log.study(study).await?;
    let (_, rows) = found.ok_or_else(|| LogError::NoSuchStudy(study.clone()))?;
    if let Some(row) = rows.iter().find(|row| !row.state.is_final()) {
        return Err(ShelfError::Active { run: row.run.to_string(), state: row.state.label() });
    }
    Ok(log.delete_study(study, Some(by)).await?)
}
