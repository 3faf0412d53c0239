//! Owns the question of whether a model's files fit before they are fetched.
//! Must not know where engines keep models, or how large a model is.

use nix::sys::statvfs::statvfs;
use std::io;
use std::path::Path;

/// Kept free beside the files: engines write caches, the agent its log.
const SPARE_BYTES: u64 = 2 << 30;

/// What is known of a download that is about to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Room {
    /// It fits.
    Enough,
    /// Its size is unknown; what is free, bytes.
    Unknown {
        /// Free for this user.
        free_bytes: u64,
    },
    /// It does not fit, as a sentence.
    TooLittle(String),
}

/// Bytes that are free for this user where a folder is, or will be made.
///
/// # Errors
/// Where the file system cannot be asked.
pub fn free_bytes(folder: &Path) -> io::Result<u64> {
    let existing = folder.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/"));
    let stat = statvfs(existing)?;
    Ok(stat.blocks_available() * stat.fragment_size())
}

/// Whether files of a size that is perhaps known fit into a folder, of which some are perhaps there already.
#[must_use]
pub fn room(folder: &Path, free_bytes: u64, expected_bytes: Option<u64>, present_bytes: u64) -> Room {
    let Some(expected_bytes) = expected_bytes else { return Room::Unknown { free_bytes } };
    let missing_bytes = expected_bytes.saturating_sub(present_bytes);
    if missing_bytes == 0 || free_bytes >= missing_bytes.saturating_add(SPARE_BYTES) {
        return Room::Enough;
    }
    let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
    Room::TooLittle(format!(
        "The model's files need {:.1} GiB in {} (and {:.0} GiB to spare), but {:.1} GiB are free. Free some, or name a \
         folder on another disk.",
        gib(missing_bytes),
        folder.display(),
        gib(SPARE_BYTES),
        gib(free_bytes),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn check(free: u64, expected: Option<u64>, present: u64, expect: Option<bool>) {
        let fits = match room(Path::new("/models"), free, expected, present) {
            Room::Enough => Some(true),
            Room::TooLittle(_) => Some(false),
            Room::Unknown { free_bytes } => {
                assert_eq!(free_bytes, free);
                None
            }
        };
        assert_eq!(fits, expect, "{free} {expected:?} {present}");
    }

    #[test]
    fn what_is_missing_must_fit_with_something_to_spare() {
        check(20 * GIB, Some(13 * GIB), 0, Some(true));
        check(14 * GIB, Some(13 * GIB), 0, Some(false));
        check(14 * GIB, Some(13 * GIB), 2 * GIB, Some(true));
        // Everything is there: nothing is fetched, however full the disk.
        check(0, Some(13 * GIB), 13 * GIB, Some(true));
        check(0, Some(u64::MAX), 0, Some(false));
        check(5 * GIB, None, 0, None);
    }

    #[test]
    fn the_sentence_names_folder_and_figures() {
        let Room::TooLittle(sentence) = room(Path::new("/models"), GIB, Some(13 * GIB), 0) else { panic!() };
        assert!(sentence.contains("need 13.0 GiB in /models") && sentence.contains("1.0 GiB are free"), "{sentence}");
    }

    #[test]
    fn a_folder_that_is_to_be_made_counts_as_where_it_will_be() {
        let dir = tempfile::tempdir().unwrap();
        assert!(free_bytes(&dir.path().join("not/yet/there")).unwrap() > 0);
    }
}
