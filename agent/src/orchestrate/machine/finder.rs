//! Owns the question which GPUs there are: asked off the runtime's threads, one at a time, however long a driver takes.
//! Must not know who wants to know.

use super::Driver;
use crate::telemetry::{Found, Told};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep_until};

/// Asks a driver. One that hangs is waited for and not asked again, so that it costs one thread and no more.
pub(super) struct Finder {
    driver: Driver,
    asked: Option<JoinHandle<Found>>,
    /// What was told by threads that may still read.
    before: Option<Told>,
}

impl Finder {
    /// Asks this driver.
    pub fn of(driver: Driver) -> Self {
        Self { driver, asked: None, before: None }
    }

    /// Has the next question wait for the end of threads that read before, so that no two ever read for the same eyes.
    pub fn after(&mut self, told: Told) {
        self.before = Some(told);
    }

    /// The GPUs that there are, asked for at this time, or already. Dropping the future loses nothing.
    pub async fn find(&mut self, at: Instant) -> Found {
        if let Some(told) = &mut self.before {
            while told.next(|_| {}).await.is_some() {}
            self.before = None;
        }
        if self.asked.is_none() {
            sleep_until(at).await;
        }
        let asked = self.asked.get_or_insert_with(|| {
            let driver = Driver::clone(&self.driver);
            spawn_blocking(move || Found::of(driver(), &[]))
        });
        let found = asked.await;
        self.asked = None;
        found.unwrap_or_else(|error| Found::none(format!("The GPUs of this host could not be found ({error}).")))
    }
}
