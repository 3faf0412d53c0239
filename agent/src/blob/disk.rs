//! Owns what blobs take on the disk, by run, and removing those of runs that are gone for good.
//! Must not know which runs those are.

use super::{BlobStore, ENDING};
use nix::sys::statvfs::statvfs;
use shared::ids::RunId;
use std::collections::BTreeMap;
use std::fs::DirEntry;

/// The run that a file is of; nothing for a file that this store did not name.
fn run_of(entry: &DirEntry) -> Option<RunId> {
    let name = entry.file_name().into_string().ok()?;
    let (run, _) = name.strip_suffix(ENDING)?.split_once('-')?;
    RunId::try_from(run.to_owned()).ok()
}

impl BlobStore {
    /// Bytes of each run's blobs. Blocks on the disk.
    ///
    /// # Errors
    /// Where the directory cannot be read.
    pub fn sizes(&self) -> std::io::Result<BTreeMap<RunId, u64>> {
        let mut sizes = BTreeMap::new();
        for entry in std::fs::read_dir(&self.dir)? {
            let entry = entry?;
            if let Some(run) = run_of(&entry) {
                *sizes.entry(run).or_default() += entry.metadata()?.len();
            }
        }
        Ok(sizes)
    }

    /// Removes the blobs of runs that are gone, and gives their bytes. Blocks on the disk.
    ///
    /// # Errors
    /// Where the directory cannot be read or a file not be removed; the next time goes on.
    pub fn remove_of(&self, is_gone: impl Fn(&RunId) -> bool) -> std::io::Result<u64> {
        let mut bytes = 0;
        for entry in std::fs::read_dir(&self.dir)? {
            let entry = entry?;
            if run_of(&entry).is_some_and(|run| is_gone(&run)) {
                let of_file = entry.metadata()?.len();
                std::fs::remove_file(entry.path())?;
                bytes += of_file;
            }
        }
        Ok(bytes)
    }

    /// Bytes that are free on the disk of the blobs, where the system tells.
    #[must_use]
    pub fn free_bytes(&self) -> Option<u64> {
        let told = statvfs(&self.dir).ok()?;
        Some(told.blocks_available() * told.fragment_size())
    }
}
