//! Owns what is said of a run above its figures: its engine, what it cost, the energy it took.
//! Must not know who says it.

use crate::format;
use crate::telemetry::EnergyMethod;
use crate::view::RunView;

/// The engine with its version and model; before it answers, what the plan calls it.
#[must_use]
pub fn engine_words(view: &RunView) -> String {
    let plan = view.header.as_ref().map(|h| h.plan.engine.kind.label());
    match &view.engine {
        Some(engine) => {
            let version = engine.version.as_ref().map(|v| format!(" {v}")).unwrap_or_default();
            format!("{}{version} · {}", engine.label, engine.model)
        }
        None => plan.unwrap_or_default().to_owned(),
    }
}

/// The price behind the cost so far, or why there is none.
#[must_use]
pub fn price_words(view: &RunView) -> String {
    let Some(life) = view.spending.lives.last() else { return "from when the engine is ready".to_owned() };
    match (&life.pricing.price, life.pricing.gpus) {
        (Some(price), Some(gpus)) => {
            format!("{gpus} × {}/h, {}", format::usd(price.usd_per_gpu_hour.0), price.origin.words())
        }
        _ => life.pricing.reason.clone().unwrap_or_else(|| "no price is known".to_owned()),
    }
}

/// What the GPUs that are read have taken so far, and how that is known; nothing where none of them tells.
#[must_use]
pub fn energy_words(view: &RunView) -> Option<(String, String)> {
    let gpus = view.telemetry.energy_so_far();
    let joules: f64 = gpus.iter().map(|gpu| gpu.joules).sum();
    let by = |method: EnergyMethod| gpus.iter().any(|gpu| gpu.method == method);
    let how = match (by(EnergyMethod::Counter), by(EnergyMethod::Integrated)) {
        (true, false) => "by counter",
        (false, true) => "power over time",
        _ => "by counter and power",
    };
    let of = if gpus.len() == 1 { "GPU".to_owned() } else { format!("{} GPUs", gpus.len()) };
    (!gpus.is_empty()).then(|| (format::energy(joules), format!("{of}, {how}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::Track;

    #[test]
    fn energy_names_how_it_is_known_and_whose_it_is() {
        let track = |source: &str, signal: &str, bins: &[u64]| Track {
            source: source.to_owned(),
            signal: signal.to_owned(),
            bins: bins.to_vec(),
            ..Track::default()
        };
        let mut view = RunView::default();
        assert_eq!(energy_words(&view), None);
        view.telemetry.tracks = vec![track("gpu:a", "energy", &[1, 1, 9_500_000, 9_500_000, 9_500_000])];
        let said = |view: &RunView| energy_words(view).unwrap();
        assert_eq!(said(&view), ("9.50 kJ".to_owned(), "GPU, by counter".to_owned()));
        let watts = [0, 1, 100_000, 100_000, 100_000, 10, 1, 100_000, 100_000, 100_000];
        view.telemetry.tracks.push(track("gpu:b", "power", &watts));
        assert_eq!(said(&view), ("9.60 kJ".to_owned(), "2 GPUs, by counter and power".to_owned()));
    }
}
