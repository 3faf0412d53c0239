//! Owns which sources there are: GPUs of this host, found by UUID or why there is none, and the host itself.
//! Must not know why they are read, nor where what they say goes.

use super::host::{Host, HostProcesses, memory_total};
use super::{Fast, Gpu, Nvml, Pace, Paced, Reading, Slow};
use shared::telemetry::{Began, GPU_READER, GPU_SLOW_READER, HOST_READER, PROCESSES_READER};
use std::collections::BTreeMap;

/// How often what takes long to read is read, Hz.
const SLOW_HZ: f64 = 1.0;
/// The kernel counts CPU time in ticks of 10 ms: looking more often shows steps of that.
const MOST_OF_HOST_HZ: f64 = 5.0;

/// The GPUs that are read, once for each thread that reads them.
pub struct Found {
    nvml: Option<Nvml>,
    fast: Vec<Gpu>,
    slow: Vec<Gpu>,
    /// What GPUs held before the engine was started, bytes by their UUID.
    before: BTreeMap<String, u64>,
    /// Whether the engine's processes descend from this agent.
    descends: bool,
    no_gpus: Option<String>,
}

impl Found {
    /// No GPU, and why, as a sentence.
    #[must_use]
    pub fn none(why: String) -> Self {
        Self { nvml: None, fast: vec![], slow: vec![], before: BTreeMap::new(), descends: true, no_gpus: Some(why) }
    }

    /// Asks a driver for GPUs by their UUIDs, for all where none is named.
    #[must_use]
    pub fn of(driver: Reading<Nvml>, uuids: &[String]) -> Self {
        let nvml = match driver {
            Reading::Value(nvml) => nvml,
            Reading::NotSupported => return Self::none("This host has no NVIDIA driver.".to_owned()),
            Reading::Failed(why) => return Self::none(format!("The NVIDIA driver does not answer ({why}).")),
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
        Self { nvml: Some(nvml), fast, slow, before: BTreeMap::new(), descends: true, no_gpus }
    }

    /// The same, where it is known what GPUs held before the engine was started, bytes by their UUID.
    #[must_use]
    pub fn knowing(self, before: BTreeMap<String, u64>) -> Self {
        Self { before, ..self }
    }

    /// The same, of an engine whose processes descend from this agent, or do not: it is in a container, or was there before.
    #[must_use]
    pub fn descending(self, descends: bool) -> Self {
        Self { descends, ..self }
    }

    /// What is told of them when they begin to be read so often.
    #[must_use]
    pub fn began(&self, rate_hz: f64) -> Began {
        let gpus = self.fast.iter().map(|gpu| gpu.facts.clone()).collect();
        Began { rate_hz, gpus, no_gpus: self.no_gpus.clone() }
    }

    /// They and the host as sources.
    #[must_use]
    pub fn sources(self, hz: f64) -> Vec<Paced> {
        let paced = |name, hz, source| Paced { name, pace: Pace::of_hz(hz, 2), source };
        let mut sources = vec![
            paced(HOST_READER, hz.min(MOST_OF_HOST_HZ), Box::<Host>::default()),
            paced(PROCESSES_READER, hz.min(SLOW_HZ), Box::<HostProcesses>::default()),
        ];
        if let Some(nvml) = self.nvml.filter(|_| !self.fast.is_empty()) {
            sources.push(paced(GPU_READER, hz, Box::new(Fast::of(self.fast))));
            let slow = Slow::of(nvml, self.slow).knowing(&self.before).descending(self.descends);
            sources.push(paced(GPU_SLOW_READER, hz.min(SLOW_HZ), Box::new(slow)));
        }
        sources
    }
}
