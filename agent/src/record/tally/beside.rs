//! Owns what a tally needs besides the records: the client's own figures, the cache's counters, the plan's terms.
//! Must not know how any of it is measured.

use super::machine::{EnergyTally, ServerTally};
use shared::cost::{Price, Pricing};
use shared::engine::EngineInfo;
use shared::plan::{Plan, SloPlan};
use shared::roofline::Roofline;
use shared::summary::PrefixCache;
use shared::telemetry::KvFigures;

/// What is known of a trial besides its requests.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClientSide {
    /// A bounded sample of the load generator's loop lateness: how long after a timer was due its turn came, ns.
    pub loop_lag_ns: Vec<u64>,
    /// A bounded sample of its lateness in sending, ns: from due, with room and an open connection, to sent.
    pub send_late_ns: Vec<u64>,
    /// CPU time of its thread over wall time within the window, 0 to 1.
    pub busy: Option<f64>,
    /// What the engine's prefix cache did meanwhile, where it has counters.
    pub prefix_cache: Option<PrefixCache>,
    /// What the engine's own histograms gained meanwhile, where it has some.
    pub server: Option<Box<ServerTally>>,
    /// What the engine's GPUs took in the window, where that is known of each.
    pub energy: Option<EnergyTally>,
    /// What the engine's KV cache came to in it, where that is told.
    pub kv: Option<Box<KvFigures>>,
}

/// What figures need to know of the plan, and of the engine that is measured.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Terms {
    /// GPUs of the engine.
    pub gpus: Option<u32>,
    /// Price of one.
    pub price: Option<Price>,
    /// Limits that goodput is judged by.
    pub slo: Option<SloPlan>,
    /// What bounds the engine, or why nobody knows; absent before one is there.
    pub roofline: Option<Result<Roofline, String>>,
}

impl Terms {
    /// The terms of a plan.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        Self { gpus: plan.gpu_count(), slo: plan.slo.clone(), ..Self::default() }
    }

    /// The same for figures of this engine, whose time has this price.
    pub fn on(&mut self, engine: &EngineInfo, pricing: &Pricing) {
        self.roofline = Some(Roofline::of(engine));
        (self.gpus, self.price) = (pricing.gpus, pricing.price.clone());
    }

    /// Price and GPUs, where both are known.
    pub(super) fn price(&self) -> Option<(u32, &Price)> {
        Option::zip(self.gpus, self.price.as_ref())
    }
}
