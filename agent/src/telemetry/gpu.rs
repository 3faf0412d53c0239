//! Owns GPUs as sources: what is read at the plan's rate and what only once a second.
//! Must not know the driver's library.

use super::host::Tree;
use super::increment::Increment;
use super::nvml::{Gpu, Nvml, Process, Xids};
use super::row::{Row, Said};
use super::sampler::Source;
use crate::load::Clock;
use shared::telemetry::{self as signals, Field, Look, ProcessUse, Signal, Trouble, TroubleKind};
use std::collections::BTreeMap;

/// What a driver may keep for itself of a device that nobody uses, bytes.
const DRIVERS_OWN: u64 = 256 << 20;

/// What is read at the plan's rate.
pub struct Fast(Vec<(Gpu, Increment)>);

/// What takes long to read: counters of the bus, memory errors, processes.
pub struct Slow {
    gpus: Vec<Slowly>,
    /// Whether the engine's processes descend from this agent, as those of a container or a server by URL do not.
    descends: bool,
}

struct Slowly {
    gpu: Gpu,
    /// Memory that it held before the engine was started, where that is known, bytes.
    before: Option<u64>,
    xids: Option<Xids>,
    corrected: Increment,
    uncorrected: Increment,
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
                    let [by_heat, by_power, by_hardware] = gpu.throttled();
                    vec![
                        (signals::SM_CLOCK, sm),
                        (signals::MEMORY_CLOCK, memory),
                        (signals::THROTTLED_BY_HEAT, by_heat),
                        (signals::THROTTLED_BY_POWER, by_power),
                        (signals::THROTTLED_BY_HARDWARE, by_hardware),
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
        // What is reported of a whole GPU is told once: of itself, or else of the first of its slices that are read.
        let mut told: Vec<String> =
            gpus.iter().filter(|gpu| gpu.facts.slice_of.is_none()).map(|gpu| gpu.facts.uuid.clone()).collect();
        let mut tells = |gpu: &Gpu| match &gpu.facts.slice_of {
            Some(whole) if told.contains(whole) => false,
            Some(whole) => {
                told.push(whole.clone());
                true
            }
            None => true,
        };
        let slowly = |gpu: Gpu| Slowly {
            xids: tells(&gpu).then(|| Xids::of(nvml, &gpu)).flatten(),
            gpu,
            before: None,
            corrected: Increment::default(),
            uncorrected: Increment::default(),
        };
        Self { gpus: gpus.into_iter().map(slowly).collect(), descends: true }
    }

    /// The same, of an engine whose processes descend from this agent or do not.
    #[must_use]
    pub fn descending(self, descends: bool) -> Self {
        Self { descends, ..self }
    }

    /// The same, where it is known what they held before the engine was started, bytes by their UUID.
    #[must_use]
    pub fn knowing(mut self, before: &BTreeMap<String, u64>) -> Self {
        self.gpus.iter_mut().for_each(|of| of.before = before.get(&of.gpu.facts.uuid).copied());
        self
    }
}

impl Source for Slow {
    fn read(&mut self, clock: &Clock, say: &mut dyn FnMut(Said)) {
        let tree = Tree::of_this_agent();
        for of in &mut self.gpus {
            let xids = of.xids.as_mut().map(Xids::take).unwrap_or_default();
            xids.into_iter().for_each(|code| say(trouble(&of.gpu, clock, TroubleKind::Xid, code)));
            let source = of.gpu.facts.source.clone();
            say(Said::Row(Row::read(&source, clock, || {
                let (rx, tx) = of.gpu.pcie();
                vec![(signals::PCIE_RX, rx), (signals::PCIE_TX, tx)]
            })));
            say(Said::Row(Row::read(&source, clock, || {
                let (corrected, uncorrected) = of.gpu.ecc();
                vec![
                    (signals::ECC_CORRECTED, of.corrected.of(corrected)),
                    (signals::ECC_UNCORRECTED, of.uncorrected.of(uncorrected)),
                ]
            })));
            let mut uses = Vec::new();
            say(Said::Row(Row::read(&source, clock, || {
                let held;
                (uses, held) = attributed(of.gpu.processes(), &tree, self.descends);
                let used = of.before.map_or(Field::NotSupported, |_| of.gpu.memory_used());
                let held = if uses.is_empty() && has_grown(used, of.before) { Held::ByNobodyKnown } else { held };
                match (held, of.before) {
                    (Held::By(ours, others), _) => {
                        let told = ours.value().map_or(Field::NotSupported, |_| Field::Value(0));
                        held_by(ours, told, others)
                    }
                    // What was there before is others'; what they have taken or given since, nobody can tell.
                    (Held::ByNobodyKnown, Some(before)) => {
                        held_by(above(used, before), Field::Value(1), Field::NotSupported)
                    }
                    (Held::ByNobodyKnown, None) => {
                        held_by(Field::NotSupported, Field::NotSupported, Field::NotSupported)
                    }
                }
            })));
            say(Said::Look(Look { at_ns: clock.now_ns(), source, processes: uses, cores: vec![] }));
        }
    }
}

fn trouble(gpu: &Gpu, clock: &Clock, kind: TroubleKind, code: u64) -> Said {
    Said::Trouble(Trouble { source: gpu.facts.source.clone(), at_ns: clock.now_ns(), kind, code })
}

/// The fields of memory by who holds it.
fn held_by(engine: Field, by_difference: Field, others: Field) -> Vec<(Signal, Field)> {
    vec![
        (signals::ENGINE_MEMORY, engine),
        (signals::ENGINE_MEMORY_BY_DIFFERENCE, by_difference),
        (signals::OTHERS_MEMORY, others),
    ]
}

/// Whether a device holds more than before, and not only a little that its driver keeps for itself: then somebody holds
/// that, whether the driver names anybody or not.
fn has_grown(used: Field, before: Option<u64>) -> bool {
    let grown = Option::zip(used.value(), before).and_then(|(used, before)| used.checked_sub(before));
    grown.is_some_and(|grown| grown > DRIVERS_OWN)
}

/// What is held above what was before; where it is less, somebody else gave some back, and nobody knows how much.
fn above(used: Field, before: u64) -> Field {
    match used {
        Field::Value(used) => used.checked_sub(before).map_or(Field::Failed(Field::IMPLAUSIBLE), Field::Value),
        absent => absent,
    }
}

/// Whose a device's memory is.
#[derive(Debug, PartialEq)]
enum Held {
    /// This agent's engines', and others'.
    By(Field, Field),
    /// Processes of which none is known here.
    ByNobodyKnown,
}

/// Who holds how much, and what that is for this agent's engines and for others. In a container the driver names
/// processes of the host, of which none is known here: then it cannot say whose the memory is. Nor can it of an engine
/// whose processes do not descend from this agent.
fn attributed(processes: Result<Vec<Process>, Field>, tree: &Tree, descends: bool) -> (Vec<ProcessUse>, Held) {
    let processes = match processes {
        Ok(processes) => processes,
        Err(absent) => return (vec![], Held::By(absent, absent)),
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
    let is_elsewhere = !descends && !uses.iter().any(|process| process.is_ours);
    let is_foreign = !uses.is_empty() && (is_elsewhere || uses.iter().all(|process| process.name.is_none()));
    let held = if is_foreign { Held::ByNobodyKnown } else { Held::By(sum(true), sum(false)) };
    uses.sort_by_key(|process| std::cmp::Reverse(process.memory_bytes));
    uses.truncate(Look::MAX_PROCESSES);
    (uses, held)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(processes: &[(u32, Option<u64>)], expect: Held) {
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
        let (uses, held) = attributed(read, &tree, true);
        assert_eq!(held, expect, "{processes:?}");
        assert_eq!(uses.len(), processes.len());
    }

    #[test]
    fn memory_is_the_engines_where_its_processes_descend_from_the_agent() {
        use Field::{NotSupported, Value};
        check(&[], Held::By(Value(0), Value(0)));
        check(&[(700, Some(5)), (701, Some(6)), (9, Some(1))], Held::By(Value(11), Value(1)));
        // The driver does not say how much one of them holds: the sum is unknown, not smaller.
        check(&[(700, Some(5)), (701, None), (9, Some(1))], Held::By(NotSupported, Value(1)));
    }

    #[test]
    fn nobody_can_say_which_processes_are_those_of_an_engine_that_does_not_descend_from_the_agent() {
        let tree = Tree::of([(1, 0, "init"), (std::process::id(), 1, "agent"), (9, 1, "vllm")]);
        let read = |all: &[u32]| {
            Ok(all.iter().map(|pid| Process { pid: *pid, memory_bytes: Some(5), busy: None }).collect::<Vec<_>>())
        };
        assert_eq!(attributed(read(&[9]), &tree, false).1, Held::ByNobodyKnown);
        assert_eq!(attributed(read(&[]), &tree, false).1, Held::By(Field::Value(0), Field::Value(0)));
    }

    #[test]
    fn processes_of_another_namespace_are_listed_and_counted_for_nobody() {
        check(&[(28_290, Some(5))], Held::ByNobodyKnown);
        check(&[(28_290, None)], Held::ByNobodyKnown);
    }
}
