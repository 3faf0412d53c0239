//! Owns on which of the host's cores threads run.
//! Must not know what the threads do.

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use std::io;

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
    let cores = allowed().ok().filter(|cores| cores.len() >= LEAST_TO_SPARE_ONE)?;
    cores.last().copied()
}

/// Binds this thread, and the threads that it starts later, to a core.
///
/// # Errors
/// Where the system refuses.
pub(crate) fn bind(core: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(core)?;
    Ok(sched_setaffinity(Pid::from_raw(0), &set)?)
}
