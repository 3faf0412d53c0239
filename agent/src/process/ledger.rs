//! Owns the list of engines that live or may live, on disk, so that an agent that was killed can end its own leftovers.
//! Must not know how an engine is watched while its agent lives.

use super::docker::Container;
use super::error::ProcessError;
use super::kill;
use super::kin::{Identity, Kin, boot_id};
use crate::files::{folder_of, sync_folder};
use serde::{Deserialize, Serialize};
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Name of the file with this ledger's own name.
const OWNER: &str = "owner";
/// How long the killed may take to vanish.
const REAP_LIMIT: Duration = Duration::from_secs(10);

/// The ledger of one data directory: a folder with a file for each engine, so that to strike one off needs no room on
/// a full disk. Cloning gives another handle. The data directory's lock sees to it that only one agent writes here.
#[derive(Clone, Debug)]
pub struct Ledger {
    folder: Arc<Path>,
    owner: Arc<str>,
}

/// One engine, as it stands in the ledger before its program runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The boot in which its ids mean something.
    pub boot: String,
    /// Its processes.
    pub kin: Kin,
    /// The process that watches it.
    pub supervisor: Identity,
    /// Its container, where it runs in one.
    pub container: Option<Container>,
    /// What it is, for people.
    pub program: String,
}

/// What an earlier agent left and this one ended, as a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reaped(pub String);

impl Ledger {
    /// Opens the ledger of a data directory whose lock the caller holds, makes it where there is none, and ends what an
    /// earlier agent left: the processes and containers that stand in it, and nobody else's. Blocks while they die.
    ///
    /// # Errors
    /// [`ProcessError::Ledger`] where it cannot be read or made.
    pub fn open(data_dir: &Path) -> Result<(Self, Vec<Reaped>), ProcessError> {
        let folder = data_dir.join("engines");
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.map_err(ProcessError::ledger(&folder, "made"))?;
        let owner = owner(&folder)?;
        let ledger = Self { folder: folder.into(), owner: owner.into() };
        let reaped = ledger.reap()?;
        Ok((ledger, reaped))
    }

    /// What tells this data directory's containers from another's.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// Writes an entry; it is on the disk when this returns.
    pub(super) fn add(&self, entry: &Entry) -> Result<(), ProcessError> {
        let path = self.path(entry);
        let text = serde_json::to_vec_pretty(entry).map_err(io::Error::other);
        text.and_then(|text| write_whole(&path, &text)).map_err(ProcessError::ledger(&path, "written"))
    }

    /// Strikes an entry off: nothing of it is left.
    pub(super) fn strike(&self, entry: &Entry) {
        let path = self.path(entry);
        if let Err(error) = std::fs::remove_file(&path).and_then(|()| sync_folder(&self.folder))
            && error.kind() != io::ErrorKind::NotFound
        {
            // The next start finds its processes dead and strikes it off then.
            tracing::warn!(%error, path = %path.display(), "an engine that ended could not be struck off");
        }
    }

    /// Every entry, oldest first.
    pub(super) fn entries(&self) -> Result<Vec<Entry>, ProcessError> {
        let bad = || ProcessError::ledger(&self.folder, "read");
        let mut entries = Vec::new();
        for file in std::fs::read_dir(&self.folder).map_err(bad())? {
            let path = file.map_err(bad())?.path();
            if path.extension().is_none_or(|ending| ending != "json") {
                continue;
            }
            match std::fs::read(&path).and_then(|text| Ok(serde_json::from_slice::<Entry>(&text)?)) {
                Ok(entry) => entries.push(entry),
                // Written whole or not at all, so it is not ours. Whom it names is not known, and nobody is killed.
                Err(error) => tracing::warn!(%error, path = %path.display(), "not an engine's entry; left alone"),
            }
        }
        entries.sort_unstable_by_key(|entry| entry.kin.leader.start);
        Ok(entries)
    }

    fn reap(&self) -> Result<Vec<Reaped>, ProcessError> {
        let boot = boot_id().map_err(ProcessError::ledger(Path::new("/proc"), "read"))?;
        let mut reaped = Vec::new();
        for entry in self.entries()? {
            let (was_there, gone) = end(&entry, &boot, REAP_LIMIT);
            if gone {
                self.strike(&entry);
            }
            if was_there {
                let what = format!("{} (process {})", entry.program, entry.kin.leader.pid);
                reaped.push(Reaped(if gone {
                    format!("An engine that an earlier agent left was ended: {what}.")
                } else {
                    format!("An engine that an earlier agent left could not be ended: {what}. The log says why.")
                }));
            }
        }
        Ok(reaped)
    }

    fn path(&self, entry: &Entry) -> PathBuf {
        self.folder.join(format!("{}-{}.json", entry.kin.leader.pid, entry.kin.leader.start))
    }
}

/// Ends an entry's processes and container; whether there were any, and whether all are gone.
pub(super) fn end(entry: &Entry, boot: &str, limit: Duration) -> (bool, bool) {
    let begun = Instant::now();
    let (mut was_there, mut gone) = (false, true);
    // After another boot these ids are other processes'; a container may have been started again by docker.
    if entry.boot == boot {
        was_there = !entry.kin.members(None).is_empty();
        gone = kill::sweep(&entry.kin, limit).is_empty();
        // It ends by itself when nobody is left whom it watches, unless somebody has stopped it.
        while entry.supervisor.is_alive() {
            if begun.elapsed() >= limit / 2 {
                kill::kill_one(entry.supervisor);
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    if let Some(container) = &entry.container {
        match container.remove() {
            Ok(removed) => was_there |= removed,
            Err(error) => {
                tracing::warn!(%error, container = container.name, "a container may be left");
                gone = false;
            }
        }
    }
    (was_there, gone)
}

/// The ledger's own name; chosen when it is made.
fn owner(folder: &Path) -> Result<String, ProcessError> {
    let path = folder.join(OWNER);
    match std::fs::read_to_string(&path) {
        Ok(owner) if !owner.trim().is_empty() => Ok(owner.trim().to_owned()),
        Ok(_) => new_owner(&path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => new_owner(&path),
        Err(error) => Err(ProcessError::ledger(&path, "read")(error)),
    }
}

fn new_owner(path: &Path) -> Result<String, ProcessError> {
    let owner = format!("{:032x}", rand::random::<u128>());
    write_whole(path, owner.as_bytes()).map_err(ProcessError::ledger(path, "written"))?;
    Ok(owner)
}

/// A file with this content, whole or not at all, on the disk when this returns.
fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(&unfinished, path)?;
    sync_folder(folder_of(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command};

    struct Stranger(Child);

    impl Stranger {
        fn start() -> Self {
            Self(Command::new("sleep").arg("1000").spawn().unwrap())
        }

        fn identity(&self) -> Identity {
            Identity::of(self.0.id().cast_signed()).unwrap()
        }
    }

    impl Drop for Stranger {
        fn drop(&mut self) {
            self.0.kill().unwrap();
            self.0.wait().unwrap();
        }
    }

    fn entry(leader: Identity) -> Entry {
        let supervisor = Identity { pid: i32::MAX, start: 1 };
        let kin = Kin { leader, mark: "nobody-has-this-mark".into() };
        Entry { boot: boot_id().unwrap(), kin, supervisor, container: None, program: "sleep".into() }
    }

    #[test]
    fn entries_survive_the_agent_and_go_when_struck_off() {
        let dir = tempfile::tempdir().unwrap();
        let (ledger, reaped) = Ledger::open(dir.path()).unwrap();
        assert_eq!(reaped, []);
        let entry = entry(Identity { pid: i32::MAX, start: 7 });
        ledger.add(&entry).unwrap();
        assert_eq!(ledger.entries().unwrap(), std::slice::from_ref(&entry));
        ledger.strike(&entry);
        assert_eq!(ledger.entries().unwrap(), []);
        let (again, _) = Ledger::open(dir.path()).unwrap();
        assert_eq!(again.owner(), ledger.owner());
    }

    #[test]
    fn the_dead_are_struck_off_without_a_word() {
        let dir = tempfile::tempdir().unwrap();
        let (ledger, _) = Ledger::open(dir.path()).unwrap();
        ledger.add(&entry(Identity { pid: i32::MAX, start: 7 })).unwrap();
        let (ledger, reaped) = Ledger::open(dir.path()).unwrap();
        assert_eq!((reaped, ledger.entries().unwrap()), (vec![], vec![]));
    }

    #[test]
    fn a_stranger_with_a_leftovers_id_is_untouched() {
        let dir = tempfile::tempdir().unwrap();
        let (ledger, _) = Ledger::open(dir.path()).unwrap();
        let stranger = Stranger::start();
        let identity = stranger.identity();
        // The same id and name, of a process that started earlier.
        ledger.add(&entry(Identity { start: identity.start - 1, ..identity })).unwrap();
        // The very same process by its numbers, in another boot.
        ledger.add(&Entry { boot: "another".into(), ..entry(identity) }).unwrap();
        // A supervisor's entry that is not its either.
        let as_supervisor = Identity { start: identity.start - 1, ..identity };
        let dead = Identity { pid: i32::MAX, start: 9 };
        ledger.add(&Entry { supervisor: as_supervisor, ..entry(dead) }).unwrap();
        let (ledger, reaped) = Ledger::open(dir.path()).unwrap();
        assert_eq!((reaped, ledger.entries().unwrap()), (vec![], vec![]));
        assert!(identity.is_alive());
    }

    #[test]
    fn a_file_that_is_no_entry_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (_, _) = Ledger::open(dir.path()).unwrap();
        let odd = dir.path().join("engines/1-1.json");
        std::fs::write(&odd, "{\"boot\":").unwrap();
        Ledger::open(dir.path()).unwrap();
        assert!(odd.exists());
    }
}
