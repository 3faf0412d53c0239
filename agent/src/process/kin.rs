//! Owns who belongs to an engine: which processes of this host, told apart from strangers that look alike.
//! Must not know why somebody asks.

use procfs::process::{Process, Stat};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::ffi::OsStrExt;

/// Name of the variable that every process of an engine inherits, with the engine's mark as value.
pub(super) const MARK: &str = "TOKENPRISM_CHILD";

/// A process, told apart from a later one with the same id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Identity {
    /// Its id.
    pub pid: i32,
    /// When it started, in the kernel's ticks since boot.
    pub start: u64,
}

impl Identity {
    /// The process that has this id now; nothing where none has, or only a dead one that nobody has reaped.
    #[must_use]
    pub fn of(pid: i32) -> Option<Self> {
        let stat = Process::new(pid).ok()?.stat().ok()?;
        is_alive(&stat).then_some(Self { pid, start: stat.starttime })
    }

    /// Whether this very process still runs.
    #[must_use]
    pub fn is_alive(self) -> bool {
        Self::of(self.pid) == Some(self)
    }
}

/// What tells this boot of the host from others; ids and start times mean nothing beyond it.
pub(super) fn boot_id() -> std::io::Result<String> {
    Ok(std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// How the processes of one engine are recognised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kin {
    /// The engine's first process, which leads its session and group.
    pub leader: Identity,
    /// The value of [`MARK`] in their environment.
    pub mark: String,
}

impl Kin {
    /// Everybody who belongs, alive. The leader is among them while it lives.
    ///
    /// `supervisor` is the process that adopts orphans of the engine, where it lives: whoever descends from it
    /// belongs. Without it, whoever carries the mark does. The session's members belong in any case.
    pub(super) fn members(&self, supervisor: Option<i32>) -> Vec<Identity> {
        let all = snapshot();
        // The id of a session is not given to anybody else while the session has a member. So where the leader's id is
        // another process's by now, nobody is left in the session of that time.
        let recycled = all.get(&self.leader.pid).is_some_and(|stat| stat.starttime != self.leader.start);
        let in_session = |stat: &Stat| !recycled && stat.session == self.leader.pid;
        let descend = supervisor.map(|supervisor| descendants(&all, supervisor));
        let belongs = |stat: &&Stat| match &descend {
            Some(descend) if descend.contains(&stat.pid) => true,
            Some(_) if !in_session(stat) => false,
            // In a session, who overwrote its environment, as programs do that set their title, is not turned away.
            _ => mark_of(stat.pid).map_or_else(|| in_session(stat), |mark| mark == self.mark),
        };
        let candidates = all.values().filter(|stat| stat.starttime >= self.leader.start && is_alive(stat));
        candidates.filter(belongs).map(|stat| Identity { pid: stat.pid, start: stat.starttime }).collect()
    }
}

/// The mark that a process carries: empty where its environment has none, absent where that cannot be told.
fn mark_of(pid: i32) -> Option<String> {
    let environment = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
    if environment.iter().all(|byte| *byte == 0) {
        return None;
    }
    let prefix = format!("{MARK}=");
    let value = environment.split(|byte| *byte == 0).find_map(|pair| pair.strip_prefix(prefix.as_bytes()));
    Some(value.map(|value| String::from_utf8_lossy(value).into_owned()).unwrap_or_default())
}

fn is_alive(stat: &Stat) -> bool {
    !matches!(stat.state, 'Z' | 'X' | 'x')
}

/// Every process now, by id. One that ends while it is looked at is not there.
fn snapshot() -> BTreeMap<i32, Stat> {
    let processes = procfs::process::all_processes().into_iter().flatten();
    processes.filter_map(|process| process.ok()?.stat().ok()).map(|stat| (stat.pid, stat)).collect()
}

fn descendants(all: &BTreeMap<i32, Stat>, root: i32) -> BTreeSet<i32> {
    let mut found = BTreeSet::new();
    let mut parents = vec![root];
    while let Some(parent) = parents.pop() {
        let children = all.values().filter(|stat| stat.ppid == parent).map(|stat| stat.pid);
        parents.extend(children.filter(|pid| found.insert(*pid)));
    }
    found
}

/// The name of a process, as far as it may be read.
pub(super) fn name_of(pid: i32) -> Option<String> {
    let process = Process::new(pid).ok()?;
    let program = process.cmdline().ok().and_then(|args| args.into_iter().next()).filter(|name| !name.is_empty());
    let program = program.or_else(|| process.stat().ok().map(|stat| stat.comm))?;
    let name = std::path::Path::new(&program).file_name().map_or(program.as_bytes(), |name| name.as_bytes());
    Some(String::from_utf8_lossy(name).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command, Stdio};

    struct Sleeper(Child);

    impl Sleeper {
        /// A process in our own session, with or without a mark.
        fn start(mark: Option<&str>) -> Self {
            let mut command = Command::new("sleep");
            command.arg("1000").stdin(Stdio::null()).env_remove(MARK);
            if let Some(mark) = mark {
                command.env(MARK, mark);
            }
            let child = command.spawn().unwrap();
            // Its environment is the new program's only once that runs.
            while name_of(child.id().cast_signed()).is_none_or(|name| name != "sleep") {
                std::thread::yield_now();
            }
            Self(child)
        }

        fn identity(&self) -> Identity {
            Identity::of(self.0.id().cast_signed()).unwrap()
        }
    }

    impl Drop for Sleeper {
        fn drop(&mut self) {
            self.0.kill().unwrap();
            self.0.wait().unwrap();
        }
    }

    #[test]
    fn a_process_is_itself_until_it_ends() {
        let mut sleeper = Sleeper::start(None);
        let identity = sleeper.identity();
        assert!(identity.is_alive());
        assert!(!Identity { start: identity.start + 1, ..identity }.is_alive());
        sleeper.0.kill().unwrap();
        while identity.is_alive() {
            std::thread::yield_now();
        }
        // Dead and not reaped yet: its id is still taken.
        assert_eq!(Identity::of(identity.pid), None);
    }

    #[test]
    fn a_mark_finds_its_own_and_nobody_else() {
        let mark = format!("mark-{}", std::process::id());
        let (ours, other, stranger) =
            (Sleeper::start(Some(&mark)), Sleeper::start(Some("another")), Sleeper::start(None));
        // The leader is long dead: its id is beyond what the kernel gives out.
        let leader = Identity { pid: i32::MAX, start: ours.identity().start };
        let kin = Kin { leader, mark };
        assert_eq!(kin.members(None), [ours.identity()]);
        drop((other, stranger));
    }

    #[test]
    fn a_session_whose_id_is_somebody_elses_by_now_has_no_members() {
        let stranger = Sleeper::start(None);
        // The stranger has the id of a leader that started before it.
        let identity = stranger.identity();
        let before = Identity { start: identity.start - 1, ..identity };
        assert_eq!(Kin { leader: before, mark: "m".into() }.members(None), []);
    }

    #[test]
    fn descendants_are_found_over_generations() {
        let stat = |pid: i32, parent: i32| {
            let mut stat = procfs::process::Process::myself().unwrap().stat().unwrap();
            (stat.pid, stat.ppid) = (pid, parent);
            (pid, stat)
        };
        let all = [stat(2, 1), stat(3, 2), stat(4, 3), stat(5, 1), stat(6, 5)].into_iter().collect();
        assert_eq!(descendants(&all, 2), BTreeSet::from([3, 4]));
        assert_eq!(descendants(&all, 6), BTreeSet::new());
    }
}
