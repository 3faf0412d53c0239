//! Owns the threads that read sources at their pace, each its own, off the load generator's core.
//! Must not know what is read.

use super::effort::{Account, Effort, Read};
use super::pace::Pace;
use super::row::Said;
use crate::cores;
use crate::load::Clock;
use crate::sync::lock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;
use tokio::sync::mpsc;

/// How much nicer these threads are than others: where cores are few, load goes first.
const NICENESS: i32 = 5;

/// Something that can be read again and again.
pub trait Source: Send {
    /// Reads once and says what came of it.
    fn read(&mut self, clock: &Clock, say: &mut dyn FnMut(Said));
}

/// A source with its pace and its thread's name.
pub struct Paced {
    /// The thread's name, at most 15 bytes.
    pub name: &'static str,
    /// How often.
    pub pace: Pace,
    /// What.
    pub source: Box<dyn Source>,
}

/// Threads that read. When this is dropped they end, each as soon as its read under way is over; the channel that they
/// speak on closes with the last of them. Nobody waits for a driver that does not answer.
pub struct Sampler {
    threads: Vec<(&'static str, Arc<Bell>)>,
    dropped: Dropped,
    effort: Effort,
}

/// How much found no room; cloning gives another handle.
#[derive(Clone, Default)]
pub struct Dropped(Arc<AtomicU64>);

impl Dropped {
    /// What was dropped since the last call.
    #[must_use]
    pub fn take(&self) -> u64 {
        self.0.swap(0, Relaxed)
    }
}

/// Wakes a thread that waits for its next read.
#[derive(Default)]
struct Bell {
    asked: Mutex<Asked>,
    rung: Condvar,
}

#[derive(Default, Clone, Copy)]
struct Asked {
    now: bool,
    stop: bool,
}

impl Sampler {
    /// Starts a thread a source. What they say goes to `said`; what finds no room there is dropped and counted, since
    /// nobody waits for a reader here.
    ///
    /// # Errors
    /// Where the host has no thread for it.
    pub fn start(sources: Vec<Paced>, clock: Clock, said: &mpsc::Sender<Said>) -> std::io::Result<Self> {
        let (dropped, effort) = (Dropped::default(), Effort::beginning_now());
        let mut sampler = Self { threads: Vec::new(), dropped, effort };
        for Paced { name, pace, mut source } in sources {
            let (bell, said, dropped) = (Arc::new(Bell::default()), said.clone(), sampler.dropped.clone());
            let (ring, account) = (Arc::clone(&bell), sampler.effort.open(name, pace.period));
            std::thread::Builder::new().name(name.to_owned()).spawn(move || {
                step_aside();
                let mut say = |what| {
                    if said.try_send(what).is_err() {
                        dropped.0.fetch_add(1, Relaxed);
                    }
                };
                run(pace, &ring, &account, || source.read(&clock, &mut say));
            })?;
            sampler.threads.push((name, bell));
        }
        Ok(sampler)
    }

    /// Has a source read at once.
    pub fn read_now(&self, name: &str) {
        let of_that_name = self.threads.iter().filter(|(of, _)| *of == name);
        of_that_name.for_each(|(_, bell)| bell.ask(|asked| asked.now = true));
    }

    /// What finds no room.
    #[must_use]
    pub fn dropped(&self) -> Dropped {
        self.dropped.clone()
    }

    /// What these threads cost.
    #[must_use]
    pub fn effort(&self) -> Effort {
        self.effort.clone()
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.threads.iter().for_each(|(_, bell)| bell.ask(|asked| asked.stop = true));
    }
}

impl Bell {
    fn ask(&self, what: impl FnOnce(&mut Asked)) {
        what(&mut lock(&self.asked));
        self.rung.notify_all();
    }

    /// Waits until then or until somebody asks; says what for.
    fn wait_until(&self, then: Instant) -> Asked {
        let mut asked = lock(&self.asked);
        loop {
            let left = then.saturating_duration_since(Instant::now());
            if asked.stop || asked.now || left.is_zero() {
                let answer = *asked;
                asked.now = false;
                return answer;
            }
            asked = self.rung.wait_timeout(asked, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

fn run(pace: Pace, bell: &Bell, account: &Mutex<Account>, mut read: impl FnMut()) {
    let start = lock(account).since();
    let mut due = std::time::Duration::ZERO;
    while !bell.wait_until(start + due).stop {
        let begun = start.elapsed();
        read();
        let ended = start.elapsed();
        // A read that somebody asked for in between moves the grid.
        let next = pace.next(due.min(begun), ended - begun, ended);
        due = next.due;
        lock(account).enter(Read { begun, ended, cpu_ns: cores::used_by_this_thread(), next });
    }
}

/// Leaves the load generator its core and, where it has none of its own, the first turn.
fn step_aside() {
    if let Err(error) = cores::keep_off_load() {
        tracing::debug!(%error, "a thread that samples may run on the load generator's core");
    }
    // Of the calling thread alone, as Linux has it.
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::debug!(%error, "a thread that samples runs as urgently as others");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Says when it is read.
    struct Counted(u64);

    impl Source for Counted {
        fn read(&mut self, clock: &Clock, say: &mut dyn FnMut(Said)) {
            self.0 += 1;
            let row = super::super::Row::read(&self.0.to_string(), clock, Vec::new);
            say(Said::Row(row));
        }
    }

    fn started(period: Duration, room: usize) -> (Sampler, mpsc::Receiver<Said>) {
        let (said, heard) = mpsc::channel(room);
        let paced = Paced { name: "counted", pace: Pace { period, rest: 2 }, source: Box::new(Counted(0)) };
        (Sampler::start(vec![paced], Clock::starting_now(), &said).unwrap(), heard)
    }

    #[test]
    fn a_source_is_read_at_once_when_asked_and_no_more_when_dropped() {
        let (sampler, mut heard) = started(Duration::from_secs(3600), 9);
        let mut next = || match heard.blocking_recv() {
            Some(Said::Row(row)) => Some(row.source),
            _ => None,
        };
        assert_eq!(next().as_deref(), Some("1"));
        sampler.read_now("another");
        sampler.read_now("counted");
        assert_eq!(next().as_deref(), Some("2"));
        drop(sampler);
        assert_eq!(next(), None);
    }

    #[test]
    fn nobody_waits_for_a_reader_and_what_is_dropped_is_counted() {
        let (sampler, heard) = started(Duration::from_millis(1), 1);
        while sampler.dropped.0.load(Relaxed) < 3 {
            std::thread::yield_now();
        }
        assert!(sampler.dropped().take() >= 3);
        drop(heard);
    }
}
