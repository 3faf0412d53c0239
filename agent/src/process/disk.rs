//! Owns the question of whether a model's files fit before they are fetched.
//! Must not know where engines keep models, or how large a model is.

use nix::sys::statvfs::{Statvfs, statvfs};
use std::path::{Path, PathBuf};

/// Kept free beside the files: engines write caches, the agent its log.
const SPARE_BYTES: u64 = 2 << 30;

/// Files that do not fit, as a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "The model's files need {:.1} GiB more in {} (and {:.0} GiB to spare), but {:.1} GiB are free. Free some, or name a \
     folder on another disk.",
    gib(*missing_bytes), folder.display(), gib(SPARE_BYTES), gib(*free_bytes)
)]
pub struct TooLittleRoom {
    /// Where they would go.
    folder: PathBuf,
    /// What is still to be fetched.
    missing_bytes: u64,
    /// Free for this user.
    free_bytes: u64,
}

/// Sees whether files of this size fit into a folder that is there or will be made, and holds a part of them. A file
/// system that cannot be asked is believed to have room.
///
/// # Errors
/// [`TooLittleRoom`] where they do not.
pub fn room(folder: &Path, expected_bytes: u64, present_bytes: u64) -> Result<(), TooLittleRoom> {
    let existing = folder.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/"));
    let free = |stat: Statvfs| stat.blocks_available() * stat.fragment_size();
    let free_bytes = statvfs(existing).map_or(u64::MAX, free);
    fits(folder, free_bytes, expected_bytes.saturating_sub(present_bytes))
}

fn fits(folder: &Path, free_bytes: u64, missing_bytes: u64) -> Result<(), TooLittleRoom> {
    if missing_bytes == 0 || free_bytes >= missing_bytes.saturating_add(SPARE_BYTES) {
        return Ok(());
    }
    Err(TooLittleRoom { folder: folder.to_owned(), missing_bytes, free_bytes })
}

fn gib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 30)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn what_is_missing_must_fit_with_something_to_spare() {
        let check = |free: u64, missing: u64, expect: bool| {
            assert_eq!(fits(Path::new("/models"), free, missing).is_ok(), expect, "{free} {missing}");
        };
        check(20 * GIB, 13 * GIB, true);
        check(14 * GIB, 13 * GIB, false);
        check(15 * GIB, 13 * GIB, true);
        // Everything is there: nothing is fetched, however full the disk.
        check(0, 0, true);
        check(0, u64::MAX, false);
        check(u64::MAX, u64::MAX, true);
    }

    #[test]
    fn the_sentence_names_folder_and_figures() {
        let said = fits(Path::new("/models"), GIB, 13 * GIB).unwrap_err().to_string();
        assert!(said.contains("need 13.0 GiB more in /models") && said.contains("1.0 GiB are free"), "{said}");
    }

    #[test]
    fn a_folder_that_is_to_be_made_counts_as_where_it_will_be() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("not/yet/there");
        assert_eq!(room(&folder, 5, 5), Ok(()));
        assert!(room(&folder, u64::MAX, 5).is_err());
    }
}
