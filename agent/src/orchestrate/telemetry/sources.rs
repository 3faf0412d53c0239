//! Owns which sources are read in a run: the engine's GPUs by UUID, and the host.
//! Must not know where what they say goes.

use super::GPU;
use crate::engine::Engine;
use crate::telemetry::host::{Host, HostProcesses, memory_total};
use crate::telemetry::{Fast, Gpu, Nvml, Pace, Paced, Reading, Slow};
use shared::engine::EngineKind;
use shared::plan::{Gpus, Plan};

/// How often what takes long to read is read, Hz.
const SLOW_HZ: f64 = 1.0;
/// The kernel counts CPU time in ticks of 10 ms: looking more often shows steps of that.
const MOST_OF_HOST_HZ: f64 = 5.0;

/// Which GPUs are to be read.
pub(super) struct Chosen {
    /// UUIDs; all of the host where none is named.
    uuids: Vec<String>,
    /// Why none is to be read.
    none: Option<String>,
    /// They are the engine's.
    pub is_known: bool,
}

impl Chosen {
    /// Those of the engine, by UUID. Those of a server that was there before us are all that its host has, if that is
    /// this one and the plan does not name them.
    pub fn of(plan: &Plan, engine: &Engine) -> Self {
        if plan.engine.kind == EngineKind::Builtin {
            return Self::none("The built-in engine computes on the CPU.");
        }
        if !engine.metrics.is_on_this_host() {
            return Self::none("The engine runs on another host, whose GPUs this agent cannot read.");
        }
        let of_engine: Vec<String> = match &plan.engine.gpus {
            Some(Gpus::Uuids(uuids)) => uuids.clone(),
            _ => engine.info.gpus.iter().filter_map(|gpu| gpu.uuid.clone()).collect(),
        };
        // Of several that it may use, it need not use all.
        let is_known = of_engine.len() == 1 || (plan.engine.gpus.is_some() && !of_engine.is_empty());
        Self { is_known, uuids: of_engine, none: None }
    }

    fn none(why: &str) -> Self {
        Self { uuids: vec![], none: Some(why.to_owned()), is_known: false }
    }
}

/// The GPUs that are read, once for each thread that reads them.
pub(super) struct Found {
    nvml: Option<Nvml>,
    pub fast: Vec<Gpu>,
    slow: Vec<Gpu>,
    pub no_gpus: Option<String>,
}

impl Found {
    pub fn none(why: String) -> Self {
        Self { nvml: None, fast: vec![], slow: vec![], no_gpus: Some(why) }
    }

    pub fn sources(self, hz: f64) -> Vec<Paced> {
        let paced = |name, hz, source| Paced { name, pace: Pace::of_hz(hz, 2), source };
        let mut sources = vec![
            paced("host", hz.min(MOST_OF_HOST_HZ), Box::<Host>::default()),
            paced("host-processes", hz.min(SLOW_HZ), Box::<HostProcesses>::default()),
        ];
        if let Some(nvml) = self.nvml.filter(|_| !self.fast.is_empty()) {
            sources.push(paced(GPU, hz, Box::new(Fast::of(self.fast))));
            sources.push(paced("gpu-slow", hz.min(SLOW_HZ), Box::new(Slow::of(nvml, self.slow))));
        }
        sources
    }
}

/// Loads the driver's library, which may take seconds, and looks for the GPUs.
pub(super) fn find(chosen: &Chosen) -> Found {
    if let Some(why) = &chosen.none {
        return Found::none(why.clone());
    }
    let nvml = match Nvml::open() {
        Reading::Value(nvml) => nvml,
        Reading::NotSupported => return Found::none("This host has no NVIDIA driver.".to_owned()),
        Reading::Failed(why) => return Found::none(format!("The NVIDIA driver does not answer ({why}).")),
    };
    let (mut fast, missing) = nvml.gpus(&chosen.uuids);
    for gpu in fast.iter_mut().filter(|gpu| gpu.facts.is_unified) {
        gpu.facts.memory_bytes = memory_total();
    }
    let (slow, _) = nvml.gpus(&chosen.uuids);
    let no_gpus = match (missing.is_empty(), fast.is_empty()) {
        (false, _) => Some(missing.join(" ")),
        (true, true) => Some("This host has an NVIDIA driver and no GPU.".to_owned()),
        (true, false) => None,
    };
    Found { nvml: Some(nvml), fast, slow, no_gpus }
}
