//! Owns the requests that wait for the model: a bounded queue from which a client that leaves is removed.
//! Must not know what is computed.

use crate::sync::lock;
use std::collections::VecDeque;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::batch::RowRequest;
use super::metrics::{Metrics, Outcome};
use super::sample::Ending;

/// What a waiting client hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowEvent {
    /// The next token, and why it is the last where it is.
    Token {
        /// The token.
        token: u32,
        /// Set on the last token.
        ending: Option<Ending>,
    },
    /// The engine failed; nothing follows.
    Failed,
}

/// A request in the queue.
pub struct Job {
    id: u64,
    /// What to generate.
    pub request: RowRequest,
    /// Where its tokens go; closed when the client has left.
    pub events: mpsc::Sender<RowEvent>,
}

/// Why a request was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The queue is full.
    Full,
    /// The engine has stopped.
    Stopped,
}

/// A client's place, in the queue or in a batch. Dropping it frees the place.
pub struct Ticket {
    id: u64,
    queue: Arc<Queue>,
    /// The tokens; closes without an ending when the engine has stopped.
    pub events: mpsc::Receiver<RowEvent>,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.queue.remove(self.id);
    }
}

#[derive(Default)]
struct Inner {
    jobs: VecDeque<Job>,
    next_id: u64,
    closed: bool,
}

/// The queue between the HTTP server and the model's thread.
pub struct Queue {
    inner: Mutex<Inner>,
    changed: Condvar,
    capacity: usize,
    metrics: Arc<Metrics>,
}

impl Queue {
    /// An empty queue for at most `capacity` waiting requests.
    pub fn new(capacity: usize, metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self { inner: Mutex::default(), changed: Condvar::new(), capacity, metrics })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every change under the lock is complete in itself, so a panic elsewhere leaves the state usable.
        lock(&self.inner)
    }

    fn show_waiting(&self, inner: &Inner) {
        self.metrics.requests_waiting.store(inner.jobs.len() as u64, Relaxed);
    }

    /// Puts a request at the end of the queue.
    ///
    /// # Errors
    /// When the queue is full or the engine has stopped.
    pub fn push(self: &Arc<Self>, request: RowRequest) -> Result<Ticket, Refused> {
        let mut inner = self.lock();
        if inner.closed {
            return Err(Refused::Stopped);
        }
        if inner.jobs.len() >= self.capacity {
            return Err(Refused::Full);
        }
        // One event a token and one for a failure: the model's thread never waits for a slow client.
        let (events, receiver) = mpsc::channel(request.max_tokens + 1);
        let id = inner.next_id;
        inner.next_id += 1;
        inner.jobs.push_back(Job { id, request, events });
        self.show_waiting(&inner);
        drop(inner);
        self.changed.notify_all();
        Ok(Ticket { id, queue: self.clone(), events: receiver })
    }

    fn remove(&self, id: u64) {
        let mut inner = self.lock();
        let before = inner.jobs.len();
        inner.jobs.retain(|job| job.id != id);
        if inner.jobs.len() < before {
            self.metrics.count(Outcome::Abort);
        }
        self.show_waiting(&inner);
    }

    /// Waits for a request, then at most `wait` for more, and takes up to `max_rows` in order of arrival, as long
    /// as the longest prompt and the longest output together stay within `max_tokens`. `None` once closed.
    pub fn next_batch(&self, max_rows: usize, wait: Duration, max_tokens: usize) -> Option<Vec<Job>> {
        let mut inner = self.lock();
        loop {
            while inner.jobs.is_empty() && !inner.closed {
                inner = self.changed.wait(inner).unwrap_or_else(PoisonError::into_inner);
            }
            let deadline = Instant::now() + wait;
            while !inner.jobs.is_empty() && inner.jobs.len() < max_rows && !inner.closed {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                inner = self.changed.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0;
            }
            if inner.closed {
                return None;
            }
            let (mut prompt, mut output, mut rows) = (0, 0, 0);
            for job in inner.jobs.iter().take(max_rows) {
                prompt = job.request.prompt.len().max(prompt);
                output = job.request.max_tokens.max(output);
                // The first always goes: the server has checked that it fits alone.
                if rows > 0 && prompt + output > max_tokens {
                    break;
                }
                rows += 1;
            }
            if rows > 0 {
                let jobs = inner.jobs.drain(..rows).collect();
                // In the same locked step, so that a reader never sees a request in neither place.
                self.metrics.requests_running.store(rows as u64, Relaxed);
                self.show_waiting(&inner);
                return Some(jobs);
            }
        }
    }

    /// Refuses new requests, forgets the waiting ones and lets the model's thread end.
    pub fn close(&self) {
        let mut inner = self.lock();
        inner.closed = true;
        inner.jobs.clear();
        self.show_waiting(&inner);
        drop(inner);
        self.changed.notify_all();
    }

    /// Whether the engine has stopped.
    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::Sampling;
    use super::*;

    fn request(prompt: usize, max_tokens: usize) -> RowRequest {
        let sampling = Sampling { temperature: 0.0, seed: 0 };
        RowRequest { prompt: vec![1; prompt], max_tokens, min_tokens: 0, ignore_eos: true, sampling }
    }

    fn queue(capacity: usize) -> Arc<Queue> {
        Queue::new(capacity, Arc::default())
    }

    fn lengths(jobs: Option<Vec<Job>>) -> Vec<usize> {
        jobs.unwrap().iter().map(|job| job.request.prompt.len()).collect()
    }

    #[test]
    fn batches_keep_order_and_bounds() {
        let queue = queue(10);
        let _tickets: Vec<_> = [1, 2, 3, 90, 4].map(|prompt| queue.push(request(prompt, 20)).unwrap()).into();
        let next = |rows| lengths(queue.next_batch(rows, Duration::ZERO, 100));
        assert_eq!(next(2), [1, 2]);
        assert_eq!(next(8), [3], "90 + 20 is over 100, so it does not join");
        assert_eq!(next(8), [90], "but it goes alone");
        assert_eq!(next(1), [4]);
    }

    #[test]
    fn a_client_that_leaves_frees_its_place() {
        let queue = queue(2);
        let first = queue.push(request(1, 1)).unwrap();
        let _second = queue.push(request(2, 1)).unwrap();
        assert_eq!(queue.push(request(3, 1)).err(), Some(Refused::Full));
        drop(first);
        let _third = queue.push(request(3, 1)).unwrap();
        assert_eq!(lengths(queue.next_batch(8, Duration::ZERO, 100)), [2, 3]);
    }

    #[test]
    fn closing_ends_everybody() {
        let queue = queue(2);
        let mut ticket = queue.push(request(1, 1)).unwrap();
        queue.close();
        assert!(queue.next_batch(8, Duration::from_secs(60), 100).is_none());
        assert_eq!(ticket.events.blocking_recv(), None);
        assert_eq!(queue.push(request(1, 1)).err(), Some(Refused::Stopped));
    }

    #[test]
    fn a_full_batch_does_not_wait() {
        let queue = queue(8);
        let sender = queue.clone();
        let tickets = std::thread::spawn(move || [1, 2].map(|prompt| sender.push(request(prompt, 1)).unwrap()));
        assert_eq!(lengths(queue.next_batch(2, Duration::from_secs(600), 100)), [1, 2]);
        drop(tickets.join().unwrap());
    }
}
