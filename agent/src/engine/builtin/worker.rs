//! Owns the model's thread: takes batches from the queue and sends each row's tokens to its client.
//! Must not know HTTP.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::sync::oneshot;

use super::batch::{Batch, StepOutput};
use super::metrics::{Metrics, Outcome};
use super::model::{KvCache, Llama};
use super::queue::{Job, Queue, RowEvent};

/// The model with what it needs to serve the queue.
pub struct Worker {
    /// The model.
    pub model: Llama,
    /// Its cache; absent when every step computes the whole sequence again.
    pub cache: Option<KvCache>,
    /// Where requests wait.
    pub queue: Arc<Queue>,
    /// Where the numbers go.
    pub metrics: Arc<Metrics>,
    /// Rows of a batch at most.
    pub max_rows: usize,
    /// How long a batch waits for more rows after its first.
    pub batch_wait: Duration,
    /// Longest sequence in tokens.
    pub max_model_len: usize,
}

/// Closes the queue when the thread ends for whatever reason, so that nobody waits for a dead engine.
struct CloseOnEnd {
    queue: Arc<Queue>,
    _ended: oneshot::Sender<()>,
}

impl Drop for CloseOnEnd {
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl Worker {
    /// Starts the thread. The receiver errs when the thread has ended.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(mut self) -> std::io::Result<oneshot::Receiver<()>> {
        let (ended, receiver) = oneshot::channel();
        std::thread::Builder::new().name("builtin-model".to_owned()).spawn(move || {
            let _guard = CloseOnEnd { queue: self.queue.clone(), _ended: ended };
            while let Some(jobs) = self.queue.next_batch(self.max_rows, self.batch_wait, self.max_model_len) {
                self.run_batch(jobs);
            }
        })?;
        Ok(receiver)
    }

    fn run_batch(&mut self, jobs: Vec<Job>) {
        let prompt_tokens: usize = jobs.iter().map(|job| job.request.prompt.len()).sum();
        let mut batch = Batch::new(jobs.iter().map(|job| job.request.clone()).collect());
        let mut live = vec![true; jobs.len()];
        let mut counted = false;
        loop {
            for (row, (job, live)) in jobs.iter().zip(&mut live).enumerate() {
                if *live && job.events.is_closed() {
                    *live = false;
                    batch.end_row(row);
                    self.leave(Outcome::Abort);
                }
            }
            if batch.is_done() || self.queue.is_closed() {
                break;
            }
            let outputs = match batch.step(&self.model, self.cache.as_mut()) {
                Ok(outputs) => outputs,
                Err(error) => {
                    tracing::error!(%error, "the built-in engine could not compute a step; its batch is given up");
                    self.fail(&jobs, &live);
                    break;
                }
            };
            if !counted {
                counted = true;
                self.metrics.prompt_tokens.fetch_add(prompt_tokens as u64, Relaxed);
            }
            self.metrics.generation_tokens.fetch_add(outputs.len() as u64, Relaxed);
            self.show_kv();
            for output in outputs {
                self.deliver(&jobs, &mut live, output);
            }
        }
        self.metrics.requests_running.store(0, Relaxed);
        if let Some(cache) = &mut self.cache {
            cache.reset(0);
        }
        self.show_kv();
    }

    fn deliver(&self, jobs: &[Job], live: &mut [bool], output: StepOutput) {
        let (Some(job), Some(live)) = (jobs.get(output.row), live.get_mut(output.row)) else { return };
        if let Some(ending) = output.ending {
            *live = false;
            self.leave(Outcome::Ended(ending));
        }
        // The channel has room for every token; a client that has left is noticed before the next step.
        job.events.try_send(RowEvent::Token { token: output.token, ending: output.ending }).ok();
    }

    fn fail(&self, jobs: &[Job], live: &[bool]) {
        for (job, _) in jobs.iter().zip(live).filter(|(_, live)| **live) {
            self.leave(Outcome::Error);
            job.events.try_send(RowEvent::Failed).ok();
        }
    }

    fn leave(&self, outcome: Outcome) {
        self.metrics.requests_running.fetch_sub(1, Relaxed);
        self.metrics.count(outcome);
    }

    fn show_kv(&self) {
        if let Some(Ok(bytes)) = self.cache.as_ref().map(KvCache::held_bytes) {
            self.metrics.kv_bytes_held.store(bytes as u64, Relaxed);
        }
    }
}
