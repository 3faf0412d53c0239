//! Owns the way from what sources say to events, and what is kept of it for the trials.
//! Must not know which sources there are.

use super::kv::KvMeter;
use crate::orchestrate::run::Writer;
use crate::sync::lock;
use crate::telemetry::{Dropped, Effort, EnergyMeter, Gathered, Said};
use shared::event::Body;
use shared::telemetry::TroubleKind;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

/// How often what was said becomes events.
pub(super) const EVERY: Duration = Duration::from_millis(500);
/// After how many of these times it is told what looking costs.
const TIMES_A_TELLING: u32 = 10;

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

/// Turns what is said into events.
pub(super) struct Logger {
    pub writer: Writer,
    pub heard: Arc<Heard>,
    pub dropped: Dropped,
    /// What the threads that say something cost; absent where there are none.
    pub effort: Option<Effort>,
}

impl Logger {
    pub async fn run(self, mut said: mpsc::Receiver<Said>, began: Body) {
        self.write(vec![began]).await;
        let mut gathered = Gathered::default();
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut times = 0;
        loop {
            tokio::select! {
                said = said.recv() => match said {
                    Some(said) => {
                        self.heard.hear(&said);
                        gathered.add(said);
                    }
                    None => break,
                },
                _ = ticks.tick() => {
                    times += 1;
                    let cost = (times % TIMES_A_TELLING == 0).then(|| self.cost()).flatten();
                    self.write(gathered.take(self.dropped.take()).into_iter().chain(cost).collect()).await;
                }
            }
        }
        self.write(gathered.take(self.dropped.take()).into_iter().chain(self.cost()).collect()).await;
    }

    fn cost(&self) -> Option<Body> {
        self.effort.as_ref().map(|effort| Body::Observer(effort.take()))
    }

    async fn write(&self, bodies: Vec<Body>) {
        if bodies.is_empty() {
            return;
        }
        if let Err(error) = self.writer.write(bodies).await {
            // A log that takes nothing more ends the run by what its load has to write.
            tracing::error!(%error, "telemetry could not be logged");
        }
    }
}
