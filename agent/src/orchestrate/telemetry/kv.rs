//! Owns what is kept of an engine's KV cache and of its GPUs' memory, for as long as a trial may ask for it.
//! Must not know how either is read, or what is made of it.

use crate::record::{KvRead, KvSeen, Span};
use crate::telemetry::Row;
use shared::telemetry::{self as signals, Field, MemoryAboveIdle, Signal};
use std::collections::BTreeMap;

/// Most reads of one thing that are kept: those of two hours at the usual highest rate of an engine's page. Beyond it
/// every second one goes, the emptier of each two.
const MAX_KEPT: usize = 1 << 16;

/// What was read.
#[derive(Debug, Default)]
pub(super) struct KvMeter {
    reads: Vec<KvRead>,
    /// Of each GPU by its source.
    memory: BTreeMap<String, MemoryKept>,
}

/// Memory of a GPU in use by anybody.
#[derive(Debug, Default)]
struct MemoryKept {
    /// What came of the first read of this life, when the engine was ready and nobody had asked it for anything.
    idle: Option<Field>,
    /// When, ns of run time, and how much, bytes.
    reads: Vec<(u64, u64)>,
}

impl KvMeter {
    /// Takes a read; one that tells nothing of this changes nothing.
    pub fn add(&mut self, row: &Row) {
        let of = |wanted: Signal| row.fields.iter().find(|(signal, _)| *signal == wanted).map(|(_, field)| *field);
        if let Some(used) = of(signals::MEMORY_USED) {
            let kept = self.memory.entry(row.source.clone()).or_default();
            kept.idle.get_or_insert(used);
            kept.reads.extend(used.value().map(|bytes| (row.at_ns(), bytes)));
            thin(&mut kept.reads, |read| read.1);
        }
        // Whatever an engine tells, it tells this.
        if let Some(running) = of(signals::RUNNING) {
            let value = |signal| of(signal).and_then(Field::value);
            self.reads.push(KvRead {
                begun_ns: row.begun_ns,
                ended_ns: row.ended_ns,
                used_ppm: value(signals::KV_USED),
                bytes: value(signals::KV_BYTES),
                running: running.value(),
                waiting: value(signals::WAITING),
                preempted: value(signals::PREEMPTIONS),
            });
            thin(&mut self.reads, |read| (read.used_ppm, read.bytes, read.running));
        }
    }

    /// When the engine was read last, ns of run time; absent where it never was.
    pub fn read_until_ns(&self) -> Option<u64> {
        self.reads.last().map(|read| read.begun_ns)
    }

    /// What came before is of no more use.
    pub fn forget_before(&mut self, t_ns: u64) {
        self.reads.retain(|read| read.ended_ns >= t_ns);
        self.memory.values_mut().for_each(|kept| kept.reads.retain(|(at_ns, _)| *at_ns >= t_ns));
    }

    /// What was read in a span, of memory where the GPUs are known to be the engine's.
    pub fn during(&self, span: &Span, knows_gpus: bool) -> KvSeen {
        let inside = |read: &&KvRead| read.begun_ns >= span.start_ns && read.ended_ns < span.end_ns;
        let reads = self.reads.iter().filter(inside).copied().collect();
        KvSeen { reads, memory: self.memory_during(span).filter(|_| knows_gpus) }
    }

    /// Absent where one of the GPUs did not tell.
    fn memory_during(&self, span: &Span) -> Option<MemoryAboveIdle> {
        let mut all = MemoryAboveIdle { gpus: u32::try_from(self.memory.len()).ok()?, ..MemoryAboveIdle::default() };
        for kept in self.memory.values() {
            all.idle_bytes += kept.idle.and_then(Field::value)?;
            let inside = kept.reads.iter().filter(|(at_ns, _)| span.contains(*at_ns));
            all.peak_bytes += inside.map(|(_, bytes)| *bytes).max()?;
        }
        Some(all).filter(|all| all.gpus > 0)
    }
}

/// Keeps the fuller of each two reads where there are too many.
fn thin<T: Copy, K: Ord>(reads: &mut Vec<T>, fullness: impl Fn(&T) -> K) {
    if reads.len() > MAX_KEPT {
        let fuller = |pair: &[T]| pair.iter().copied().max_by_key(|read| fullness(read));
        *reads = reads.chunks(2).filter_map(fuller).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Window;
    use shared::plan::Arrival;

    fn span(start_ns: u64, end_ns: u64) -> Span {
        let window = Window {
            start_ns: Some(start_ns),
            end_ns: Some(end_ns),
            load_end_ns: end_ns,
            by_count: false,
            arrival: Arrival::Closed,
        };
        Span::of(&[], window)
    }

    fn row(source: &str, at_ns: u64, fields: &[(Signal, Field)]) -> Row {
        Row { source: source.into(), begun_ns: at_ns, ended_ns: at_ns, fields: fields.to_vec() }
    }

    fn gpu(n: u32, at_ns: u64, used: Field) -> Row {
        row(&format!("gpu:{n}"), at_ns, &[(signals::MEMORY_USED, used), (signals::BUSY, Field::Value(9))])
    }

    #[test]
    fn memory_is_above_what_was_held_when_idle_on_all_gpus_or_unknown() {
        use Field::{Failed, Value};
        let check = |rows: &[Row], expect: Option<(u64, u64, u32)>| {
            let mut meter = KvMeter::default();
            rows.iter().for_each(|row| meter.add(row));
            let memory = meter.during(&span(10, 20), true).memory;
            assert_eq!(memory.map(|of| (of.idle_bytes, of.peak_bytes, of.gpus)), expect, "{rows:?}");
            assert_eq!(meter.during(&span(10, 20), false).memory, None);
        };
        let one = [gpu(0, 1, Value(100)), gpu(0, 11, Value(130)), gpu(0, 12, Value(170)), gpu(0, 25, Value(999))];
        check(&one, Some((100, 170, 1)));
        check(&[&one[..], &[gpu(1, 1, Value(5)), gpu(1, 15, Value(6))]].concat(), Some((105, 176, 2)));
        check(&[&one[..], &[gpu(1, 1, Failed(15)), gpu(1, 15, Value(6))]].concat(), None);
        check(&[gpu(0, 1, Value(100)), gpu(0, 25, Value(999))], None);
        check(&[], None);
    }

    #[test]
    fn reads_of_the_engine_are_those_of_the_span() {
        let mut meter = KvMeter::default();
        for at_ns in [5, 10, 15, 20] {
            let used = if at_ns == 15 { Field::NotSupported } else { Field::Value(at_ns) };
            meter.add(&row("engine", at_ns, &[(signals::KV_USED, used), (signals::RUNNING, Field::Value(3))]));
            meter.add(&row("host", at_ns, &[(signals::CPU_BUSY, Field::Value(3))]));
        }
        let used = |meter: &KvMeter| -> Vec<Option<u64>> {
            meter.during(&span(10, 20), true).reads.iter().map(|read| read.used_ppm).collect()
        };
        assert_eq!((used(&meter), meter.read_until_ns()), (vec![Some(10), None], Some(20)));
        meter.forget_before(11);
        assert_eq!(used(&meter), [None]);
    }

    #[test]
    fn many_reads_are_thinned_and_the_fullest_stays() {
        let mut reads: Vec<(u64, u64)> = (0..=MAX_KEPT as u64).map(|n| (n, if n == 7 { 9 } else { 1 })).collect();
        thin(&mut reads, |read| read.1);
        assert_eq!((reads.len(), reads.contains(&(7, 9))), (MAX_KEPT / 2 + 1, true));
    }
}
