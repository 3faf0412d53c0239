//! Owns the load level of a point: what is held or offered while it is measured.
//! Must not know how load is made.

use serde::{Deserialize, Serialize};

/// How hard a point asks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// This many requests, or sessions, in flight.
    Concurrency(u32),
    /// This many at once, then the next ones when all have ended.
    Burst(u32),
    /// Requests, or sessions, per second.
    Rate(f64),
    /// From one rate to another, requests per second.
    Ramp {
        /// At the start.
        from: f64,
        /// At the end.
        to: f64,
    },
    /// A trace's own times, divided by this.
    Trace {
        /// How many times faster than it was recorded.
        speed_up: f64,
    },
}

impl Level {
    /// The number that orders points, and that charts have on their axis.
    #[must_use]
    pub fn value(self) -> f64 {
        match self {
            Level::Concurrency(n) | Level::Burst(n) => f64::from(n),
            Level::Rate(rate) => rate,
            Level::Ramp { to, .. } => to,
            Level::Trace { speed_up } => speed_up,
        }
    }

    /// True where requests are due at times of their own, whatever the server does.
    #[must_use]
    pub fn is_open(self) -> bool {
        !matches!(self, Level::Concurrency(_) | Level::Burst(_))
    }

    /// Requests that are to be in flight at once, where the level says so.
    #[must_use]
    pub fn in_flight(self) -> Option<u32> {
        if let Level::Concurrency(n) | Level::Burst(n) = self { Some(n) } else { None }
    }

    /// The level with its unit: "16 in flight", "20 req/s".
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Level::Concurrency(n) => format!("{n} in flight"),
            Level::Burst(n) => format!("bursts of {n}"),
            Level::Rate(rate) => format!("{rate} req/s"),
            Level::Ramp { from, to } => format!("{from} to {to} req/s"),
            Level::Trace { speed_up } => format!("trace × {speed_up}"),
        }
    }

    /// The level without its unit, for a column that names it: "16", "20/s".
    #[must_use]
    pub fn short(self) -> String {
        match self {
            Level::Concurrency(n) | Level::Burst(n) => n.to_string(),
            Level::Rate(rate) => format!("{rate}/s"),
            Level::Ramp { from, to } => format!("{from}–{to}/s"),
            Level::Trace { speed_up } => format!("×{speed_up}"),
        }
    }
}
