//! Owns the answer of the NVIDIA driver to whoever waits for a device's memory.
//! Must not know why somebody waits.

use super::{Device, Nvml, Reading};
use crate::process::{DeviceMemory, DeviceUse};

impl DeviceMemory for Nvml {
    fn read(&self) -> Reading<Vec<DeviceUse>> {
        Self::read(self).devices.and_then(|devices| devices.into_iter().map(use_of).collect())
    }
}

/// What one device holds. One that does not tell makes the whole reading unknown: its memory might not be back.
fn use_of(device: Reading<Device>) -> Reading<DeviceUse> {
    device.and_then(|device| {
        let index = device.index;
        let label = device.name.value().map_or_else(|| format!("GPU {index}"), |name| format!("GPU {index} ({name})"));
        let holders = device.processes.value().into_iter().flatten().map(|process| process.pid).collect();
        let id = device.uuid.value().cloned().unwrap_or_else(|| index.to_string());
        device.memory.map(|memory| DeviceUse { id, label, used_bytes: memory.used_bytes, holders })
    })
}

impl<T> FromIterator<Reading<T>> for Reading<Vec<T>> {
    /// All values, or the first absence.
    fn from_iter<I: IntoIterator<Item = Reading<T>>>(readings: I) -> Self {
        let mut values = Vec::new();
        for reading in readings {
            match reading {
                Reading::Value(value) => values.push(value),
                Reading::NotSupported => return Reading::NotSupported,
                Reading::Failed(why) => return Reading::Failed(why),
            }
        }
        Reading::Value(values)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{GpuProcess, Memory};
    use super::*;

    fn device(index: u32, memory: Reading<Memory>) -> Reading<Device> {
        Reading::Value(Device {
            index,
            uuid: Reading::Value(format!("GPU-{index}")),
            name: Reading::Value("NVIDIA L4".into()),
            memory,
            processes: Reading::Value(vec![GpuProcess { pid: 42, used_bytes: Reading::NotSupported }]),
        })
    }

    #[test]
    fn a_device_is_named_by_what_it_keeps() {
        let memory = Reading::Value(Memory { total_bytes: 24 << 30, used_bytes: 1 << 30 });
        let used =
            DeviceUse { id: "GPU-0".into(), label: "GPU 0 (NVIDIA L4)".into(), used_bytes: 1 << 30, holders: vec![42] };
        assert_eq!(use_of(device(0, memory)), Reading::Value(used));
    }

    #[test]
    fn one_silent_device_makes_the_whole_unknown() {
        let memory = || Reading::Value(Memory { total_bytes: 1, used_bytes: 0 });
        let all =
            |second| [device(0, memory()), device(1, second)].into_iter().map(use_of).collect::<Reading<Vec<_>>>();
        assert_eq!(all(memory()).value().map(Vec::len), Some(2));
        assert_eq!(all(Reading::Failed("lost".into())), Reading::Failed("lost".into()));
    }
}
