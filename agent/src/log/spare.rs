//! Owns a little of the disk that is held back, so that the end of a run can be stored when the disk is full.
//! Must not know what is stored.

use rand::RngCore;
use std::path::{Path, PathBuf};

/// Room for many a last event with its row and snapshot.
const MOST_BYTES: usize = 1 << 20;
/// Room for one.
const LEAST_BYTES: usize = 64 << 10;

/// The room, as a file.
#[derive(Debug)]
pub(super) struct Spare {
    path: PathBuf,
    held: bool,
}

impl Spare {
    /// The room beside a log; not held yet.
    pub(super) fn beside(log: &Path) -> Self {
        Self { path: log.with_extension("spare"), held: false }
    }

    /// Takes the room where it is not held, or as much of it as there is; false where there is none.
    pub(super) fn hold(&mut self) -> bool {
        if !self.held {
            let left = std::fs::metadata(&self.path).is_ok_and(|file| file.len() >= LEAST_BYTES as u64);
            self.held = left || self.take();
        }
        self.held
    }

    fn take(&self) -> bool {
        let mut bytes = vec![0; MOST_BYTES];
        // A file system that compresses would hold nothing back for zeros.
        rand::rng().fill_bytes(&mut bytes);
        while bytes.len() >= LEAST_BYTES {
            if std::fs::write(&self.path, &bytes).is_ok() {
                return true;
            }
            bytes.truncate(bytes.len() / 2);
        }
        self.remove();
        false
    }

    /// Gives the room up; false where it was not held.
    pub(super) fn give_up(&mut self) -> bool {
        std::mem::take(&mut self.held) && self.remove()
    }

    fn remove(&self) -> bool {
        std::fs::remove_file(&self.path).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_room_is_held_once_and_given_up_once() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log.sqlite");
        let mut spare = Spare::beside(&log);
        assert!(!spare.give_up(), "nothing is held at first");
        assert!(spare.hold() && spare.hold());
        assert_eq!(std::fs::metadata(dir.path().join("log.spare")).unwrap().len(), MOST_BYTES as u64);
        // What an earlier agent left is as good.
        assert!(Spare::beside(&log).hold());
        assert!(spare.give_up() && !spare.give_up());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn no_room_is_no_room() {
        assert!(!Spare::beside(Path::new("/nonexistent/log.sqlite")).hold());
    }
}
