//! Owns the host's wall clock as the page knows it: the agent's, by its greeting, carried on by the browser.
//! Must not know runs: their time axis is the host's monotonic time alone.

/// How far the browser's wall clock is from the agent's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClockOffset(i64);

impl ClockOffset {
    /// From the agent's time and the browser's at the same instant, Unix ms.
    pub fn new(agent_unix_ms: u64, browser_unix_ms: u64) -> Self {
        Self(agent_unix_ms as i64 - browser_unix_ms as i64)
    }

    /// The agent's time when the browser's is this, Unix ms.
    pub fn agent_ms(self, browser_unix_ms: u64) -> u64 {
        (browser_unix_ms as i64 + self.0).max(0) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_an_hour_off_shows_the_hosts_time() {
        for browser in [3_600_000u64, 7_200_000, 10_800_000] {
            let offset = ClockOffset::new(7_200_000, browser);
            assert_eq!(offset.agent_ms(browser + 500), 7_200_500);
        }
    }
}
