//! Owns on which of the host's cores threads run, and how much of one they use.
//! Must not know what the threads do.

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;
use std::io;
use std::time::Duration;

/// Cores from which one can be given to the load generator alone: with fewer, engine and agent need them all.
const LEAST_TO_SPARE_ONE: usize = 4;

/// Cores that this thread may use.
///
/// # Errors
/// Where the system does not say.
pub(crate) fn allowed() -> io::Result<Vec<usize>> {
    let set = sched_getaffinity(Pid::from_raw(0))?;
    Ok((0..CpuSet::count()).filter(|core| set.is_set(*core).unwrap_or(false)).collect())
}

/// The core of the load generator: the last one, where there are enough. The first ones serve most interrupts.
pub(crate) fn of_load() -> Option<usize> {
    spared(&allowed().ok()?)
}

/// Keeps this thread, and what it starts later, off the load generator's core.
///
/// # Errors
/// Where the system refuses.
pub(crate) fn keep_off_load() -> io::Result<()> {
    let cores = allowed()?;
    match spared(&cores) {
        Some(kept) => bind_to(cores.into_iter().filter(|core| *core != kept)),
        None => Ok(()),
    }
}

/// Binds this thread, and the threads that it starts later, to a core.
///
/// # Errors
/// Where the system refuses.
pub(crate) fn bind(core: usize) -> io::Result<()> {
    bind_to([core])
}

/// CPU time that this thread has used, ns; absent where the system does not tell.
pub(crate) fn used_by_this_thread() -> Option<u64> {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).ok().map(Duration::from)?;
    u64::try_from(time.as_nanos()).ok()
}

fn spared(cores: &[usize]) -> Option<usize> {
    cores.last().copied().filter(|_| cores.len() >= LEAST_TO_SPARE_ONE)
}

fn bind_to(cores: impl IntoIterator<Item = usize>) -> io::Result<()> {
    let mut set = CpuSet::new();
    for core in cores {
        set.set(core)?;
    }
    Ok(sched_setaffinity(Pid::from_raw(0), &set)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_is_spared_where_there_are_enough() {
        let check = |cores: &[usize], expect| assert_eq!(spared(cores), expect, "{cores:?}");
        check(&[0, 1, 2], None);
        check(&[0, 1, 2, 3], Some(3));
        check(&[4, 5, 6, 7, 9], Some(9));
        check(&[], None);
    }

    #[test]
    fn what_a_bound_thread_starts_is_bound_too() {
        let first = allowed().unwrap()[0];
        let thread = std::thread::spawn(move || {
            bind(first).unwrap();
            let below = std::thread::spawn(|| allowed().unwrap());
            (allowed().unwrap(), below.join().unwrap())
        });
        assert_eq!(thread.join().unwrap(), (vec![first], vec![first]));
    }
}
