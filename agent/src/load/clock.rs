//! Owns the run's time: ns since its start on the host's monotonic clock.
//! Must not know what is timed.

use std::time::{Duration, Instant};

/// Run time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// The run's start.
    pub epoch: Instant,
}

impl Clock {
    /// A clock that starts now.
    #[must_use]
    pub fn starting_now() -> Self {
        Self { epoch: Instant::now() }
    }

    /// A clock that shows this run time now and goes on from there; absent where the host's clock does not reach so far
    /// back.
    #[must_use]
    pub fn going_on(t_ns: u64) -> Option<Self> {
        Instant::now().checked_sub(Duration::from_nanos(t_ns)).map(|epoch| Self { epoch })
    }

    /// Run time now, ns.
    #[must_use]
    pub fn now_ns(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// The instant of a run time.
    pub(super) fn instant(&self, t_ns: u64) -> Instant {
        self.epoch + Duration::from_nanos(t_ns)
    }
}
