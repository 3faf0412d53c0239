//! Owns the way from the kernel's running totals of CPU time to how busy cores and processes were in between.
//! Must not know who asks.

use super::tree::Tree;
use procfs::process::Stat;
use procfs::{CpuTime, KernelStats, ProcResult, page_size, ticks_per_second};
use shared::telemetry::{Field, Look, ProcessUse};
use shared::units::NS_PER_S;
use std::collections::BTreeMap;

/// How busy cores were since the look before.
#[derive(Default)]
pub(super) struct Busy {
    /// All cores together, then each: ticks that were busy, and ticks.
    before: Vec<(u64, u64)>,
}

/// Thousandths.
pub(super) struct BusyShares {
    pub all: Field,
    pub most: Field,
    pub cores: Vec<u32>,
}

impl Busy {
    pub fn of(&mut self, stats: ProcResult<KernelStats>) -> BusyShares {
        let Ok(stats) = stats else {
            self.before.clear();
            let unreadable = Field::Failed(Field::UNREADABLE);
            return BusyShares { all: unreadable, most: unreadable, cores: vec![] };
        };
        let now: Vec<(u64, u64)> = std::iter::once(&stats.total).chain(&stats.cpu_time).map(ticks).collect();
        let before = std::mem::replace(&mut self.before, now);
        // A core that came or went moves the others' places.
        let shares: Vec<Option<u32>> = match before.len() == self.before.len() {
            true => before.iter().zip(&self.before).map(|(before, now)| share(*before, *now)).collect(),
            false => vec![],
        };
        let unknown = Field::Failed(Field::BEGAN_ANEW);
        let field = |share: Option<u32>| share.map_or(unknown, |share| Field::Value(share.into()));
        let (all, cores) = shares.split_first().map_or((None, &[][..]), |(all, cores)| (*all, cores));
        let cores: Vec<u32> = cores.iter().copied().collect::<Option<_>>().unwrap_or_default();
        BusyShares { all: field(all), most: field(cores.iter().max().copied()), cores }
    }
}

fn ticks(time: &CpuTime) -> (u64, u64) {
    let idle = time.idle + time.iowait.unwrap_or(0);
    let busy = time.user + time.nice + time.system + time.irq.unwrap_or(0) + time.softirq.unwrap_or(0);
    // What another guest took of this machine was not idle here.
    let busy = busy + time.steal.unwrap_or(0);
    (busy, busy + idle)
}

/// Absent where no tick has passed, or fewer than before are counted.
fn share(before: (u64, u64), now: (u64, u64)) -> Option<u32> {
    let (busy, all) = (now.0.checked_sub(before.0)?, now.1.checked_sub(before.1)?);
    u32::try_from((busy * 1000).checked_div(all)?.min(1000)).ok()
}

/// What the agent's processes used since the look before.
#[derive(Default)]
pub(super) struct Usage {
    before: Option<Before>,
}

/// The look before.
struct Before {
    /// When, ns of run time.
    at_ns: u64,
    /// CPU time of each process by its id and start, ns.
    cpu: BTreeMap<(i32, u64), u64>,
}

pub(super) struct Used {
    pub children_cpu: Field,
    pub children_memory: Field,
    pub agent_cpu: Field,
    pub processes: Vec<ProcessUse>,
}

impl Usage {
    pub fn of(&mut self, tree: &Tree, now_ns: u64) -> Used {
        let cpu = |stat: &Stat| (stat.utime + stat.stime) * (NS_PER_S / ticks_per_second());
        let now = tree.stats.iter().map(|stat| ((stat.pid, stat.starttime), cpu(stat))).collect();
        let before = self.before.replace(Before { at_ns: now_ns, cpu: now });
        // One that was not there began since, so that all of its time is new.
        let since = |stat: &Stat| {
            let before = &before.as_ref()?.cpu;
            Some(cpu(stat).saturating_sub(before.get(&(stat.pid, stat.starttime)).copied().unwrap_or(0)))
        };
        let elapsed = before.as_ref().map(|before| now_ns.saturating_sub(before.at_ns));
        let is_agent = |stat: &&Stat| stat.pid.cast_unsigned() == std::process::id();
        let unknown = Field::Failed(Field::BEGAN_ANEW);
        let children = || tree.stats.iter().filter(|stat| !is_agent(stat));
        let memory = |stat: &Stat| stat.rss * page_size();
        let process = |stat: &Stat| ProcessUse {
            pid: stat.pid.cast_unsigned(),
            name: Some(stat.comm.clone()),
            is_ours: !is_agent(&stat),
            memory_bytes: Some(memory(stat)),
            busy: since(stat).and_then(|ns| u32::try_from((ns * 1000).checked_div(elapsed?)?).ok()),
        };
        let mut processes: Vec<ProcessUse> = tree.stats.iter().map(process).collect();
        processes.sort_by_key(|process| std::cmp::Reverse((process.busy, process.memory_bytes)));
        processes.truncate(Look::MAX_PROCESSES);
        let has_children = children().next().is_some();
        // Of an engine that somebody else started there is nothing to add up.
        let of_children = |sum: Option<u64>| match sum {
            _ if !has_children => Field::NotSupported,
            Some(sum) => Field::Value(sum),
            None => unknown,
        };
        Used {
            children_cpu: of_children(children().map(since).sum()),
            children_memory: of_children(Some(children().map(memory).sum())),
            agent_cpu: tree.stats.iter().find(is_agent).and_then(since).map_or(unknown, Field::Value),
            processes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_the_time_that_passed() {
        let check = |before, now, expect| assert_eq!(share(before, now), expect, "{before:?} {now:?}");
        check((100, 1000), (150, 1100), Some(500));
        check((100, 1000), (200, 1100), Some(1000));
        check((100, 1000), (100, 1100), Some(0));
        check((100, 1000), (100, 1000), None);
        check((100, 1000), (90, 1100), None);
    }
}
