//! Owns the way from threads that read to events twice a second.
//! Must not know what is read, nor where the events go.

use super::gather::Gathered;
use super::row::Said;
use super::sampler::{Dropped, Paced, Sampler};
use crate::load::Clock;
use shared::event::Body;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

/// Reads that wait to become events.
const WAITING: usize = 4096;
/// How often what was said becomes events.
const EVERY: Duration = Duration::from_millis(500);

/// What a sampler's threads say, as events.
pub struct Told {
    said: mpsc::Receiver<Said>,
    dropped: Dropped,
    gathered: Gathered,
    ticks: Interval,
}

impl Told {
    /// Begins to read. The sampler is to be dropped to end it; this is at its end once the last thread is.
    ///
    /// # Errors
    /// Where the host has no thread for it.
    pub fn begin(sources: Vec<Paced>, clock: Clock) -> std::io::Result<(Sampler, Self)> {
        let (sender, said) = mpsc::channel(WAITING);
        let sampler = Sampler::start(sources, clock, &sender)?;
        // Not at once, where it would cut the first reads in two.
        let mut ticks = interval_at(Instant::now() + EVERY, EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let dropped = sampler.dropped();
        Ok((sampler, Self { said, dropped, gathered: Gathered::default(), ticks }))
    }

    /// The next events, each read shown to `hear` before; nothing once no thread is left. Dropping the future loses
    /// nothing.
    pub async fn next(&mut self, mut hear: impl FnMut(&Said)) -> Option<Vec<Body>> {
        loop {
            let is_over = tokio::select! {
                said = self.said.recv() => match said {
                    Some(said) => {
                        hear(&said);
                        self.gathered.add(said);
                        continue;
                    }
                    None => true,
                },
                _ = self.ticks.tick() => false,
            };
            let bodies = self.gathered.take(self.dropped.take());
            if is_over || !bodies.is_empty() {
                return (!bodies.is_empty()).then_some(bodies);
            }
        }
    }

    /// True where no thread is left, though what they said may wait.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.said.is_closed()
    }
}
