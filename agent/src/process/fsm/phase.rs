//! Owns the phases of an engine's start and how long each took.
//! Must not know which line of which engine begins a phase.

use shared::engine::Phase;
use std::time::Duration;

/// What a line of an engine's output says of its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The phase that the line belongs to; the first such line begins it.
    pub phase: Phase,
    /// How much of it is done, where the line says so.
    pub percent: Option<u8>,
}

impl Mark {
    /// A line that belongs to a phase and says no more.
    #[must_use]
    pub fn of(phase: Phase) -> Self {
        Self { phase, percent: None }
    }
}

/// The phases that a start went through. Times are since an origin of the caller's.
#[derive(Clone, Debug)]
pub struct Phases {
    begun: Vec<(Phase, Duration)>,
    ready: Option<Duration>,
}

impl Phases {
    /// A start that begins now, in its first phase.
    #[must_use]
    pub fn starting(now: Duration) -> Self {
        Self { begun: vec![(Phase::Process, now)], ready: None }
    }

    /// The phase that it is in.
    #[must_use]
    pub fn current(&self) -> Phase {
        self.begun.last().map_or(Phase::Process, |(phase, _)| *phase)
    }

    /// A line of a phase was seen; true where it begins that phase. Phases only go forward: processes of one engine
    /// write at their own pace, and a late line of an earlier phase ends nothing.
    pub fn seen(&mut self, phase: Phase, now: Duration) -> bool {
        if self.ready.is_some() {
            return false;
        }
        if let [(first, _)] = &mut self.begun[..]
            && phase < *first
        {
            // What comes before the program itself is all that has happened so far.
            *first = phase;
            return true;
        }
        let begins = phase > self.current();
        if begins {
            let not_before = self.begun.last().map_or(now, |(_, begun)| now.max(*begun));
            self.begun.push((phase, not_before));
        }
        begins
    }

    /// The first token was generated.
    pub fn finish(&mut self, now: Duration) {
        let not_before = self.begun.last().map_or(now, |(_, begun)| now.max(*begun));
        self.ready.get_or_insert(not_before);
    }

    /// Each phase in its order with how long it took, ms; nothing until the first token. The sum is the whole start.
    #[must_use]
    pub fn timings(&self) -> Vec<(Phase, u64)> {
        let Some(ready) = self.ready else { return Vec::new() };
        let origin = self.begun.first().map_or(ready, |(_, begun)| *begun);
        // Differences of rounded times, so that rounding cannot make the sum differ from the whole.
        let ms = |at: Duration| u64::try_from(at.saturating_sub(origin).as_millis()).unwrap_or(u64::MAX);
        let ends = self.begun.iter().skip(1).map(|(_, begun)| *begun).chain([ready]);
        self.begun.iter().zip(ends).map(|((phase, begun), end)| (*phase, ms(end) - ms(*begun))).collect()
    }
}
