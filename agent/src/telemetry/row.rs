//! Owns one read as a source tells it: who, when it began and ended, and what each field came to.
//! Must not know who listens.

use crate::load::Clock;
use shared::telemetry::{Field, Look, Signal, Trouble};

/// What a source tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// One read.
    Row(Row),
    /// Who uses it now.
    Look(Look),
    /// Something happened to a GPU.
    Trouble(Trouble),
}

/// Quantities that were read in one go.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Who, as [`shared::telemetry::Samples::source`].
    pub source: String,
    /// Begin of the read, ns of run time.
    pub begun_ns: u64,
    /// End of the read, ns of run time.
    pub ended_ns: u64,
    /// What was read; the same signals in the same order at each read of a group.
    pub fields: Vec<(Signal, Field)>,
}

impl Row {
    /// Reads and stamps.
    pub fn read(source: &str, clock: &Clock, read: impl FnOnce() -> Vec<(Signal, Field)>) -> Self {
        let begun_ns = clock.now_ns();
        let fields = read();
        Self { source: source.to_owned(), begun_ns, ended_ns: clock.now_ns(), fields }
    }

    /// The middle of the read, ns of run time.
    #[must_use]
    pub fn at_ns(&self) -> u64 {
        self.begun_ns + self.took_ns() / 2
    }

    /// How long it took, ns.
    #[must_use]
    pub fn took_ns(&self) -> u64 {
        self.ended_ns.saturating_sub(self.begun_ns)
    }
}
