//! Owns what the bench asks of the operating system: cores, open files, CPU time, peak memory, its description.
//! Must not know what is measured.

use crate::cores;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use std::io;

/// A core for the reader and one for the server, where there are two: of different physical cores if possible, since
/// two that share one slow each other down.
pub(super) fn two_cores() -> io::Result<Option<(usize, usize)>> {
    let cores = cores::allowed()?;
    let Some((first, others)) = cores.split_first() else { return Ok(None) };
    let siblings = siblings(*first);
    let apart = others.iter().find(|core| !siblings.contains(core));
    Ok(apart.or(others.first()).map(|second| (*first, *second)))
}

/// Cores that share a physical core with this one, itself included; none where the system does not say.
fn siblings(core: usize) -> Vec<usize> {
    let path = format!("/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list");
    listed(&std::fs::read_to_string(path).unwrap_or_default())
}

/// The numbers of a list such as "0-3,8".
fn listed(text: &str) -> Vec<usize> {
    let range = |part: &str| {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        Some(from.parse::<usize>().ok()?..=to.parse().ok()?)
    };
    text.trim().split(',').filter_map(range).flatten().collect()
}

/// CPU time that this process has used, user and system, ns.
pub(super) fn cpu_ns() -> io::Result<u64> {
    used_ns(UsageWho::RUSAGE_SELF)
}

/// CPU time of the children that this process has waited for, and of those that they had waited for, ns.
pub(super) fn children_cpu_ns() -> io::Result<u64> {
    used_ns(UsageWho::RUSAGE_CHILDREN)
}

fn used_ns(who: UsageWho) -> io::Result<u64> {
    let usage = getrusage(who)?;
    let us = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Ok(us.unsigned_abs() * 1000)
}

/// Most memory that this process has held so far, bytes; absent where the system does not say.
pub(super) fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()? * 1024)
}

/// Processes that ran or waited to, on average over the last minute, where the system says.
pub(super) fn load_average() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

/// The processor's name, where the system says.
pub(super) fn cpu_model() -> Option<String> {
    let info = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = info.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The kernel's release, where the system says.
pub(super) fn kernel() -> Option<String> {
    Some(std::fs::read_to_string("/proc/sys/kernel/osrelease").ok()?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_cores() {
        let check = |text: &str, expect: &[usize]| assert_eq!(listed(text), expect, "{text:?}");
        check("0-1\n", &[0, 1]);
        check("0,8", &[0, 8]);
        check("2-3,6", &[2, 3, 6]);
        check("", &[]);
    }
}
