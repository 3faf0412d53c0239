//! Owns the driver's figures that bound what a GPU can do: highest clocks, bus width, cores, compute capability.
//! Must not know what is computed of them.

use super::Nvml;
use nvml_wrapper::enum_wrappers::device::Clock;
use nvml_wrapper::error::NvmlError;
use shared::engine::GpuBounds;

/// Faster than any clock, MHz.
const MAX_CLOCK: u32 = 20_000;
/// Wider than any bus, bit.
const MAX_BUS: u32 = 1 << 16;
/// More cores than any chip has.
const MAX_CORES: u32 = 1 << 20;

impl Nvml {
    /// What bounds a whole GPU, by the driver's number for it; each figure is absent where the driver does not tell
    /// it, or tells what cannot be.
    #[must_use]
    pub fn bounds(&self, index: u32) -> Option<GpuBounds> {
        let device = self.0.device_by_index(index).ok()?;
        let capability = device.cuda_compute_capability().ok();
        Some(GpuBounds {
            memory_clock_mhz: within(device.max_clock_info(Clock::Memory), MAX_CLOCK),
            bus_bits: within(device.memory_bus_width(), MAX_BUS),
            sm_clock_mhz: within(device.max_clock_info(Clock::SM), MAX_CLOCK),
            cores: within(device.num_cores(), MAX_CORES),
            capability: capability.and_then(|told| Some((told.major.try_into().ok()?, told.minor.try_into().ok()?))),
        })
    }
}

fn within(told: Result<u32, NvmlError>, most: u32) -> Option<u32> {
    told.ok().filter(|value| (1..=most).contains(value))
}
