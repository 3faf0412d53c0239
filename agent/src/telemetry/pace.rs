//! Owns when a source is read next: on a grid as long as it is quick, less often where it is slow.
//! Must not know what is read, and reads no clock.

use std::time::Duration;

/// How often a source is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// From one read to the next.
    pub period: Duration,
    /// A read that takes longer than this part of the period makes the period this many times as long as it took:
    /// looking must not become the load.
    pub rest: u32,
}

impl Pace {
    /// A pace of so many reads a second.
    #[must_use]
    pub fn of_hz(hz: f64, rest: u32) -> Self {
        Self { period: Duration::from_secs_f64(1.0 / hz), rest }
    }

    /// What comes after a read that was due at `due` and took `took` until `now`. Reads that were missed are not made up
    /// for.
    #[must_use]
    pub fn next(&self, due: Duration, took: Duration, now: Duration) -> Next {
        let period = self.period.max(took * self.rest);
        let (next, stretched) = (due + period, period > self.period);
        if next > now {
            return Next { due: next, stretched, skipped: 0 };
        }
        let missed = (now - due).as_nanos() / period.as_nanos().max(1);
        Next { due: now + period, stretched, skipped: u64::try_from(missed).unwrap_or(u64::MAX) }
    }
}

/// What comes after a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next {
    /// When the next one is due.
    pub due: Duration,
    /// It comes later than was asked for, because this one took long.
    pub stretched: bool,
    /// Reads that were due in the meantime and are not made.
    pub skipped: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_is_kept_while_reads_are_quick_and_stretched_while_they_are_slow() {
        let pace = Pace::of_hz(10.0, 4);
        let check = |due: u64, took: u64, now: u64, expect: u64, stretched: bool, skipped: u64| {
            let ms = Duration::from_millis;
            let next = Next { due: ms(expect), stretched, skipped };
            assert_eq!(pace.next(ms(due), ms(took), ms(now)), next, "due {due}, took {took}, now {now}");
        };
        check(1000, 3, 1003, 1100, false, 0);
        // Begun late: the grid does not move.
        check(1000, 3, 1060, 1100, false, 0);
        check(1000, 25, 1025, 1100, false, 0);
        check(1000, 110, 1110, 1440, true, 0);
        // Held up for long: no burst afterwards.
        check(1000, 3, 1150, 1250, false, 1);
        check(1000, 3, 5000, 5100, false, 40);
    }
}
