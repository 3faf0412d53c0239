//! Owns the account of what threads that read cost: CPU time, time of reads, how the pace was kept.
//! Must not know what is read.

use super::pace::Next;
use crate::sync::lock;
use shared::telemetry::{Observer, Reader};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What threads cost; cloning gives another handle.
#[derive(Clone)]
pub struct Effort(Arc<Mutex<Efforts>>);

struct Efforts {
    accounts: Vec<Arc<Mutex<Account>>>,
    told: Instant,
}

/// One read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Read {
    /// When it began, since the thread did.
    pub begun: Duration,
    /// When it ended.
    pub ended: Duration,
    /// CPU time of the thread by then, ns, where the system tells.
    pub cpu_ns: Option<u64>,
    /// What came of it.
    pub next: Next,
}

/// What one thread cost.
#[derive(Debug)]
pub(super) struct Account {
    since: Instant,
    period: Duration,
    /// Since it was told last.
    reader: Reader,
    /// CPU time that has been accounted for, ns.
    cpu_ns: u64,
    /// Up to when the time between reads has been, since the thread began; absent before the first read.
    stepped: Option<Duration>,
}

impl Effort {
    /// That of no thread yet.
    pub(super) fn beginning_now() -> Self {
        Self(Arc::new(Mutex::new(Efforts { accounts: Vec::new(), told: Instant::now() })))
    }

    /// Opens the account of a thread.
    pub(super) fn open(&self, name: &str, period: Duration) -> Arc<Mutex<Account>> {
        let account = Arc::new(Mutex::new(Account::new(name, period)));
        lock(&self.0).accounts.push(Arc::clone(&account));
        account
    }

    /// What they cost since this was asked last.
    #[must_use]
    pub fn take(&self) -> Observer {
        let mut efforts = lock(&self.0);
        let now = Instant::now();
        let wall = now - std::mem::replace(&mut efforts.told, now);
        let mut observer = Observer { wall_ns: ns(wall), readers: Vec::new() };
        for account in &efforts.accounts {
            let mut account = lock(account);
            let elapsed = now.saturating_duration_since(account.since);
            let readers = vec![account.take(elapsed)];
            observer.add(&Observer { wall_ns: 0, readers });
        }
        observer
    }
}

impl Account {
    fn new(name: &str, period: Duration) -> Self {
        let reader = Self::of(name, period);
        Self { since: Instant::now(), period, reader, cpu_ns: 0, stepped: None }
    }

    fn of(name: &str, period: Duration) -> Reader {
        Reader { name: name.to_owned(), period_ns: ns(period), cpu_ns: Some(0), ..Reader::default() }
    }

    /// When the thread began.
    pub fn since(&self) -> Instant {
        self.since
    }

    /// Enters a read.
    pub fn enter(&mut self, read: Read) {
        let reader = &mut self.reader;
        let took_ns = ns(read.ended.saturating_sub(read.begun));
        reader.reads += 1;
        reader.read_ns += took_ns;
        reader.longest_ns = reader.longest_ns.max(took_ns);
        if let Some(stepped) = self.stepped {
            reader.steps += 1;
            reader.step_ns += ns(read.begun.saturating_sub(stepped));
        }
        self.stepped = Some(self.stepped.map_or(read.begun, |stepped| stepped.max(read.begun)));
        reader.cpu_ns = Option::zip(reader.cpu_ns, read.cpu_ns).map(|(sum, now)| sum + now.saturating_sub(self.cpu_ns));
        self.cpu_ns = read.cpu_ns.unwrap_or(self.cpu_ns);
        reader.stretched += u64::from(read.next.stretched);
        reader.skipped += read.next.skipped;
    }

    /// What it cost since this was asked last. A read that is overdue by another period is as far apart as it is by now:
    /// one that never comes must not leave the pace as it was.
    fn take(&mut self, now: Duration) -> Reader {
        if let Some(stepped) = self.stepped.filter(|stepped| now > *stepped + self.period * 2) {
            self.reader.step_ns += ns(now - stepped);
            self.stepped = Some(now);
        }
        let anew = Self::of(&self.reader.name, self.period);
        std::mem::replace(&mut self.reader, anew)
    }
}

fn ns(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn read(begun: u64, ended: u64, cpu_ns: Option<u64>) -> Read {
        Read { begun: ms(begun), ended: ms(ended), cpu_ns, next: Next { due: ms(0), stretched: false, skipped: 0 } }
    }

    #[test]
    fn reads_are_added_up_and_told_once() {
        let mut account = Account::new("gpu", ms(100));
        account.enter(read(0, 5, Some(MS)));
        account.enter(Read { next: Next { due: ms(0), stretched: true, skipped: 2 }, ..read(100, 140, Some(4 * MS)) });
        let told = account.take(ms(150));
        assert_eq!((told.reads, told.read_ns, told.longest_ns), (2, 45 * MS, 40 * MS));
        assert_eq!((told.cpu_ns, told.stretched, told.skipped), (Some(4 * MS), 1, 2));
        assert_eq!((told.steps, told.step_ns, told.period_ns), (1, 100 * MS, 100 * MS));
        account.enter(read(200, 201, Some(5 * MS)));
        let told = account.take(ms(250));
        assert_eq!((told.reads, told.cpu_ns, told.steps, told.step_ns), (1, Some(MS), 1, 100 * MS));
        assert_eq!(account.take(ms(260)).reads, 0);
    }

    #[test]
    fn a_read_that_never_comes_slows_the_pace_and_is_counted_once() {
        let mut account = Account::new("gpu", ms(100));
        assert_eq!(account.take(ms(500)).step_ns, 0);
        account.enter(read(500, 501, None));
        account.enter(read(600, 601, None));
        let told = account.take(ms(1600));
        assert_eq!((told.steps, told.step_ns, told.cpu_ns), (1, 1100 * MS, None));
        account.enter(read(2600, 2601, Some(MS)));
        let told = account.take(ms(2650));
        assert_eq!((told.steps, told.step_ns), (1, 1000 * MS));
        // One that is due just now is no slower pace.
        assert_eq!(account.take(ms(2701)).step_ns, 0);
    }
}
