//! Owns what an engine's time is priced at when it is ready: by the plan, else by the names of its GPUs.
//! Must not know where prices are kept, nor what is computed of them.

use crate::price::Prices;
use shared::cost::{Price, PriceOrigin, Pricing};
use shared::engine::EngineInfo;
use shared::plan::Plan;
use std::collections::BTreeSet;

/// What the time of an engine is priced at, or why that is unknown.
pub(super) fn pricing(plan: &Plan, engine: &EngineInfo, prices: &Prices) -> Pricing {
    let only = (engine.gpus.len() == 1).then_some(1);
    let gpus = plan.gpu_count().or(engine.gpus_used).or(only);
    let (price, reason) = match price(plan, engine, prices) {
        Ok(price) => (Some(price), None),
        Err(why) => (None, Some(why)),
    };
    let uncounted = || "How many GPUs the engine computes on is unknown: say so as engine.gpus.".to_owned();
    Pricing { gpus, price, reason: reason.or_else(|| gpus.is_none().then(uncounted)) }
}

fn price(plan: &Plan, engine: &EngineInfo, prices: &Prices) -> Result<Price, String> {
    if let Some(cost) = &plan.cost {
        return Ok(Price { usd_per_gpu_hour: cost.usd_per_gpu_hour, origin: PriceOrigin::Plan });
    }
    if engine.gpus.is_empty() {
        return Err("No GPU of the engine is known, so there is no price: give one in the plan's [cost].".to_owned());
    }
    let names: Option<BTreeSet<&str>> = engine.gpus.iter().map(|gpu| gpu.name.as_deref()).collect();
    let names = names
        .ok_or("The type of the engine's GPUs is unknown, so there is no price: give one in the plan's [cost].")?;
    let mut found: Option<Price> = None;
    for name in names {
        let price = prices.find(name).map_err(|error| error.to_string())?;
        let price = price.ok_or_else(|| {
            format!(
                "No price of the {name} is known: give it to the agent with `tokenprism price set`, or in the plan's [cost]."
            )
        })?;
        if found.as_ref().is_some_and(|other| other.usd_per_gpu_hour != price.usd_per_gpu_hour) {
            return Err("The engine's GPUs have several prices: give one in the plan's [cost].".to_owned());
        }
        found.get_or_insert(price);
    }
    found.ok_or_else(|| "No GPU of the engine is known.".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::cost::UsdPerGpuHour;
    use shared::engine::Gpu;
    use shared::plan::{CostPlan, Gpus};

    fn engine(names: &[Option<&str>]) -> EngineInfo {
        let gpu = |name: &Option<&str>| Gpu { name: name.map(str::to_owned), ..Gpu::default() };
        EngineInfo { gpus: names.iter().map(gpu).collect(), ..EngineInfo::default() }
    }

    fn plan() -> Plan {
        shared::preset::find("first").unwrap()
    }

    #[test]
    fn the_plan_first_then_the_names_of_the_gpus() {
        let folder = tempfile::tempdir().unwrap();
        let prices = Prices::of(folder.path());
        prices.set("H100", 4.0, None).unwrap();
        let check = |plan: &Plan, names: &[Option<&str>], usd: Option<f64>, gpus: Option<u32>, words: &str| {
            let Pricing { gpus: counted, price, reason } = pricing(plan, &engine(names), &prices);
            assert_eq!((price.map(|price| price.usd_per_gpu_hour.0), counted), (usd, gpus), "{names:?} {reason:?}");
            assert!(
                reason.clone().unwrap_or_default().contains(words) && reason.is_some() != words.is_empty(),
                "{reason:?}"
            );
        };
        let (l4, h100) = (Some("NVIDIA L4"), Some("NVIDIA H100 80GB HBM3"));
        check(&plan(), &[l4], Some(2.93), Some(1), "");
        check(&plan(), &[h100], Some(4.0), Some(1), "");
        check(&plan(), &[h100, h100], Some(4.0), None, "engine.gpus");
        check(&plan(), &[l4, h100], None, None, "several prices");
        check(&plan(), &[Some("NVIDIA B300")], None, Some(1), "No price of the NVIDIA B300");
        check(&plan(), &[None], None, Some(1), "type");
        check(&plan(), &[], None, None, "No GPU");
        let mut priced = plan();
        priced.cost = Some(CostPlan { usd_per_gpu_hour: UsdPerGpuHour(1.0) });
        priced.engine.gpus = Some(Gpus::Count(2));
        check(&priced, &[l4, h100], Some(1.0), Some(2), "");
        let two = EngineInfo { gpus_used: Some(2), ..engine(&[l4, l4, l4]) };
        assert_eq!(pricing(&plan(), &two, &prices).usd(3600.0), Some(5.86));
    }
}
