//! Owns one GPU, or a slice of one, as it is asked again and again: handle, facts, and each quantity as a field.
//! Must not know how often or why it is asked.

use super::field::{absent, field, is_lost, is_plausible_pid};
use super::{GpuProcess, Nvml};
use nvml_wrapper::bitmasks::event::EventTypes;
use nvml_wrapper::enum_wrappers::device::{Clock, EccCounter, MemoryError, PcieUtilCounter, TemperatureSensor};
use nvml_wrapper::enums::device::SampleValue;
use nvml_wrapper::error::{Bits, NvmlError};
use nvml_wrapper::structs::device::FieldId;
use nvml_wrapper::sys_exports::field_id::NVML_FI_DEV_MEMORY_TEMP;
use nvml_wrapper::{Device, EventSet};
use shared::telemetry::{Field, GpuFacts, TroubleKind};
use shared::view::Telemetry;
use std::collections::BTreeMap;

/// Begins the UUID of a slice of a GPU.
const SLICE: &str = "MIG-";
/// Most percent.
const PERCENT: u64 = 100;
/// More power than any board takes, mW.
const MAX_POWER: u64 = 20_000_000;
/// Hotter than any chip that still answers, °C.
const MAX_TEMPERATURE: u64 = 200;
/// Faster than any clock, MHz.
const MAX_CLOCK: u64 = 20_000;
/// More than any bus carries, KB/s.
const MAX_BUS: u64 = 2_000_000_000;
/// Clocks are held down by heat: software's limit, hardware's, and hardware's slowdown for heat alone.
const BY_HEAT: u64 = 0x20 | 0x40;
/// Clocks are held down by power: the cap, and the power brake.
const BY_POWER: u64 = 0x04 | 0x80;
/// The hardware holds clocks down; drivers that know why say so with one of the hardware's reasons, too: its slowdown for heat,
/// or the power brake.
const BY_HARDWARE: u64 = 0x08;
const HARDWARE_SAYS_WHY: u64 = 0x40 | 0x80;

/// One GPU, or a slice of one.
pub struct Gpu {
    /// What does not change of it.
    pub facts: GpuFacts,
    device: Device<'static>,
    /// Up to when the driver's samples of processes have been read, as it stamps them, µs.
    seen_us: u64,
    /// The driver's code, while it says that the device is gone.
    lost: Option<u32>,
}

/// A whole GPU that answers: its UUID, and its handle.
type Answering = (String, Device<'static>);

/// A process on a GPU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// As the host numbers it.
    pub pid: u32,
    /// Memory that it holds, where the driver tells, bytes.
    pub memory_bytes: Option<u64>,
    /// Share of time in which it kept the device busy since the look before, thousandths.
    pub busy: Option<u32>,
}

impl Nvml {
    /// GPUs by their UUIDs or beginnings of those, or by the UUIDs of slices; all where none is named, each whole one before
    /// its slices.
    ///
    /// # Errors
    /// A sentence of each that is not found or not answered for.
    #[must_use]
    pub fn gpus(&self, wanted: &[String]) -> (Vec<Gpu>, Vec<String>) {
        let (whole, silent) = match self.whole() {
            Ok(whole) => whole,
            Err(why) => return (Vec::new(), vec![why]),
        };
        if wanted.is_empty() {
            let with_slices = |(uuid, device): Answering| {
                let slices = slices(&device);
                std::iter::once((uuid, device)).chain(slices)
            };
            let all = whole.into_iter().flat_map(with_slices);
            return (all.map(|(uuid, device)| Gpu::of(uuid, device)).collect(), silent);
        }
        let (mut gpus, mut missing) = (Vec::new(), Vec::new());
        for wanted in wanted {
            let mut alike = whole.iter().filter(|(uuid, _)| uuid.starts_with(wanted.as_str()));
            let found = match (alike.next(), alike.next()) {
                (Some((uuid, _)), None) => Some(uuid.clone()),
                _ if wanted.starts_with(SLICE) => Some(wanted.clone()),
                _ => None,
            };
            let device = found.map(|uuid| self.0.device_by_uuid(uuid.clone()).map(|device| (uuid, device)));
            match device {
                Some(Ok((uuid, device))) => gpus.push(Gpu::of(uuid, device)),
                Some(Err(error)) => missing.push(format!("The driver does not know the GPU {wanted} ({error}).")),
                None => missing.push(format!("This host has no single GPU {wanted}.")),
            }
        }
        (gpus, missing)
    }

    /// Those that answer, by UUID, and a sentence of each that does not, and so cannot be told from others.
    fn whole(&self) -> Result<(Vec<Answering>, Vec<String>), String> {
        let count = self.0.device_count().map_err(|error| format!("The driver does not list its GPUs ({error})."))?;
        let (mut whole, mut silent) = (Vec::new(), Vec::new());
        for index in 0..count {
            let device = self.0.device_by_index(index);
            match device.and_then(|device| Ok((device.uuid()?, device))) {
                Ok(of) => whole.push(of),
                Err(error) => silent.push(format!("The driver's GPU {index} does not answer ({error}).")),
            }
        }
        Ok((whole, silent))
    }
}

/// The slices of a whole GPU: none where it is not cut. Their places have holes where fewer are cut than could be.
pub(super) fn slices(device: &Device<'static>) -> Vec<Answering> {
    let places = 0..device.mig_device_count().unwrap_or(0);
    places
        .filter_map(|place| device.mig_device_by_index(place).ok())
        .filter_map(|of| Some((of.uuid().ok()?, of)))
        .collect()
}

impl Gpu {
    fn of(uuid: String, device: Device<'static>) -> Self {
        let memory = device.memory_info();
        // Of all devices only those that use the host's memory have none to tell of. An older driver that lacks the
        // function tells of nobody's.
        let is_unified = match &memory {
            Ok(memory) => memory.total == 0,
            Err(error) => matches!(error, NvmlError::NotSupported),
        };
        let slice_of = uuid.starts_with(SLICE).then(|| device.mig_parent_device().ok()?.uuid().ok()).flatten();
        let facts = GpuFacts {
            source: format!("{}{uuid}", Telemetry::GPU),
            name: device.name().ok(),
            memory_bytes: memory.ok().map(|memory| memory.total).filter(|_| !is_unified),
            is_unified,
            slice_of,
            uuid,
        };
        Self { facts, device, seen_us: 0, lost: None }
    }

    fn is_slice(&self) -> bool {
        self.facts.uuid.starts_with(SLICE)
    }

    /// What only a whole GPU has. A driver that answers for a slice answers for the whole, whose joules are not the slice's.
    fn of_whole(&self, read: impl FnOnce() -> Field) -> Field {
        if self.is_slice() { Field::NotSupported } else { read() }
    }

    /// Memory in use, bytes.
    #[must_use]
    pub fn memory_used(&self) -> Field {
        match self.device.memory_info() {
            Ok(memory) if memory.total == 0 => Field::NotSupported,
            Ok(memory) => field(Ok(memory.used), memory.total),
            Err(error) => absent(error),
        }
    }

    /// Shares of time in which chip and memory were busy, percent.
    #[must_use]
    pub fn busy(&self) -> (Field, Field) {
        match self.device.utilization_rates() {
            Ok(rates) => {
                (field(Ok::<_, NvmlError>(rates.gpu), PERCENT), field(Ok::<_, NvmlError>(rates.memory), PERCENT))
            }
            Err(error) => {
                let absent = absent(error);
                (absent, absent)
            }
        }
    }

    /// Power, mW.
    #[must_use]
    pub fn power(&self) -> Field {
        self.of_whole(|| field(self.device.power_usage(), MAX_POWER))
    }

    /// Energy since the driver was loaded, mJ.
    #[must_use]
    pub fn energy(&self) -> Field {
        self.of_whole(|| field(self.device.total_energy_consumption(), u64::MAX / 2))
    }

    /// Temperature of the chip, °C.
    #[must_use]
    pub fn temperature(&self) -> Field {
        self.of_whole(|| field(self.device.temperature(TemperatureSensor::Gpu), MAX_TEMPERATURE))
    }

    /// Temperature of the memory, °C.
    #[must_use]
    pub fn memory_temperature(&self) -> Field {
        self.of_whole(|| self.value_of(NVML_FI_DEV_MEMORY_TEMP, MAX_TEMPERATURE))
    }

    /// Clocks of the multiprocessors and of the memory, MHz.
    #[must_use]
    pub fn clocks(&self) -> (Field, Field) {
        let clock = |which| self.of_whole(|| field(self.device.clock_info(which), MAX_CLOCK));
        (clock(Clock::SM), clock(Clock::Memory))
    }

    /// 1 where heat holds the clocks down, 1 where power does, and 1 where the hardware does and does not say which.
    #[must_use]
    pub fn throttled(&self) -> [Field; 3] {
        if self.is_slice() {
            return [Field::NotSupported; 3];
        }
        // The wrapper knows some of the reasons only, and gives all of them where it meets another one.
        let bits = match self.device.current_throttle_reasons_strict() {
            Ok(reasons) => reasons.bits(),
            Err(NvmlError::IncorrectBits(Bits::U64(bits))) => bits,
            Err(error) => {
                return [absent(error); 3];
            }
        };
        let is = |held: bool| Field::Value(u64::from(held));
        let by_hardware = bits & BY_HARDWARE != 0 && bits & HARDWARE_SAYS_WHY == 0;
        [is(bits & BY_HEAT != 0), is(bits & BY_POWER != 0), is(by_hardware)]
    }

    /// What PCIe carries to and from the device, B/s. The driver watches the bus for 20 ms for each.
    #[must_use]
    pub fn pcie(&self) -> (Field, Field) {
        let of = |counter| match self.of_whole(|| field(self.device.pcie_throughput(counter), MAX_BUS)) {
            Field::Value(kilobytes) => Field::Value(kilobytes * 1000),
            absent => absent,
        };
        (of(PcieUtilCounter::Receive), of(PcieUtilCounter::Send))
    }

    /// Memory errors since the driver was loaded: corrected, and not.
    #[must_use]
    pub fn ecc(&self) -> (Field, Field) {
        let of = |kind| field(self.device.total_ecc_errors(kind, EccCounter::Volatile), u64::MAX / 2);
        (of(MemoryError::Corrected), of(MemoryError::Uncorrected))
    }

    /// Who uses it, or why that is not told. A list with an impossible process was laid out otherwise than it is read.
    pub fn processes(&mut self) -> Result<Vec<Process>, Field> {
        let busy = self.busy_of_processes();
        let read = self.device.running_compute_processes().map_err(absent)?;
        let processes = read.into_iter().map(GpuProcess::from).map(|GpuProcess { pid, used_bytes }| {
            let process = Process { pid, memory_bytes: used_bytes.value().copied(), busy: busy.get(&pid).copied() };
            is_plausible_pid(pid).then_some(process)
        });
        processes.collect::<Option<_>>().ok_or(Field::Failed(Field::IMPLAUSIBLE))
    }

    /// The last busy share of each process since the look before; nothing where the driver does not tell.
    fn busy_of_processes(&mut self) -> BTreeMap<u32, u32> {
        let mut samples = self.device.process_utilization_stats(self.seen_us).unwrap_or_default();
        samples.retain(|sample| is_plausible_pid(sample.pid) && u64::from(sample.sm_util) <= PERCENT);
        samples.sort_by_key(|sample| sample.timestamp);
        self.seen_us = samples.last().map_or(self.seen_us, |sample| sample.timestamp);
        samples.into_iter().map(|sample| (sample.pid, sample.sm_util * 10)).collect()
    }

    /// What has become of it, and with which code, by the fields that were just read: told once when it is gone, and once when it is back.
    pub fn news(&mut self, fields: &[Field]) -> Option<(TroubleKind, u64)> {
        let lost = fields.iter().find_map(|field| match field {
            Field::Failed(code) if is_lost(*code) => Some(*code),
            _ => None,
        });
        match (self.lost, lost) {
            (None, Some(code)) => {
                self.lost = Some(code);
                Some((TroubleKind::Lost, code.into()))
            }
            (Some(_), None) if fields.iter().any(|field| field.value().is_some()) => {
                self.lost = None;
                Some((TroubleKind::Back, 0))
            }
            _ => None,
        }
    }

    /// Has the driver report events of it into a set. A slice has none: those of its whole GPU are its own.
    pub(super) fn report(&self, kinds: EventTypes, set: EventSet<'static>) -> Option<EventSet<'static>> {
        match &self.facts.slice_of {
            Some(_) => self.device.mig_parent_device().ok()?.register_events(kinds, set).ok(),
            None => self.device.register_events(kinds, set).ok(),
        }
    }

    /// A value that has no function of its own. Never NVLink's counters: asked for them, driver 580.159 writes over the memory of
    /// the process that asks (docs/evidence/side-by-side.md).
    fn value_of(&self, id: u32, most: u64) -> Field {
        let answer = self.device.field_values_for(&[FieldId(id)]).and_then(|mut values| {
            let sample = values.pop().ok_or(NvmlError::NoData)??;
            match sample.value? {
                SampleValue::U32(value) => Ok(u64::from(value)),
                SampleValue::U64(value) => Ok(value),
                SampleValue::I64(value) => u64::try_from(value).map_err(|_| NvmlError::NoData),
                SampleValue::F64(_) => Err(NvmlError::NoData),
            }
        });
        field(answer, most)
    }
}
