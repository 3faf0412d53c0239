//! Owns conversions between the integer units of events and the units people read.
//! Must not know formatting.

/// Nanoseconds in a millisecond.
pub const NS_PER_MS: u64 = 1_000_000;
/// Nanoseconds in a second.
pub const NS_PER_S: u64 = 1_000_000_000;

/// Nanoseconds as milliseconds.
#[must_use]
pub fn ns_to_ms(ns: u64) -> f64 {
    ns as f64 / NS_PER_MS as f64
}

/// Nanoseconds as seconds.
#[must_use]
pub fn ns_to_s(ns: u64) -> f64 {
    ns as f64 / NS_PER_S as f64
}

/// Seconds as nanoseconds; what is below zero or no number is 0.
#[must_use]
pub fn s_to_ns(seconds: f64) -> u64 {
    // A cast from floating point saturates.
    (seconds * NS_PER_S as f64) as u64
}

/// A finite number or nothing: the only way a quotient enters a result.
#[must_use]
pub fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}
