//! Owns the projection of what people put on runs and studies: tags, pins and notes.
//! Must not know who may do that, nor how a note is drawn.

use super::project::unstorable;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use shared::history::{MAX_TAGS, Marks};
use shared::people::{Side, Who};
use std::collections::BTreeSet;

/// A note as it is kept: its Markdown, and who wrote it when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptNote {
    /// Its Markdown.
    pub text: String,
    /// Who wrote it.
    pub by: Who,
    /// When, Unix ms.
    pub at_unix_ms: u64,
}

/// What people put on a run or study, as it is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    tags: BTreeSet<String>,
    pinned: bool,
    pub(super) note: Option<KeptNote>,
}

impl Kept {
    /// The same as lists have it.
    pub(super) fn marks(&self) -> Marks {
        Marks { tags: self.tags.iter().cloned().collect(), pinned: self.pinned, noted: self.note.is_some() }
    }
}

/// A change of what is on runs or studies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Mark {
    /// Tags come and go; what comes and goes at once goes.
    Tags {
        /// Tags that come.
        add: Vec<String>,
        /// Tags that go.
        remove: Vec<String>,
    },
    /// They are pinned, or no longer.
    Pin(bool),
    /// The note; none takes it away.
    Note(Option<String>),
}

/// What is on a run or study.
pub(super) fn of(conn: &Connection, item: &str) -> Result<Kept, rusqlite::Error> {
    let sql = "SELECT kept FROM marks WHERE item = ?1";
    let bytes: Option<Vec<u8>> = conn.prepare_cached(sql)?.query_row([item], |r| r.get(0)).optional()?;
    Ok(bytes.and_then(|bytes| rmp_serde::from_slice(&bytes).ok()).unwrap_or_default())
}

/// Changes what is on one; false where that would be more tags than there may be.
pub(super) fn apply(
    conn: &Connection,
    item: &Side,
    mark: &Mark,
    by: &Who,
    at_unix_ms: u64,
) -> Result<bool, rusqlite::Error> {
    let item = item.to_string();
    let mut kept = of(conn, &item)?;
    match mark {
        Mark::Tags { add, remove } => {
            kept.tags.extend(add.iter().cloned());
            kept.tags.retain(|tag| !remove.contains(tag));
        }
        Mark::Pin(pinned) => kept.pinned = *pinned,
        Mark::Note(text) => {
            kept.note = text.clone().map(|text| KeptNote { text, by: by.clone(), at_unix_ms });
        }
    }
    if kept.tags.len() > MAX_TAGS {
        return Ok(false);
    }
    if kept == Kept::default() {
        conn.prepare_cached("DELETE FROM marks WHERE item = ?1")?.execute([item])?;
    } else {
        let bytes = rmp_serde::to_vec_named(&kept).map_err(unstorable)?;
        let sql = "INSERT OR REPLACE INTO marks(item, kept) VALUES (?1, ?2)";
        conn.prepare_cached(sql)?.execute(params![item, bytes])?;
    }
    Ok(true)
}
