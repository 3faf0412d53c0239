//! Owns the NVIDIA driver's library: loaded at run time, asked for devices, memory and processes.
//! Must not know what its answers are used for.

use super::Reading;
use nvml_wrapper::enums::device::UsedGpuMemory;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::struct_wrappers::device::ProcessInfo;
use std::ffi::OsStr;

/// What drivers install; the name without a number comes with their development files only.
const LIBRARY: &str = "libnvidia-ml.so.1";

/// The driver's library, loaded and initialised.
pub struct Nvml(nvml_wrapper::Nvml);

/// A device's memory, bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// All of it.
    pub total_bytes: u64,
    /// In use by anybody, the driver included.
    pub used_bytes: u64,
}

/// A process that holds memory of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GpuProcess {
    /// As the host numbers it; in a container without the host's process ids it names nobody.
    pub pid: u32,
    /// What it holds.
    pub used_bytes: Reading<u64>,
}

/// One GPU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// The driver's number for it, from 0.
    pub index: u32,
    /// What it keeps over restarts.
    pub uuid: Reading<String>,
    /// Its product name.
    pub name: Reading<String>,
    /// Its memory.
    pub memory: Reading<Memory>,
    /// Who holds some of it.
    pub processes: Reading<Vec<GpuProcess>>,
}

/// Everything that one look tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gpus {
    /// The driver's version.
    pub driver: Reading<String>,
    /// The devices, by index. Each is there even where the driver says nothing of it.
    pub devices: Reading<Vec<Reading<Device>>>,
}

impl Nvml {
    /// Loads the library. [`Reading::NotSupported`] where this host has no NVIDIA driver.
    pub fn open() -> Reading<Self> {
        Self::open_at(OsStr::new(LIBRARY))
    }

    fn open_at(library: &OsStr) -> Reading<Self> {
        match nvml_wrapper::Nvml::builder().lib_path(library).init() {
            Ok(nvml) => Reading::Value(Self(nvml)),
            Err(NvmlError::LibloadingError(_) | NvmlError::LibraryNotFound | NvmlError::DriverNotLoaded) => {
                Reading::NotSupported
            }
            Err(error) => Reading::Failed(error.to_string()),
        }
    }

    /// Reads every device.
    #[must_use]
    pub fn read(&self) -> Gpus {
        let devices = reading(self.0.device_count()).map(|count| (0..count).map(|index| self.device(index)).collect());
        Gpus { driver: reading(self.0.sys_driver_version()), devices }
    }

    fn device(&self, index: u32) -> Reading<Device> {
        reading(self.0.device_by_index(index)).map(|device| Device {
            index,
            uuid: reading(device.uuid()),
            name: reading(device.name()),
            memory: reading(device.memory_info())
                .map(|memory| Memory { total_bytes: memory.total, used_bytes: memory.used }),
            processes: reading(device.running_compute_processes())
                .map(|processes| processes.into_iter().map(GpuProcess::from).collect()),
        })
    }
}

impl From<ProcessInfo> for GpuProcess {
    fn from(process: ProcessInfo) -> Self {
        let used_bytes = match process.used_gpu_memory {
            UsedGpuMemory::Used(bytes) => Reading::Value(bytes),
            UsedGpuMemory::Unavailable => Reading::NotSupported,
        };
        Self { pid: process.pid, used_bytes }
    }
}

fn reading<T>(result: Result<T, NvmlError>) -> Reading<T> {
    match result {
        Ok(value) => Reading::Value(value),
        // A driver too old for a function has no such value either.
        Err(NvmlError::NotSupported | NvmlError::FailedToLoadSymbol(_) | NvmlError::FunctionNotFound) => {
            Reading::NotSupported
        }
        Err(error) => Reading::Failed(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_without_the_library_has_no_such_thing_and_no_error() {
        assert!(matches!(Nvml::open_at(OsStr::new("libnvidia-ml-that-nobody-has.so.1")), Reading::NotSupported));
    }

    #[test]
    fn what_a_device_cannot_say_differs_from_what_it_would_not_say() {
        assert_eq!(reading::<u64>(Err(NvmlError::NotSupported)), Reading::NotSupported);
        assert_eq!(reading::<u64>(Err(NvmlError::FailedToLoadSymbol("x".into()))), Reading::NotSupported);
        assert!(matches!(reading::<u64>(Err(NvmlError::GpuLost)), Reading::Failed(_)));
        assert_eq!(reading(Ok(0)), Reading::Value(0));
    }
}
