//! Owns what is due later: lanes and when to wake them.
//! Must not know why.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Lanes to be woken, the earliest first.
#[derive(Debug, Default)]
pub(super) struct Timers(BinaryHeap<Reverse<(u64, usize)>>);

impl Timers {
    pub fn set(&mut self, at_ns: u64, place: usize) {
        self.0.push(Reverse((at_ns, place)));
    }

    /// When the earliest one is due.
    pub fn next_ns(&self) -> Option<u64> {
        self.0.peek().map(|Reverse((at_ns, _))| *at_ns)
    }

    /// The earliest one that is due, with its time.
    pub fn pop_due(&mut self, now_ns: u64) -> Option<(u64, usize)> {
        self.next_ns().filter(|at_ns| *at_ns <= now_ns)?;
        self.0.pop().map(|Reverse(due)| due)
    }

    /// All lanes that were to be woken; none is any more.
    pub fn take(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.0).into_iter().map(|Reverse((_, place))| place).collect()
    }
}
