//! Owns the way of what sources tell to the log, and what is kept of it for the trials.
//! Must not know which sources there are.

use crate::orchestrate::run::Writer;
use crate::sync::lock;
use crate::telemetry::{EnergyMeter, Said, Told};
use shared::event::Body;
use shared::telemetry::TroubleKind;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};

/// What is kept of what was said.
#[derive(Default)]
pub(super) struct Heard {
    energy: Mutex<EnergyMeter>,
    gpu_lost: AtomicBool,
}

impl Heard {
    /// Whether a GPU was lost.
    pub fn gpu_lost(&self) -> bool {
        self.gpu_lost.load(Relaxed)
    }

    /// What GPUs took.
    pub fn energy(&self) -> MutexGuard<'_, EnergyMeter> {
        lock(&self.energy)
    }

    fn hear(&self, said: &Said) {
        match said {
            Said::Row(row) => self.energy().add(row),
            Said::Trouble(trouble) if trouble.kind == TroubleKind::Lost => {
                self.gpu_lost.store(true, Relaxed);
            }
            Said::Trouble(_) | Said::Look(_) => {}
        }
    }
}

/// Writes what is told to the log.
pub(super) struct Logger {
    pub writer: Writer,
    pub heard: Arc<Heard>,
}

impl Logger {
    /// Until nothing is told any more; nothing at all is where nothing could be read.
    pub async fn run(self, told: Option<Told>, began: Body) {
        self.write(vec![began]).await;
        let Some(mut told) = told else { return };
        while let Some(bodies) = told.next(|said| self.heard.hear(said)).await {
            self.write(bodies).await;
        }
    }

    async fn write(&self, bodies: Vec<Body>) {
        if let Err(error) = self.writer.write(bodies).await {
            // A log that takes nothing more ends the run by what its load has to write.
            tracing::error!(%error, "telemetry could not be logged");
        }
    }
}
