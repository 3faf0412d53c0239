//! Owns what looking at the machine costs: CPU time of the threads that read, time of their reads, and their pace.
//! Must not know how any of it is measured. Sums are integers, so that events add up in any order.

use crate::units::{NS_PER_S, finite, ns_to_ms, ns_to_s};
use serde::{Deserialize, Serialize};

/// Reads GPUs at the plan's rate.
pub const GPU_READER: &str = "gpu";
/// Reads what GPUs take long to tell.
pub const GPU_SLOW_READER: &str = "gpu-slow";
/// Reads the host.
pub const HOST_READER: &str = "host";
/// Looks at each core and process of the host.
pub const PROCESSES_READER: &str = "host-processes";
/// Reads the engine's page of metrics.
pub const ENGINE_READER: &str = "engine-metrics";

/// Most threads that a sum tells of; there are fewer.
const MAX_READERS: usize = 16;
/// Below this part of the rate that was asked for, the one that was reached is told.
const RATE_KEPT: f64 = 0.95;

/// What looking cost since the event before that tells; in a view, over the whole run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observer {
    /// Time that this is of, ns.
    pub wall_ns: u64,
    /// Each thread that reads, in order of name.
    pub readers: Vec<Reader>,
}

/// One thread that reads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reader {
    /// Its name.
    pub name: String,
    /// Time from one read to the next that was asked for, ns.
    pub period_ns: u64,
    /// CPU time that it used, ns; absent where the system does not tell.
    pub cpu_ns: Option<u64>,
    /// Reads that ended.
    pub reads: u64,
    /// Time that they took, ns.
    pub read_ns: u64,
    /// Time of the longest of them, ns.
    pub longest_ns: u64,
    /// Reads that followed another.
    pub steps: u64,
    /// Time from the begin of each read to that of the one that followed, ns; of one that is overdue until now.
    pub step_ns: u64,
    /// Reads after which the next came later than asked for, because they took so long.
    pub stretched: u64,
    /// Reads that were due and never made, because their thread was held up.
    pub skipped: u64,
}

impl Observer {
    /// Adds what another stretch of time cost.
    pub fn add(&mut self, other: &Self) {
        self.wall_ns += other.wall_ns;
        for reader in &other.readers {
            match self.readers.binary_search_by(|known| known.name.cmp(&reader.name)) {
                Ok(at) => self.readers[at].add(reader),
                Err(at) => self.readers.insert(at, reader.clone()),
            }
        }
        // One that stays has never been left out before: there were never as many others before it.
        self.readers.truncate(MAX_READERS);
    }

    /// The figures; absent where nobody has read.
    #[must_use]
    pub fn figures(&self) -> Option<ObserverFigures> {
        let readers: Vec<ReaderFigures> = self.readers.iter().map(|reader| reader.figures(self.wall_ns)).collect();
        let cpu_share = readers.iter().map(|reader| reader.cpu_share).sum();
        let figures = ObserverFigures { seconds: ns_to_s(self.wall_ns), cpu_share, readers };
        (self.wall_ns > 0 && !self.readers.is_empty()).then_some(figures)
    }
}

impl Reader {
    fn add(&mut self, other: &Self) {
        self.period_ns = self.period_ns.max(other.period_ns);
        self.cpu_ns = Option::zip(self.cpu_ns, other.cpu_ns).map(|(mine, theirs)| mine + theirs);
        self.reads += other.reads;
        self.read_ns += other.read_ns;
        self.longest_ns = self.longest_ns.max(other.longest_ns);
        self.steps += other.steps;
        self.step_ns += other.step_ns;
        self.stretched += other.stretched;
        self.skipped += other.skipped;
    }

    fn figures(&self, wall_ns: u64) -> ReaderFigures {
        let per = |sum: u64, n: u64| finite(sum as f64 / n as f64);
        ReaderFigures {
            name: self.name.clone(),
            asked_hz: NS_PER_S as f64 / self.period_ns.max(1) as f64,
            reached_hz: per(self.steps, self.step_ns).map(|per_ns| per_ns * NS_PER_S as f64),
            cpu_share: self.cpu_ns.and_then(|ns| per(ns, wall_ns)),
            reads: self.reads,
            read_mean_ms: per(self.read_ns, self.reads).map(|ns| ns / 1e6),
            read_max_ms: (self.reads > 0).then(|| ns_to_ms(self.longest_ns)),
            stretched: self.stretched,
            skipped: self.skipped,
        }
    }
}

/// What looking cost, in the units that people read. The log's part, which writes down what was read, is not in it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ObserverFigures {
    /// Time that this is of, s.
    pub seconds: f64,
    /// CPU time of all threads that read over that time: 1 is a core. Absent where one of them is unknown.
    pub cpu_share: Option<f64>,
    /// Each of them, in order of name.
    pub readers: Vec<ReaderFigures>,
}

/// The same of one thread.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReaderFigures {
    /// Its name.
    pub name: String,
    /// Reads per second that were asked for.
    pub asked_hz: f64,
    /// Reads per second that were made; absent before the second.
    pub reached_hz: Option<f64>,
    /// Its CPU time over wall time: 1 is a core.
    pub cpu_share: Option<f64>,
    /// Reads.
    pub reads: u64,
    /// Mean time of a read, ms.
    pub read_mean_ms: Option<f64>,
    /// Longest time of a read, ms.
    pub read_max_ms: Option<f64>,
    /// Reads after which the next came later than asked for, because they took so long.
    pub stretched: u64,
    /// Reads that were due and never made.
    pub skipped: u64,
}

impl ReaderFigures {
    /// What it reads, in words.
    #[must_use]
    pub fn words(&self) -> &str {
        match self.name.as_str() {
            ENGINE_READER => "the engine's page",
            GPU_READER => "GPUs",
            GPU_SLOW_READER => "slow counters of GPUs",
            HOST_READER => "the host",
            PROCESSES_READER => "processes",
            name => name,
        }
    }

    fn is_behind(&self) -> bool {
        self.reached_hz.is_some_and(|hz| hz < RATE_KEPT * self.asked_hz)
    }
}

impl ObserverFigures {
    /// What looking at this rate, Hz, cost, as a sentence.
    #[must_use]
    pub fn sentence(&self, rate_hz: f64) -> String {
        let ms = |ms: f64| if ms < 0.1 { "under 0.1 ms".to_owned() } else { format!("{ms:.1} ms") };
        let cpu = self.cpu_share.map_or_else(
            || "took an unknown part of a core".to_owned(),
            |share| format!("took {:.2} % of one core", share * 100.0),
        );
        let quick = [ENGINE_READER, GPU_READER, HOST_READER];
        let quick = quick.iter().filter_map(|name| self.readers.iter().find(|reader| reader.name == *name));
        let reads: Vec<String> =
            quick.filter_map(|reader| Some(format!("{} of {}", ms(reader.read_mean_ms?), reader.words()))).collect();
        let mut sentence = format!("Sampling at {rate_hz} Hz {cpu}");
        if !reads.is_empty() {
            sentence.push_str(&format!("; a read took {}", reads.join(", ")));
        }
        for reader in self.readers.iter().filter(|reader| reader.is_behind()) {
            if let Some(hz) = reader.reached_hz {
                sentence.push_str(&format!("; {} at {hz:.1} of {} Hz", reader.words(), reader.asked_hz));
            }
        }
        sentence.push('.');
        sentence
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn reader(name: &str, cpu_ns: Option<u64>) -> Reader {
        Reader {
            name: name.into(),
            period_ns: 100 * MS,
            cpu_ns,
            reads: 10,
            read_ns: 140 * MS,
            longest_ns: 30 * MS,
            steps: 9,
            step_ns: 900 * MS,
            stretched: 0,
            skipped: 0,
        }
    }

    fn observer(readers: Vec<Reader>) -> Observer {
        Observer { wall_ns: 1000 * MS, readers }
    }

    #[test]
    fn stretches_add_up_in_any_order() {
        let slow = Reader { longest_ns: 90 * MS, skipped: 2, ..reader(ENGINE_READER, Some(4 * MS)) };
        let parts =
            [observer(vec![reader(ENGINE_READER, Some(5 * MS)), reader(HOST_READER, Some(MS))]), observer(vec![slow])];
        let (mut forward, mut backward) = (Observer::default(), Observer::default());
        parts.iter().for_each(|part| forward.add(part));
        parts.iter().rev().for_each(|part| backward.add(part));
        assert_eq!(forward, backward);
        let figures = forward.figures().unwrap();
        let of_engine = &figures.readers[0];
        assert_eq!((of_engine.reads, of_engine.skipped, of_engine.read_max_ms), (20, 2, Some(90.0)));
        assert_eq!((of_engine.reached_hz, of_engine.read_mean_ms), (Some(10.0), Some(14.0)));
        assert!((figures.cpu_share.unwrap() - 0.005).abs() < 1e-9, "{figures:?}");
    }

    #[test]
    fn what_is_unknown_is_no_zero() {
        assert_eq!(Observer::default().figures(), None);
        let figures = observer(vec![reader(HOST_READER, Some(MS)), reader(GPU_READER, None)]).figures().unwrap();
        assert_eq!(figures.cpu_share, None);
        let none = Reader { reads: 0, read_ns: 0, steps: 0, step_ns: 0, ..reader(HOST_READER, Some(0)) };
        let none = observer(vec![none]).figures().unwrap();
        assert_eq!((none.readers[0].read_mean_ms, none.readers[0].reached_hz), (None, None));
        assert_eq!(none.readers[0].read_max_ms, None);
    }

    #[test]
    fn the_sentence_names_what_it_costs_and_what_fell_behind() {
        let check = |readers: Vec<Reader>, expect: &str| {
            assert_eq!(observer(readers).figures().unwrap().sentence(10.0), expect);
        };
        let quick = Reader { read_ns: 100_000, ..reader(HOST_READER, Some(MS)) };
        check(
            vec![reader(ENGINE_READER, Some(8 * MS)), quick],
            "Sampling at 10 Hz took 0.90 % of one core; a read took 14.0 ms of the engine's page, under 0.1 ms of the \
             host.",
        );
        let behind = Reader { step_ns: 2250 * MS, ..reader(ENGINE_READER, None) };
        check(
            vec![behind],
            "Sampling at 10 Hz took an unknown part of a core; a read took 14.0 ms of the engine's page; the engine's \
             page at 4.0 of 10 Hz.",
        );
    }
}
