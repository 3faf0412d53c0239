//! Owns the closed list of ways in which a request can end.
//! Must not know how an outcome is detected.

use serde::{Deserialize, Serialize};
use std::ops::AddAssign;

/// How a request ended (METRICS.md, "Outcomes").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Ended well with the output that was asked for.
    Ok,
    /// Ended well with fewer tokens than asked for.
    OkShort,
    /// Ended without error and without any output.
    Empty,
    /// The stream ended without a finish reason.
    Truncated,
    /// An error arrived after the response had begun.
    FailedMidStream,
    /// The server answered with a status other than 200.
    Refused,
    /// No connection could be opened.
    ConnectFailed,
    /// The bytes were not what the protocol says.
    Malformed,
    /// A limit of the client passed: connect, first token, idle or total.
    TimedOut,
    /// Scheduled but never sent.
    Unsent,
    /// The client itself failed (file descriptors, memory).
    ClientError,
    /// Ended by the user.
    Cancelled,
}

impl Outcome {
    /// All outcomes, in the order in which tables list them.
    pub const ALL: [Outcome; 12] = [
        Outcome::Ok,
        Outcome::OkShort,
        Outcome::Empty,
        Outcome::Truncated,
        Outcome::FailedMidStream,
        Outcome::Refused,
        Outcome::ConnectFailed,
        Outcome::Malformed,
        Outcome::TimedOut,
        Outcome::Unsent,
        Outcome::ClientError,
        Outcome::Cancelled,
    ];

    /// True where the request produced output and ended as the protocol says.
    #[must_use]
    pub fn is_ok(self) -> bool {
        matches!(self, Outcome::Ok | Outcome::OkShort)
    }

    /// The words that pages and tables show.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Outcome::Ok => "ok",
            Outcome::OkShort => "ok, short",
            Outcome::Empty => "empty",
            Outcome::Truncated => "truncated",
            Outcome::FailedMidStream => "failed mid-stream",
            Outcome::Refused => "refused",
            Outcome::ConnectFailed => "connect failed",
            Outcome::Malformed => "malformed",
            Outcome::TimedOut => "timed out",
            Outcome::Unsent => "unsent",
            Outcome::ClientError => "client error",
            Outcome::Cancelled => "cancelled",
        }
    }
}

/// Requests by how they ended, as live views count them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Ended well.
    pub ok: u64,
    /// Went wrong.
    pub failed: u64,
    /// Cut off on purpose: in flight when a window closed, or when the user stopped the run. No fault of the server.
    pub cancelled: u64,
}

impl Ended {
    /// Counts one more.
    pub fn count(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Cancelled => self.cancelled += 1,
            outcome if outcome.is_ok() => self.ok += 1,
            _ => self.failed += 1,
        }
    }

    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.ok + self.failed + self.cancelled
    }
}

impl AddAssign for Ended {
    fn add_assign(&mut self, other: Self) {
        self.ok += other.ok;
        self.failed += other.failed;
        self.cancelled += other.cancelled;
    }
}
