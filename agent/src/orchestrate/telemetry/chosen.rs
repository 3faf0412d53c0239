//! Owns which GPUs are read in a run: the engine's, by UUID.
//! Must not know how they are found and read.

use crate::engine::{self, Engine};
use crate::telemetry::{Found, Nvml};
use shared::engine::EngineKind;
use shared::plan::{Gpus, Plan};

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
            // Of a GPU in slices an engine that is started gets one, so what it got counts and not what was asked for.
            Some(Gpus::Uuids(uuids)) if plan.engine.launch.is_none() => uuids.clone(),
            _ => engine.info.gpus.iter().filter_map(|gpu| gpu.uuid.clone()).collect(),
        };
        if of_engine.is_empty() && engine::inherits_a_mask(&plan.engine) {
            return Self::none("The agent's CUDA_VISIBLE_DEVICES shows the engine no GPU of this host.");
        }
        // Of several that it may use, it need not use all; of a GPU in slices nobody knows which a server uses that was there.
        let is_one_or_named = of_engine.len() == 1 || plan.engine.gpus.is_some();
        let is_known = is_one_or_named && !of_engine.is_empty() && !engine.info.gpus.is_empty();
        Self { is_known, uuids: of_engine, none: None }
    }

    fn none(why: &str) -> Self {
        Self { uuids: vec![], none: Some(why.to_owned()), is_known: false }
    }

    /// Loads the driver's library, which may take seconds, and looks for them.
    pub fn find(self) -> Found {
        match self.none {
            Some(why) => Found::none(why),
            None => Found::of(Nvml::open(), &self.uuids),
        }
    }
}
