//! Owns how long to wait before the next attempt to connect.
//! Must not know sockets or timers.

const FIRST_MS: u32 = 250;
const LONGEST_MS: u32 = 8000;

/// Wait before attempt `attempt` (from 0), ms: doubles up to 8 s. `jitter` in 0 to 1 spreads viewers over the last
/// quarter, so that a restarted agent does not meet all of them at once.
pub fn delay_ms(attempt: u32, jitter: f64) -> u32 {
    let full = FIRST_MS.saturating_mul(1 << attempt.min(16)).min(LONGEST_MS);
    let spread = f64::from(full / 4) * jitter.clamp(0.0, 1.0);
    full - spread as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(attempt: u32, jitter: f64, expect: u32) {
        assert_eq!(delay_ms(attempt, jitter), expect, "attempt {attempt}, jitter {jitter}");
    }

    #[test]
    fn doubles_to_a_cap() {
        check(0, 0.0, 250);
        check(1, 0.0, 500);
        check(4, 0.0, 4000);
        check(5, 0.0, 8000);
        check(u32::MAX, 0.0, 8000);
    }

    #[test]
    fn jitter_takes_at_most_a_quarter() {
        check(5, 1.0, 6000);
        check(5, 0.5, 7000);
        check(5, f64::NAN, 8000);
        check(5, 9.0, 6000);
    }
}
