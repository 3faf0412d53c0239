//! Owns what a run has cost so far: each life of its engine with its price and its time.
//! Must not know prices of tokens, nor how a price is looked up.

use crate::cost::Pricing;
use crate::units::ns_to_s;
use serde::{Deserialize, Serialize};

/// What a run has cost so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Spending {
    /// Lives of its engine, in order.
    pub lives: Vec<PaidLife>,
}

/// A life of the engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PaidLife {
    /// When the engine was ready, ns of run time: its start is not paid for here.
    pub ready_ns: u64,
    /// When it was gone, ns of run time; absent while it lives.
    pub end_ns: Option<u64>,
    /// What its time is priced at.
    pub pricing: Pricing,
}

impl Spending {
    /// USD for all GPUs from when each engine was ready until it was gone, or until `now_ns`: warm-up, pauses and its
    /// way down are included. Nothing before one was ready, or where a price is unknown for one of them.
    #[must_use]
    pub fn usd(&self, now_ns: u64) -> Option<f64> {
        let of =
            |life: &PaidLife| life.pricing.usd(ns_to_s(life.end_ns.unwrap_or(now_ns).saturating_sub(life.ready_ns)));
        let all: Option<Vec<f64>> = self.lives.iter().map(of).collect();
        all.filter(|lives| !lives.is_empty()).map(|lives| lives.iter().sum())
    }

    /// A life begins.
    pub(super) fn begin(&mut self, t_ns: u64, pricing: &Pricing) {
        self.end(t_ns);
        self.lives.push(PaidLife { ready_ns: t_ns, end_ns: None, pricing: pricing.clone() });
    }

    /// No engine lives any more.
    pub(super) fn end(&mut self, t_ns: u64) {
        if let Some(life) = self.lives.last_mut() {
            life.end_ns = life.end_ns.or(Some(t_ns));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::{Price, PriceOrigin, UsdPerGpuHour};
    use crate::event::{Body, Event, RunState};
    use crate::units::NS_PER_S;
    use crate::view::RunView;

    const HOUR: u64 = 3600 * NS_PER_S;

    fn priced(gpus: u32, usd: Option<f64>) -> Body {
        let price = usd.map(|usd| Price { usd_per_gpu_hour: UsdPerGpuHour(usd), origin: PriceOrigin::Plan });
        Body::Priced(Pricing { gpus: Some(gpus), price, reason: None })
    }

    fn view(bodies: &[(u64, Body)]) -> RunView {
        let mut view = RunView::default();
        for (seq, (hours, body)) in (1..).zip(bodies) {
            view.apply(&Event { seq, t_ns: hours * HOUR, body: body.clone() });
        }
        view
    }

    fn state(state: RunState) -> Body {
        Body::State { state, reason: None }
    }

    #[test]
    fn time_from_ready_to_gone_is_paid_for_and_no_start() {
        let bodies = [
            (0, state(RunState::Starting)),
            (1, priced(2, Some(3.0))),
            (1, state(RunState::Running)),
            (4, state(RunState::Starting)),
            (6, priced(1, Some(3.0))),
            (6, state(RunState::Running)),
            (7, state(RunState::Done)),
        ];
        let check = |events: usize, expect: Option<f64>| {
            let view = view(&bodies[..events]);
            assert_eq!(view.spending.usd(view.last_ns), expect, "{events}");
        };
        check(1, None);
        check(3, Some(0.0));
        check(4, Some(18.0));
        // The second one starts, which costs nothing here.
        check(5, Some(18.0));
        check(7, Some(21.0));
        let running = view(&bodies[..3]);
        assert_eq!(running.spending.usd(3 * HOUR), Some(12.0));
        // What is over stays as it is.
        assert_eq!(view(&bodies).spending.usd(100 * HOUR), Some(21.0));
    }

    #[test]
    fn one_life_without_a_price_makes_the_sum_unknown() {
        let bodies = [(1, priced(1, Some(3.0))), (2, priced(1, None)), (3, state(RunState::Failed))];
        assert_eq!(view(&bodies[..1]).spending.usd(2 * HOUR), Some(3.0));
        assert_eq!(view(&bodies).spending.usd(3 * HOUR), None);
    }
}
