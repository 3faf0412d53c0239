//! Owns the first part of a backup: what else is in it.
//! Must not know how it is written or read.

use serde::{Deserialize, Serialize};

/// Version of the form; a reader refuses a greater one.
pub(super) const VERSION: u32 = 1;
/// The name under which it stands.
pub(super) const NAME: &str = "manifest.json";
/// Longest manifest, bytes.
pub(super) const MAX_BYTES: u64 = 256 << 20;
/// The log's name.
pub(super) const LOG: &str = "log.sqlite";
/// The prices that somebody set.
pub(super) const PRICES: &str = "prices.toml";
/// Begins the names of records.
pub(super) const BLOBS: &str = "blobs/";

/// What a backup holds, in the order in which it stands there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`VERSION`].
    pub tokenprism_backup: u32,
    /// The version that wrote it.
    pub agent_version: String,
    /// When, Unix ms.
    pub made_unix_ms: u64,
    /// The files.
    pub files: Vec<FileEntry>,
    /// Records that events name and that were not on the disk any more.
    pub missing: Vec<String>,
}

/// A file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Its name, which is its place in the data directory.
    pub name: String,
    /// Its length, bytes.
    pub bytes: u64,
    /// SHA-256 of it, hexadecimal.
    pub sha256: String,
}

impl FileEntry {
    /// True for the names that a backup has: nothing that leads elsewhere.
    pub(super) fn is_plain(&self) -> bool {
        let letters = |c: u8| c.is_ascii_digit() || c.is_ascii_lowercase() || c == b'-' || c == b'.';
        match self.name.strip_prefix(BLOBS) {
            Some(blob) => blob.starts_with('r') && blob.len() < 100 && blob.bytes().all(letters),
            None => [LOG, PRICES].contains(&self.name.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_nowhere_else() {
        let check = |name: &str, expect: bool| {
            let entry = FileEntry { name: name.to_owned(), bytes: 0, sha256: String::new() };
            assert_eq!(entry.is_plain(), expect, "{name}");
        };
        check("log.sqlite", true);
        check("prices.toml", true);
        check("blobs/r00000000000100000001-t0-a0.rmp.zst", true);
        for name in ["", "agent.json", "../log.sqlite", "/log.sqlite", "blobs/", "blobs/../x", "blobs/r/x", "blobs/rX"]
        {
            check(name, false);
        }
    }
}
