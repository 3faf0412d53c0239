//! Owns GPUs as sources: what is read at the plan's rate and what only once a second.
//! Must not know the driver's library.

use super::host::Tree;
use super::increment::Increment;
use super::nvml::{Gpu, Nvml, Process, Xids};
use super::row::{Row, Said};
use super::sampler::Source;
use crate::load::Clock;
use shared::telemetry::{self as signals, Field, Look, ProcessUse, Trouble, TroubleKind};

/// What is read at the plan's rate.
pub struct Fast(Vec<(Gpu, Increment)>);

/// What takes long to read: counters of the bus, memory errors, processes.
pub struct Slow(Vec<Slowly>);

struct Slowly {
    gpu: Gpu,
    xids: Option<Xids>,
    corrected: Increment,
    uncorrected: Increment,
    nvlink_rx: Increment,
    nvlink_tx: Increment,
}

impl Fast {
    /// Reads these.
    #[must_use]
    pub fn of(gpus: Vec<Gpu>) -> Self {
        Self(gpus.into_iter().map(|gpu| (gpu, Increment::default())).collect())
    }
}

impl Source for Fast {
    fn read(&mut self, clock: &Clock, say: &mut dyn FnMut(Said)) {
        for (gpu, energy) in &mut self.0 {
            let source = &gpu.facts.source;
            // Each group is stamped by itself, so that a slow call blurs no other group's time.
            let rows = [
                Row::read(source, clock, || {
                    let (chip, memory) = gpu.busy();
                    vec![
                        (signals::MEMORY_USED, gpu.memory_used()),
                        (signals::BUSY, chip),
                        (signals::MEMORY_BUSY, memory),
                    ]
                }),
                Row::read(source, clock, || {
                    vec![(signals::POWER, gpu.power()), (signals::ENERGY, energy.of(gpu.energy()))]
                }),
                Row::read(source, clock, || {
                    let (sm, memory) = gpu.clocks();
                    let (by_heat, by_power) = gpu.throttled();
                    vec![
                        (signals::SM_CLOCK, sm),
                        (signals::MEMORY_CLOCK, memory),
                        (signals::THROTTLED_BY_HEAT, by_heat),
                        (signals::THROTTLED_BY_POWER, by_power),
                        (signals::TEMPERATURE, gpu.temperature()),
                        (signals::MEMORY_TEMPERATURE, gpu.memory_temperature()),
                    ]
                }),
            ];
            let fields: Vec<Field> = rows.iter().flat_map(|row| row.fields.iter().map(|(_, field)| *field)).collect();
            let news = gpu.news(&fields).map(|(kind, code)| trouble(gpu, clock, kind, code));
            rows.into_iter().map(Said::Row).chain(news).for_each(&mut *say);
        }
    }
}

impl Slow {
    /// Reads these.
    #[must_use]
    pub fn of(nvml: Nvml, gpus: Vec<Gpu>) -> Self {
        let slowly = |gpu: Gpu| Slowly {
            xids: Xids::of(nvml, &gpu),
            gpu,
            corrected: Increment::default(),
            uncorrected: Increment::default(),
            nvlink_rx: Increment::default(),
            nvlink_tx: Increment::default(),
        };
        Self(gpus.into_iter().map(slowly).collect())
    }
}

impl Source for Slow {
    fn read(&mut self, clock: &Clock, say: &mut dyn FnMut(Said)) {
        let tree = Tree::of_this_agent();
        for of in &mut self.0 {
            let xids = of.xids.as_mut().map(Xids::take).unwrap_or_default();
            xids.into_iter().for_each(|code| say(trouble(&of.gpu, clock, TroubleKind::Xid, code)));
            let source = of.gpu.facts.source.clone();
            say(Said::Row(Row::read(&source, clock, || {
                let (rx, tx) = of.gpu.pcie();
                vec![(signals::PCIE_RX, rx), (signals::PCIE_TX, tx)]
            })));
            say(Said::Row(Row::read(&source, clock, || {
                let ((corrected, uncorrected), (rx, tx)) = (of.gpu.ecc(), of.gpu.nvlink());
                vec![
                    (signals::ECC_CORRECTED, of.corrected.of(corrected)),
                    (signals::ECC_UNCORRECTED, of.uncorrected.of(uncorrected)),
                    (signals::NVLINK_RX, of.nvlink_rx.of(rx)),
                    (signals::NVLINK_TX, of.nvlink_tx.of(tx)),
                ]
            })));
            let mut uses = Vec::new();
            say(Said::Row(Row::read(&source, clock, || {
                let (ours, others);
                (uses, ours, others) = attributed(of.gpu.processes(), &tree);
                vec![(signals::ENGINE_MEMORY, ours), (signals::OTHERS_MEMORY, others)]
            })));
            say(Said::Look(Look { at_ns: clock.now_ns(), source, processes: uses, cores: vec![] }));
        }
    }
}

fn trouble(gpu: &Gpu, clock: &Clock, kind: TroubleKind, code: u64) -> Said {
    Said::Trouble(Trouble { source: gpu.facts.source.clone(), at_ns: clock.now_ns(), kind, code })
}

/// Who holds how much, and what that is for this agent's engines and for others. In a container the driver names
/// processes of the host, of which none is known here: then nobody can say whose the memory is, and only how much the
/// device holds in all tells.
fn attributed(processes: Result<Vec<Process>, Field>, tree: &Tree) -> (Vec<ProcessUse>, Field, Field) {
    let processes = match processes {
        Ok(processes) => processes,
        Err(absent) => return (vec![], absent, absent),
    };
    let mut uses: Vec<ProcessUse> = processes
        .iter()
        .map(|process| ProcessUse {
            pid: process.pid,
            name: tree.name_of(process.pid),
            is_ours: tree.is_ours(process.pid),
            memory_bytes: process.memory_bytes,
            busy: process.busy,
        })
        .collect();
    let sum = |ours: bool| {
        let mut of = uses.iter().filter(|process| process.is_ours == ours);
        of.try_fold(0, |sum, process| Some(sum + process.memory_bytes?)).map_or(Field::NotSupported, Field::Value)
    };
    // Nobody that the driver names is a process of this host as far as can be seen from here.
    let is_foreign = !uses.is_empty() && uses.iter().all(|process| process.name.is_none());
    let (ours, others) = if is_foreign { (Field::NotSupported, Field::NotSupported) } else { (sum(true), sum(false)) };
    uses.sort_by_key(|process| std::cmp::Reverse(process.memory_bytes));
    uses.truncate(Look::MAX_PROCESSES);
    (uses, ours, others)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(processes: &[(u32, Option<u64>)], ours: Field, others: Field) {
        let tree = Tree::of([
            (1, 0, "init"),
            (std::process::id(), 1, "agent"),
            (700, std::process::id(), "engine"),
            (701, 700, "worker"),
            (9, 1, "x"),
        ]);
        let process =
            |(pid, memory_bytes): &(u32, Option<u64>)| Process { pid: *pid, memory_bytes: *memory_bytes, busy: None };
        let read = Ok(processes.iter().map(process).collect());
        let (uses, got_ours, got_others) = attributed(read, &tree);
        assert_eq!((got_ours, got_others), (ours, others), "{processes:?}");
        assert_eq!(uses.len(), processes.len());
    }

    #[test]
    fn memory_is_the_engines_where_its_processes_descend_from_the_agent() {
        use Field::{NotSupported, Value};
        check(&[], Value(0), Value(0));
        check(&[(700, Some(5)), (701, Some(6)), (9, Some(1))], Value(11), Value(1));
        // The driver does not say how much one of them holds: the sum is unknown, not smaller.
        check(&[(700, Some(5)), (701, None), (9, Some(1))], NotSupported, Value(1));
    }

    #[test]
    fn processes_of_another_namespace_are_listed_and_counted_for_nobody() {
        check(&[(28_290, Some(5))], Field::NotSupported, Field::NotSupported);
        check(&[(28_290, None)], Field::NotSupported, Field::NotSupported);
    }
}
