//! Owns the limits of one request and the ways in which it is stopped from outside.
//! Must not know sockets; one coarse tick looks at all deadlines, so that no timer is set for a chunk.

use super::Limits;
use shared::outcome::Outcome;
use shared::units::ns_to_s;

/// How long a server may take to close a stream that has said that it is over; then we close it.
const LINGER_NS: u64 = 1_000_000_000;

/// A limit that passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    Connect,
    FirstToken,
    Idle,
    Total,
    Linger,
}

/// Why a request is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Abort {
    /// One of its limits passed.
    Limit(Limit),
    /// Somebody ended the trial.
    Cancelled,
    /// The requests of the window have ended, and this is none of them.
    Extra,
    /// The drain limit passed.
    Drained,
}

impl Abort {
    /// How a request ends that this keeps from being sent.
    pub fn unsent(self) -> Outcome {
        match self {
            Abort::Limit(_) => Outcome::TimedOut,
            Abort::Drained => Outcome::Unsent,
            Abort::Cancelled | Abort::Extra => Outcome::Cancelled,
        }
    }

    /// What happened, as a sentence.
    pub fn sentence(self, limits: &Limits) -> String {
        let seconds = |ns: u64| format!("{} s", ns_to_s(ns));
        match self {
            Abort::Limit(Limit::Connect) => {
                format!("No connection within {} (connect limit).", seconds(limits.connect_ns))
            }
            Abort::Limit(Limit::FirstToken) => {
                format!("No output within {} of sending (first-token limit).", seconds(limits.first_token_ns))
            }
            Abort::Limit(Limit::Idle) => format!("No further output for {} (idle limit).", seconds(limits.idle_ns)),
            Abort::Limit(Limit::Total) => {
                format!("Not finished within {} of sending (total limit).", seconds(limits.total_ns))
            }
            Abort::Limit(Limit::Linger) => "The server left the stream open after its end.".to_owned(),
            Abort::Cancelled => "The trial was cancelled.".to_owned(),
            Abort::Extra => "Outside the window, to keep load on; ended with the trial.".to_owned(),
            Abort::Drained => {
                format!("Not finished within {} of the window's end (drain limit).", seconds(limits.drain_ns))
            }
        }
    }
}

/// When a lane's request is stopped, and by which limit. Kept apart from the lanes, side by side: the tick reads
/// thousands of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Deadline {
    at_ns: u64,
    limit: Limit,
    total_end_ns: u64,
}

impl Deadline {
    /// Of a lane without a request.
    pub const NONE: Self = Self { at_ns: u64::MAX, limit: Limit::Total, total_end_ns: u64::MAX };

    /// A connection is being opened for it since then.
    pub fn connecting(began_ns: u64, limits: &Limits) -> Self {
        Self { at_ns: began_ns.saturating_add(limits.connect_ns), limit: Limit::Connect, total_end_ns: u64::MAX }
    }

    /// It was sent.
    pub fn sent(t_ns: u64, limits: &Limits) -> Self {
        let start = Self { total_end_ns: t_ns.saturating_add(limits.total_ns), ..Self::NONE };
        start.until(t_ns.saturating_add(limits.first_token_ns), Limit::FirstToken)
    }

    /// Output arrived.
    pub fn output(self, t_ns: u64, limits: &Limits) -> Self {
        self.until(t_ns.saturating_add(limits.idle_ns), Limit::Idle)
    }

    /// The stream said that it is over.
    pub fn done(self, t_ns: u64) -> Self {
        self.until(t_ns.saturating_add(LINGER_NS), Limit::Linger)
    }

    fn until(self, at_ns: u64, limit: Limit) -> Self {
        let (at_ns, limit) =
            if at_ns <= self.total_end_ns { (at_ns, limit) } else { (self.total_end_ns, Limit::Total) };
        Self { at_ns, limit, ..self }
    }

    /// The limit that has passed.
    pub fn passed(&self, now_ns: u64) -> Option<Limit> {
        (now_ns >= self.at_ns).then_some(self.limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { connect_ns: 1, first_token_ns: 10, idle_ns: 5, total_ns: 20, drain_ns: 1 };

    fn check(sent: u64, outputs: &[u64], done: Option<u64>, expect: (u64, Limit)) {
        let mut deadline = Deadline::sent(sent, &LIMITS);
        for t in outputs {
            deadline = deadline.output(*t, &LIMITS);
        }
        deadline = done.map_or(deadline, |t| deadline.done(t));
        assert_eq!(deadline.passed(expect.0 - 1), None, "before {expect:?}");
        assert_eq!(deadline.passed(expect.0), Some(expect.1), "{outputs:?}");
    }

    #[test]
    fn the_first_limit_to_pass_is_named() {
        check(100, &[], None, (110, Limit::FirstToken));
        check(100, &[104], None, (109, Limit::Idle));
        check(100, &[104, 108, 112, 116], None, (120, Limit::Total));
        check(100, &[104], Some(105), (120, Limit::Total));
        assert_eq!(Deadline::connecting(100, &LIMITS).passed(101), Some(Limit::Connect));
        assert_eq!(Deadline::NONE.passed(u64::MAX - 1), None);
    }
}
