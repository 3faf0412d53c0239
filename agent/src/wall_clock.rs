//! Owns the host's wall clock, and is the one place where it is read.
//! Must not know what is dated by it. No length of time is a difference of it: it may jump.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// How far the clock is taken to be ahead of the system's, ms.
static AHEAD_MS: AtomicI64 = AtomicI64::new(0);

/// The wall clock, Unix ms.
#[must_use]
pub fn unix_ms() -> u64 {
    let now =
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX));
    now.saturating_add_signed(AHEAD_MS.load(Ordering::Relaxed))
}

/// Has the clock jump, as a system's does that is set; for tests.
#[doc(hidden)]
pub fn jump(ms: i64) {
    AHEAD_MS.fetch_add(ms, Ordering::Relaxed);
}
