//! Owns stamps that two processes of one machine can compare.
//! Must not know what is stamped.

use nix::time::{ClockId, clock_gettime};
use std::io;
use std::time::Instant;

/// `CLOCK_MONOTONIC` in ns, which every process of a machine shares. `Instant` reads the same clock on Linux but
/// hides its value, so both are sampled once; reading it afterwards cannot fail.
#[derive(Clone, Copy, Debug)]
pub struct SharedClock {
    epoch: Instant,
    epoch_ns: u64,
}

impl SharedClock {
    /// Samples both clocks.
    ///
    /// # Errors
    /// Where the system has no `CLOCK_MONOTONIC`.
    pub fn new() -> io::Result<Self> {
        let (epoch_ns, epoch) = bracketed(Instant::now)?;
        Ok(Self { epoch, epoch_ns })
    }

    /// Now, ns of `CLOCK_MONOTONIC`.
    #[must_use]
    pub fn now_ns(&self) -> u64 {
        self.epoch_ns + self.epoch.elapsed().as_nanos() as u64
    }

    /// What to add to another clock's time, ns, to have this one's. `read_ns` reads the other clock.
    #[must_use]
    pub fn offset_of(&self, mut read_ns: impl FnMut() -> u64) -> i64 {
        let mut best: Option<(u64, i64)> = None;
        for _ in 0..SAMPLES {
            let before = self.now_ns();
            let other = read_ns();
            let after = self.now_ns();
            let width = after - before;
            if best.is_none_or(|(least, _)| width < least) {
                best = Some((width, (before + width / 2) as i64 - other as i64));
            }
        }
        best.map_or(0, |(_, offset)| offset)
    }
}

/// Samples of which the narrowest counts: a preemption between two readings must not become an offset.
const SAMPLES: u32 = 16;

fn bracketed<T>(mut read: impl FnMut() -> T) -> io::Result<(u64, T)> {
    let mut best = None;
    for _ in 0..SAMPLES {
        let before = monotonic_ns()?;
        let value = read();
        let width = monotonic_ns()?.saturating_sub(before);
        match best {
            Some((least, _, _)) if least <= width => {}
            _ => best = Some((width, before + width / 2, value)),
        }
    }
    let (_, at, value) = best.ok_or_else(|| io::Error::other("no sample of the clock was taken"))?;
    Ok((at, value))
}

fn monotonic_ns() -> io::Result<u64> {
    let t = clock_gettime(ClockId::CLOCK_MONOTONIC)?;
    Ok(t.tv_sec() as u64 * 1_000_000_000 + t.tv_nsec() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_system_and_with_itself() {
        let (a, b) = (SharedClock::new().unwrap(), SharedClock::new().unwrap());
        let before = monotonic_ns().unwrap();
        let (x, y) = (a.now_ns(), b.now_ns());
        let after = monotonic_ns().unwrap();
        // The narrowest of the sampled brackets bounds the error; 1 ms is far beyond it.
        let fits = |v: u64| v + 1_000_000 >= before && v <= after + 1_000_000;
        assert!(fits(x) && fits(y), "{before} {x} {y} {after}");
    }

    #[test]
    fn the_offset_of_a_shifted_clock_is_its_shift() {
        let clock = SharedClock::new().unwrap();
        let offset = clock.offset_of(|| clock.now_ns() - 5_000_000_000);
        assert!((offset - 5_000_000_000).abs() < 1_000_000, "{offset}");
    }
}
