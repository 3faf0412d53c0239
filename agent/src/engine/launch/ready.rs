//! Owns the wait until a started engine is ready: one token generated from the intended model, on a port that is ours.
//! Must not know how it was started.

use super::order::Order;
use super::port::{self, Owner};
use super::signs::Signs;
use crate::engine::adapter::Mark;
use crate::engine::attach::{Probe, Wanted};
use crate::engine::error::OfAStart;
use crate::engine::life::Life;
use crate::engine::{Engine, EngineError};
use crate::process::Source;
use crate::secret::Redactor;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Between two looks at an engine that starts.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How long an engine that answers, but not as it should, is given to come to it.
const SETTLE_LIMIT: Duration = Duration::from_secs(120);
/// Lines quoted where a start fails.
const QUOTED_LINES: usize = 5;

/// An engine that starts.
pub(super) struct Starting<'a> {
    life: Life,
    order: &'a Order<'a>,
    signs: Arc<Mutex<Signs>>,
    begun: Instant,
    redactor: Redactor,
}

impl<'a> Starting<'a> {
    /// An engine that was spawned at `begun`.
    pub fn of(life: Life, order: &'a Order<'a>, marks: &[Mark], begun: Instant) -> Self {
        let signs = Arc::new(Mutex::new(Signs::of(order.adapter, marks)));
        let redactor = Redactor::of(order.secrets.iter().map(|(_, secret)| secret.clone()));
        Self { life, order, signs, begun, redactor }
    }

    /// Waits until it is ready; one that is not is ended.
    pub async fn ready(
        mut self,
        output: mpsc::Receiver<(Source, String)>,
        lines: mpsc::Sender<String>,
        limit: Duration,
    ) -> Result<Engine, EngineError> {
        tokio::spawn(forward(output, lines, Arc::clone(&self.signs), self.redactor.clone(), self.begun));
        let waited = tokio::time::timeout(limit, self.first_token()).await;
        let result = waited.unwrap_or_else(|_| Err(EngineError::Slow(limit.as_secs())));
        match result {
            Ok(mut engine) => {
                let signs = lock(&self.signs);
                engine.info.start_ms = Some(self.begun.elapsed().as_secs_f64() * 1e3);
                engine.info.phases.clone_from(&signs.phases);
                engine.info.capacity.kv_tokens = engine.info.capacity.kv_tokens.or(signs.kv_tokens);
                drop(signs);
                engine.redactor = self.redactor;
                engine.life = self.life;
                Ok(engine)
            }
            Err(error) => {
                self.life.stop().await;
                Err(error)
            }
        }
    }

    async fn first_token(&mut self) -> Result<Engine, EngineError> {
        let probe = Probe::of_ours(&format!("http://127.0.0.1:{}", self.order.port), self.redactor.clone())?;
        let serving = &self.order.serving;
        let wanted = Wanted {
            kind: self.order.plan.kind,
            model: self.order.adapter.listed_model(serving),
            reuses_prefixes: serving.reuses_prefixes,
            splits_slots: serving.params.contains_key("parallel"),
        };
        let mut answered: Option<Instant> = None;
        loop {
            let identified = tokio::select! {
                identified = probe.identify(&wanted) => identified,
                error = ended(&mut self.life, &self.signs) => return Err(error),
            };
            let error = match identified {
                Ok(engine) => {
                    self.check_owner()?;
                    return Ok(engine);
                }
                Err(error) => error,
            };
            match error.of_a_start() {
                OfAStart::Usual => {}
                OfAStart::ForAWhile => {
                    if answered.get_or_insert_with(Instant::now).elapsed() > SETTLE_LIMIT {
                        return Err(error);
                    }
                }
                OfAStart::Final => return Err(error),
            }
            self.look().await?;
        }
    }

    /// Waits a moment; an error where the engine has ended meanwhile.
    async fn look(&mut self) -> Result<(), EngineError> {
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => Ok(()),
            error = ended(&mut self.life, &self.signs) => Err(error),
        }
    }

    /// Whoever answered must be the engine and nobody else.
    fn check_owner(&self) -> Result<(), EngineError> {
        // Docker's own program listens for a container, as another user.
        let Some(leader) = self.life.pid() else { return Ok(()) };
        match port::owner(self.order.port, leader) {
            Owner::Ours | Owner::Unknown => Ok(()),
            Owner::Stranger => Err(EngineError::Stranger(self.order.port)),
        }
    }
}

/// Resolves once the engine has ended: how, and its last lines.
async fn ended(life: &mut Life, signs: &Mutex<Signs>) -> EngineError {
    loop {
        if let Some(status) = life.ended() {
            // Its last lines may still be on their way.
            tokio::time::sleep(LOOK_EVERY).await;
            let signs = lock(signs);
            let last = signs.last.iter().skip(signs.last.len().saturating_sub(QUOTED_LINES));
            let lines = last.map(String::as_str).collect::<Vec<_>>().join(" / ");
            return EngineError::Died { status: status.to_string(), lines };
        }
        tokio::time::sleep(LOOK_EVERY / 4).await;
    }
}

/// Sends lines on, without secrets, and notes what they say.
async fn forward(
    mut output: mpsc::Receiver<(Source, String)>,
    lines: mpsc::Sender<String>,
    signs: Arc<Mutex<Signs>>,
    redactor: Redactor,
    begun: Instant,
) {
    while let Some((_, line)) = output.recv().await {
        let line = redactor.redact(&line).into_owned();
        lock(&signs).take(&line, begun.elapsed().as_secs_f64() * 1e3);
        // A log that nobody reads any more must not stop the engine at a full pipe.
        if lines.send(line).await.is_err() {
            tracing::debug!("nobody reads the engine's log");
        }
    }
}

/// A poisoned lock only means that another task panicked; the signs are whole.
fn lock(signs: &Mutex<Signs>) -> MutexGuard<'_, Signs> {
    signs.lock().unwrap_or_else(PoisonError::into_inner)
}
