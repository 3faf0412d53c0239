//! Owns which sources this host has: GPUs by UUID, and the host itself, each with its pace.
//! Must not know engines, or where what they say goes.

use super::gpu::{Fast, Slow};
use super::host::{Host, HostProcesses, memory_total};
use super::nvml::{Gpu, Nvml};
use super::pace::Pace;
use super::sampler::Paced;
use super::{Reading, Source};
use shared::telemetry::{GPU_READER, GPU_SLOW_READER, GpuFacts, HOST_READER, PROCESSES_READER};
use std::collections::BTreeMap;

/// How often what takes long to read is read, Hz.
const SLOW_HZ: f64 = 1.0;
/// The kernel counts CPU time in ticks of 10 ms: looking more often shows steps of that.
const MOST_OF_HOST_HZ: f64 = 5.0;

/// The host, and those of its GPUs that are read: once for each thread that reads them.
pub struct Machine {
    nvml: Option<Nvml>,
    fast: Vec<Gpu>,
    slow: Vec<Gpu>,
    /// What GPUs held before the engine was started, bytes by their UUID.
    before: BTreeMap<String, u64>,
    /// Why there is no GPU, or not all of those that were asked for, as a sentence.
    pub no_gpus: Option<String>,
}

impl Machine {
    /// One of whose GPUs none is read.
    #[must_use]
    pub fn without_gpus(why: String) -> Self {
        Self { nvml: None, fast: vec![], slow: vec![], before: BTreeMap::new(), no_gpus: Some(why) }
    }

    /// Loads the driver's library, which may take seconds, and looks for GPUs by their UUIDs; for all where none is named.
    #[must_use]
    pub fn look(uuids: &[String]) -> Self {
        let nvml = match Nvml::open() {
            Reading::Value(nvml) => nvml,
            Reading::NotSupported => return Self::without_gpus("This host has no NVIDIA driver.".to_owned()),
            Reading::Failed(why) => {
                return Self::without_gpus(format!("The NVIDIA driver does not answer ({why})."));
            }
        };
        let (mut fast, missing) = nvml.gpus(uuids);
        for gpu in fast.iter_mut().filter(|gpu| gpu.facts.is_unified) {
            gpu.facts.memory_bytes = memory_total();
        }
        let (slow, _) = nvml.gpus(uuids);
        let no_gpus = match (missing.is_empty(), fast.is_empty()) {
            (false, _) => Some(missing.join(" ")),
            (true, true) => Some("This host has an NVIDIA driver and no GPU.".to_owned()),
            (true, false) => None,
        };
        Self { nvml: Some(nvml), fast, slow, before: BTreeMap::new(), no_gpus }
    }

    /// The same, where it is known what GPUs held before the engine was started, bytes by their UUID.
    #[must_use]
    pub fn knowing(self, before: BTreeMap<String, u64>) -> Self {
        Self { before, ..self }
    }

    /// What does not change of its GPUs.
    #[must_use]
    pub fn gpus(&self) -> Vec<GpuFacts> {
        self.fast.iter().map(|gpu| gpu.facts.clone()).collect()
    }

    /// All that is read of it, at this rate or at the most that a source allows.
    #[must_use]
    pub fn sources(self, hz: f64) -> Vec<Paced> {
        let paced = |name, hz, source: Box<dyn Source>| Paced { name, pace: Pace::of_hz(hz, 2), source };
        let mut sources = vec![
            paced(HOST_READER, hz.min(MOST_OF_HOST_HZ), Box::<Host>::default()),
            paced(PROCESSES_READER, hz.min(SLOW_HZ), Box::<HostProcesses>::default()),
        ];
        if let Some(nvml) = self.nvml.filter(|_| !self.fast.is_empty()) {
            sources.push(paced(GPU_READER, hz, Box::new(Fast::of(self.fast))));
            sources.push(paced(
                GPU_SLOW_READER,
                hz.min(SLOW_HZ),
                Box::new(Slow::of(nvml, self.slow).knowing(&self.before)),
            ));
        }
        sources
    }
}
