//! Owns how an open loop kept its schedule: what became due, what was sent, what was sent late.
//! Must not know what came back.

use super::window::Span;
use crate::record::RequestRecord;
use shared::units::NS_PER_MS;

/// A request that is sent later than this after it was due was sent late, ns.
const LATE_NS: u64 = NS_PER_MS;

/// Requests that became due in a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    /// All of them.
    pub due: u64,
    /// Those that were sent within it, too.
    pub sent: u64,
    /// Those that were sent late, whenever.
    pub late: u64,
}

impl Schedule {
    /// Looks at every record of a trial.
    pub fn of(records: &[RequestRecord], span: &Span) -> Self {
        let due = || records.iter().filter(|r| span.contains(r.sched_ns));
        Self {
            due: due().count() as u64,
            sent: due().filter(|r| r.sent_ns.is_some_and(|sent| span.contains(sent))).count() as u64,
            late: due().filter(|r| r.queue_client_ns().is_some_and(|waited| waited > LATE_NS)).count() as u64,
        }
    }

    /// Pools another trial's.
    pub fn merge(&mut self, other: &Schedule) {
        self.due += other.due;
        self.sent += other.sent;
        self.late += other.late;
    }
}
