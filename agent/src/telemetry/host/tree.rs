//! Owns which processes descend from this agent, as engines that it starts do.
//! Must not know what they are.

use procfs::process::{Stat, all_processes};
use std::collections::{BTreeMap, BTreeSet};

/// The processes of this host at one time.
#[derive(Default)]
pub struct Tree {
    names: BTreeMap<u32, String>,
    ours: BTreeSet<u32>,
    /// The agent and what descends from it.
    pub(super) stats: Vec<Stat>,
}

impl Tree {
    /// As they are now. One that ends while it is looked at is not there.
    #[must_use]
    pub fn of_this_agent() -> Self {
        let stats: Vec<Stat> =
            all_processes().into_iter().flatten().filter_map(|process| process.ok()?.stat().ok()).collect();
        let ids = |stat: &Stat| (stat.pid.cast_unsigned(), stat.ppid.cast_unsigned());
        let mut tree = Self::of(stats.iter().map(|stat| {
            let (pid, parent) = ids(stat);
            (pid, parent, stat.comm.as_str())
        }));
        let of_agent = |pid: u32| pid == std::process::id() || tree.ours.contains(&pid);
        tree.stats = stats.into_iter().filter(|stat| of_agent(ids(stat).0)).collect();
        tree
    }

    /// Of each process its id, its parent's, and its name.
    #[must_use]
    pub fn of<'a>(processes: impl IntoIterator<Item = (u32, u32, &'a str)>) -> Self {
        let (mut names, mut children) = (BTreeMap::new(), BTreeMap::<u32, Vec<u32>>::new());
        for (pid, parent, name) in processes {
            names.insert(pid, name.to_owned());
            children.entry(parent).or_default().push(pid);
        }
        let (mut ours, mut parents) = (BTreeSet::new(), vec![std::process::id()]);
        while let Some(parent) = parents.pop() {
            let below = children.get(&parent).into_iter().flatten().copied();
            parents.extend(below.filter(|pid| ours.insert(*pid)));
        }
        Self { names, ours, stats: Vec::new() }
    }

    /// The name of a process, where this host has it.
    #[must_use]
    pub fn name_of(&self, pid: u32) -> Option<String> {
        self.names.get(&pid).cloned()
    }

    /// Whether it descends from this agent.
    #[must_use]
    pub fn is_ours(&self, pid: u32) -> bool {
        self.ours.contains(&pid)
    }
}
