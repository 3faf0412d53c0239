//! Owns how much CPU time a group of processes had used at which moment.
//! Must not know what the processes do.

use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use std::io;

/// What the kernel counts CPU time of processes in: USER_HZ is 100 on every machine that this program is built for.
const TICK_NS: u64 = 10_000_000;

/// CPU time used until a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CpuSample {
    /// The moment, ns of `CLOCK_MONOTONIC`.
    pub at_ns: u64,
    /// User and system time of all processes until then, ns.
    pub cpu_ns: u64,
}

/// CPU time over time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct CpuCurve {
    samples: Vec<CpuSample>,
}

impl CpuCurve {
    /// A curve through samples in the order of time.
    pub fn new(samples: Vec<CpuSample>) -> Self {
        Self { samples }
    }

    /// CPU time between two moments, ns; absent where the samples do not reach both.
    pub fn between(&self, from_ns: u64, to_ns: u64) -> Option<u64> {
        self.at(to_ns)?.checked_sub(self.at(from_ns)?)
    }

    /// On the straight line between the samples on either side.
    fn at(&self, at_ns: u64) -> Option<u64> {
        let pair = self.samples.windows(2).find(|pair| pair[0].at_ns <= at_ns && at_ns <= pair[1].at_ns)?;
        let (from, to) = (pair[0], pair[1]);
        let width_ns = (to.at_ns - from.at_ns).max(1);
        let share = (at_ns - from.at_ns) as f64 / width_ns as f64;
        Some(from.cpu_ns + (to.cpu_ns.saturating_sub(from.cpu_ns) as f64 * share) as u64)
    }
}

/// CPU time so far of the processes of a group and of those of their children that they have waited for, ns; without
/// one process, which is the one that asks.
pub(super) fn group_cpu_ns(group: Pid, without: Pid) -> io::Result<u64> {
    let mut ticks = 0;
    for entry in std::fs::read_dir("/proc")? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        // A process that ends between the two calls has no more to say.
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        match group_and_ticks(&stat) {
            Some((of, used)) if of == group.as_raw() && pid != without.as_raw() => ticks += used,
            _ => {}
        }
    }
    Ok(ticks * TICK_NS)
}

/// Process group and CPU ticks, those of waited-for children included, of a line of `/proc/PID/stat`.
fn group_and_ticks(stat: &str) -> Option<(i32, u64)> {
    // The name, in brackets, may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let ticks = fields.get(11..15)?.iter().map(|field| field.parse::<u64>()).sum::<Result<u64, _>>().ok()?;
    Some((fields.get(2)?.parse().ok()?, ticks))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_kernel() {
        let line = "4711 (a) b (c) S 4700 4690 4690 0 -1 4194560 9 8 7 6 100 20 3 4 20 0 7 0 123 0 0\n";
        assert_eq!(group_and_ticks(line), Some((4690, 127)));
        assert_eq!(group_and_ticks(""), None);
    }

    #[test]
    fn between_samples_time_runs_evenly() {
        let curve =
            CpuCurve::new([(0, 0), (100, 50), (200, 150)].map(|(at_ns, cpu_ns)| CpuSample { at_ns, cpu_ns }).to_vec());
        let check = |from, to, expect| assert_eq!(curve.between(from, to), expect, "{from} to {to}");
        check(0, 200, Some(150));
        check(50, 150, Some(75));
        check(100, 100, Some(0));
        check(100, 201, None);
        assert_eq!(CpuCurve::default().between(0, 1), None);
    }

    #[test]
    fn this_group_has_used_some_time_and_an_absent_one_none() {
        let group = nix::unistd::getpgrp();
        let nobody = Pid::from_raw(0);
        let spin = std::time::Instant::now();
        while group_cpu_ns(group, nobody).unwrap() == 0 {
            assert!(spin.elapsed().as_secs() < 30, "no CPU time was seen");
        }
        assert_eq!(group_cpu_ns(Pid::from_raw(-5), nobody).unwrap(), 0);
    }
}
