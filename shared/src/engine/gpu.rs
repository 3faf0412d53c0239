//! Owns what is known of a GPU: its name, and how much it reads and computes in a second at the most.
//! Must not know how its driver is asked.

use serde::{Deserialize, Serialize};

/// One GPU.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Gpu {
    /// Its type, where that is known.
    pub name: Option<String>,
    /// Which one, where that is known.
    pub uuid: Option<String>,
    /// What bounds it, where its driver tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bounds: Option<GpuBounds>,
}

/// The driver's own figures that bound what a whole GPU can do. Clocks are the highest that it may ever run at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GpuBounds {
    /// Clock of the memory, MHz.
    pub memory_clock_mhz: Option<u32>,
    /// Width of the memory's bus, bit.
    pub bus_bits: Option<u32>,
    /// Clock of the multiprocessors, MHz.
    pub sm_clock_mhz: Option<u32>,
    /// Cores of all multiprocessors.
    pub cores: Option<u32>,
    /// Compute capability: 9 and 0 of 9.0.
    pub capability: Option<(u32, u32)>,
}

/// How wide the numbers are that matrices are multiplied in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operands {
    /// 16 bits. Those of 32 are no faster.
    Sixteen,
    /// 8 bits.
    Eight,
}

/// A kind of chip by its compute capability.
struct Chip {
    capability: (u32, u32),
    /// Cores of a multiprocessor.
    cores: u32,
    /// Dense operations of a multiprocessor's tensor cores in a cycle, on 16 and on 8 bits; a multiply-add is two.
    sixteen: u32,
    eight: Option<u32>,
    /// The largest second-level cache that any chip of the kind has, MiB.
    cache_mib: u32,
}

/// From NVIDIA's white papers on the architectures: V100 (2017), Turing (2018), A100 (2020), GA102 2.0 (2021, table
/// 6), Ada (2023) and H100 (2022). Each product of operations, multiprocessors and boost clock is the peak that its
/// data sheet gives: 125 TFLOP/s of the V100, 65 of the T4, 312 of the A100, 125 of the A10, 121 of the L4, 989 of the
/// H100.
static CHIPS: [Chip; 6] = [
    Chip { capability: (7, 0), cores: 64, sixteen: 1024, eight: None, cache_mib: 6 },
    Chip { capability: (7, 5), cores: 64, sixteen: 1024, eight: Some(2048), cache_mib: 6 },
    Chip { capability: (8, 0), cores: 64, sixteen: 2048, eight: Some(4096), cache_mib: 48 },
    Chip { capability: (8, 6), cores: 128, sixteen: 1024, eight: Some(2048), cache_mib: 6 },
    Chip { capability: (8, 9), cores: 128, sixteen: 1024, eight: Some(2048), cache_mib: 96 },
    Chip { capability: (9, 0), cores: 128, sixteen: 4096, eight: Some(8192), cache_mib: 60 },
];

impl GpuBounds {
    /// Most bytes that its memory gives in a second: clock × 2 (both edges) × bus width / 8.
    #[must_use]
    pub fn bytes_per_s(&self) -> Option<f64> {
        Some(f64::from(self.memory_clock_mhz?) * 1e6 * 2.0 * f64::from(self.bus_bits?) / 8.0)
    }

    /// Most dense operations of matrices in a second: multiprocessors × operations of one in a cycle × clock. Absent
    /// for a chip that is not known here. One that has no operations on 8 bits widens them to 16.
    #[must_use]
    pub fn flops_per_s(&self, operands: Operands) -> Option<f64> {
        let chip = self.chip()?;
        let per_cycle = match operands {
            Operands::Sixteen => chip.sixteen,
            Operands::Eight => chip.eight.unwrap_or(chip.sixteen),
        };
        let multiprocessors = f64::from(self.cores? / chip.cores);
        Some(multiprocessors * f64::from(per_cycle) * f64::from(self.sm_clock_mhz?) * 1e6)
    }

    /// Most bytes that its second-level cache can give in place of its memory.
    #[must_use]
    pub fn cache_bytes(&self) -> Option<f64> {
        Some(f64::from(self.chip()?.cache_mib) * 1024.0 * 1024.0)
    }

    fn chip(&self) -> Option<&'static Chip> {
        CHIPS.iter().find(|chip| Some(chip.capability) == self.capability)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(memory: (u32, u32), cores: u32, sm_clock: u32, capability: (u32, u32)) -> GpuBounds {
        GpuBounds {
            memory_clock_mhz: Some(memory.0),
            bus_bits: Some(memory.1),
            sm_clock_mhz: Some(sm_clock),
            cores: Some(cores),
            capability: Some(capability),
        }
    }

    /// What the driver of an H100 80GB HBM3 says, beside its data sheet's 3.35 TB/s. Its 989 TFLOP/s are at a clock of
    /// 1,830 MHz; the driver allows 1,980.
    #[test]
    fn an_h100_by_its_driver() {
        let h100 = bounds((2619, 5120), 16_896, 1980, (9, 0));
        assert_eq!(h100.bytes_per_s(), Some(3.352_32e12));
        assert_eq!(h100.flops_per_s(Operands::Sixteen), Some(132.0 * 4096.0 * 1.98e9));
        assert_eq!(h100.flops_per_s(Operands::Eight), Some(132.0 * 8192.0 * 1.98e9));
        let at_its_boost = GpuBounds { sm_clock_mhz: Some(1830), ..h100 };
        assert!((at_its_boost.flops_per_s(Operands::Sixteen).unwrap() / 989.4e12 - 1.0).abs() < 1e-3);
    }

    /// Peaks at the boost clock of each data sheet, in TFLOP/s on 16 bits.
    #[test]
    fn chips_have_the_peaks_of_their_data_sheets() {
        let check = |cores, boost, capability, tflops: f64| {
            let flops = bounds((1, 8), cores, boost, capability).flops_per_s(Operands::Sixteen).unwrap();
            assert!((flops / 1e12 / tflops - 1.0).abs() < 0.04, "{capability:?}: {flops}");
        };
        check(5120, 1530, (7, 0), 125.0);
        check(2560, 1590, (7, 5), 65.0);
        check(6912, 1410, (8, 0), 312.0);
        check(9216, 1695, (8, 6), 125.0);
        check(7680, 2040, (8, 9), 121.0);
        check(18_176, 2520, (8, 9), 362.0);
    }

    #[test]
    fn what_is_not_told_or_not_known_is_absent() {
        let later = bounds((4000, 8192), 20_000, 2000, (99, 0));
        assert_eq!((later.flops_per_s(Operands::Sixteen), later.cache_bytes()), (None, None));
        assert!(later.bytes_per_s().is_some());
        assert_eq!(GpuBounds { bus_bits: None, ..later }.bytes_per_s(), None);
        let volta = bounds((877, 4096), 5120, 1530, (7, 0));
        assert_eq!(volta.flops_per_s(Operands::Eight), volta.flops_per_s(Operands::Sixteen));
    }
}
