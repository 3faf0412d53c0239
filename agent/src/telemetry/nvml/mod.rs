//! Owns the NVIDIA driver's library: loaded at run time, asked for devices, memory and processes.
//! Must not know what its answers are used for.

mod bounds;
mod field;
mod gpu;
mod troubles;

pub use gpu::{Gpu, Process};
pub use troubles::Xids;

use super::Reading;
use crate::sync::lock;
use field::is_plausible_pid;
use nvml_wrapper::enums::device::UsedGpuMemory;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::struct_wrappers::device::ProcessInfo;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::sync::Mutex;

/// What drivers install; the name without a number comes with their development files only.
const LIBRARY: &str = "libnvidia-ml.so.1";

/// Variable that names another library in its place: for a driver in an unusual place, and for tests.
const LIBRARY_VARIABLE: &str = "TOKENPRISM_NVML";

/// Libraries that were loaded, by name. They stay for as long as this process lives, so that a device's handle is valid
/// wherever it is kept; loading one again would cost as much as the first time.
static LOADED: Mutex<BTreeMap<OsString, &'static nvml_wrapper::Nvml>> = Mutex::new(BTreeMap::new());

/// The driver's library, loaded and initialised.
#[derive(Clone, Copy)]
pub struct Nvml(&'static nvml_wrapper::Nvml);

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
        Self::open_at(&std::env::var_os(LIBRARY_VARIABLE).unwrap_or_else(|| LIBRARY.into()))
    }

    /// The same of a library by its name or path.
    pub fn open_at(library: &OsStr) -> Reading<Self> {
        let mut loaded = lock(&LOADED);
        if let Some(nvml) = loaded.get(library) {
            return Reading::Value(Self(nvml));
        }
        match nvml_wrapper::Nvml::builder().lib_path(library).init() {
            Ok(nvml) => {
                let nvml: &'static _ = Box::leak(Box::new(nvml));
                loaded.insert(library.to_owned(), nvml);
                Reading::Value(Self(nvml))
            }
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

    /// The UUID of the first slice of a GPU by its index, where it is cut into slices.
    #[must_use]
    pub fn first_slice(&self, index: u32) -> Option<String> {
        let device = self.0.device_by_index(index).ok()?;
        gpu::slices(&device).into_iter().next().map(|(uuid, _)| uuid)
    }

    fn device(&self, index: u32) -> Reading<Device> {
        reading(self.0.device_by_index(index)).map(|device| Device {
            index,
            uuid: reading(device.uuid()),
            name: reading(device.name()),
            memory: memory(&device),
            processes: processes(&device),
        })
    }
}

/// A device's memory. What cannot be is none: some drivers answer for devices that have no memory of their own.
fn memory(device: &nvml_wrapper::Device<'_>) -> Reading<Memory> {
    match reading(device.memory_info()) {
        Reading::Value(memory) if memory.total == 0 => Reading::NotSupported,
        Reading::Value(memory) if memory.used > memory.total => {
            Reading::Failed(format!("{} bytes in use of {}, which cannot be", memory.used, memory.total))
        }
        read => read.map(|memory| Memory { total_bytes: memory.total, used_bytes: memory.used }),
    }
}

/// Who holds some of a device's memory. A list with an impossible process was laid out otherwise than we read it, so
/// that nothing of it is to be believed.
fn processes(device: &nvml_wrapper::Device<'_>) -> Reading<Vec<GpuProcess>> {
    let read = reading(device.running_compute_processes());
    let read = read.map(|processes| processes.into_iter().map(GpuProcess::from).collect::<Vec<_>>());
    match read {
        Reading::Value(processes) if processes.iter().any(|process| !is_plausible_pid(process.pid)) => {
            Reading::Failed("a list of processes that cannot be".to_owned())
        }
        read => read,
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
