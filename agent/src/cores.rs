//! Owns on which of the host's cores threads run, and how much of one they use.
//! Must not know what the threads do.

use crate::sync::lock;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;
use std::collections::BTreeSet;
use std::io;
use std::sync::Mutex;
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

/// Cores that load generators of this process have for themselves now.
static CLAIMED: Mutex<BTreeSet<usize>> = Mutex::new(BTreeSet::new());

/// A core that a load generator has for itself, until this is dropped.
pub(crate) struct OfLoad(usize);

impl OfLoad {
    /// The last core, where there are enough: the first ones serve most interrupts. The load generator of a run that goes
    /// beside another has the one before it, which that run's engines may use as well; two on one core would make each
    /// other late.
    pub(crate) fn claim() -> Option<Self> {
        let cores = allowed().ok()?;
        let mut claimed = lock(&CLAIMED);
        let free: Vec<usize> = cores.into_iter().filter(|core| !claimed.contains(core)).collect();
        let core = spared(&free)?;
        claimed.insert(core);
        Some(Self(core))
    }

    /// Which.
    pub(crate) fn core(&self) -> usize {
        self.0
    }
}

impl Drop for OfLoad {
    fn drop(&mut self) {
        lock(&CLAIMED).remove(&self.0);
    }
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
    fn two_load_generators_never_have_one_core() {
        let (one, other) = (OfLoad::claim(), OfLoad::claim());
        if let (Some(one), Some(other)) = (&one, &other) {
            assert_ne!(one.core(), other.core());
        }
        // With so few cores nobody has one alone.
        assert!(one.is_none() || allowed().unwrap().len() >= LEAST_TO_SPARE_ONE);
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
