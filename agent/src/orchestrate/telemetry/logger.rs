//! Owns the way of what sources tell to the log, and what is kept of it for the trials.
//! Must not know which sources there are.

use super::kv::KvMeter;
use crate::orchestrate::run::Writer;
use crate::sync::lock;
use crate::telemetry::{Effort, EnergyMeter, Said, Told};
use shared::event::Body;
use shared::telemetry::TroubleKind;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};

/// After how many tellings it is told what looking costs.
const TELLINGS: u32 = 10;

/// What is kept of what was said.
#[derive(Default)]
pub(super) struct Heard {
    energy: Mutex<EnergyMeter>,
    kv: Mutex<KvMeter>,
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

    /// What an engine's KV cache and its GPUs held.
    pub fn kv(&self) -> MutexGuard<'_, KvMeter> {
        lock(&self.kv)
    }

    fn hear(&self, said: &Said) {
        match said {
            Said::Row(row) => {
                // Of a read of a GPU memory comes first: who waits for the other has this.
                self.kv().add(row);
                self.energy().add(row);
            }
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
    /// What the threads that say something cost; absent where there are none.
    pub effort: Option<Effort>,
}

impl Logger {
    /// Until nothing is told any more; nothing at all is where nothing could be read.
    pub async fn run(self, told: Option<Told>, began: Body) {
        self.write(vec![began]).await;
        let Some(mut told) = told else { return };
        let mut tellings = 0;
        while let Some(bodies) = told.next(|said| self.heard.hear(said)).await {
            tellings += 1;
            let cost = (tellings % TELLINGS == 0).then(|| self.cost()).flatten();
            self.write(bodies.into_iter().chain(cost).collect()).await;
        }
        self.write(self.cost().into_iter().collect()).await;
    }

    fn cost(&self) -> Option<Body> {
        self.effort.as_ref().map(|effort| Body::Observer(effort.take()))
    }

    async fn write(&self, bodies: Vec<Body>) {
        if let Err(error) = self.writer.write(bodies).await {
            // A log that takes nothing more ends the run by what its load has to write.
            tracing::error!(%error, "telemetry could not be logged");
        }
    }
}
