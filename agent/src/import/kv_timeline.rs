//! Owns `kv_cache_data.json` of the published study: how much of vLLM's KV cache was in use, read ten times a second.
//! Must not know any other format.

use super::json::{self, Bounded};
use super::tool::{KV_TIMELINE, OWN_TIMELINE, Tool};
use super::trial::{Kin, Trial, Watched, told};
use serde::Deserialize;
use shared::engine::EngineKind;
use shared::source::Source;
use shared::telemetry::{Field, Group, KV_USED, Samples, Signal};
use shared::units::s_to_ns;
use shared::view::Telemetry;

/// Of a cache that is said to be full, per cent: readings are of whole blocks.
const FULL: f64 = 99.95;
/// Most reads of a timeline: hours at ten a second.
pub(super) const MAX_READS: usize = 200_000;

#[derive(Deserialize)]
struct File {
    peak_usage_percent: f64,
    history_times: Bounded<f64, MAX_READS>,
    history_values: Bounded<f64, MAX_READS>,
    /// Our own export says who wrote it, of which engine and model.
    tool: Option<String>,
    engine: Option<EngineKind>,
    model: Option<String>,
}

/// What the trials of a timeline have in common: of the study's script and its engine, or of our export and its own.
pub(super) fn kin(tool: Option<&str>, engine: Option<EngineKind>, script: (&'static Tool, EngineKind)) -> Kin {
    match tool {
        Some(Source::OWN) => Kin::of(&OWN_TIMELINE, engine.unwrap_or(script.1)),
        _ => Kin::of(script.0, script.1),
    }
}

/// Whether these names are those of such a file.
pub(super) fn is_named<'a>(mut has: impl FnMut(&'a str) -> bool) -> bool {
    ["peak_usage_percent", "history_times", "history_values"].into_iter().all(&mut has)
}

/// What it tells: no level, and no figure but the cache's over time.
///
/// # Errors
/// A sentence where its lists do not fit together.
pub(super) fn trial(text: &str, folder: &str) -> Result<Trial, String> {
    let File { peak_usage_percent, history_times, history_values, tool, engine, model } = json::parse(text)?;
    let (Bounded(history_times), Bounded(history_values)) = (history_times, history_values);
    let ppm = |percent: &f64| match (0.0..=100.0).contains(percent) {
        true => Field::Value((percent * 1e4).round() as u64),
        false => Field::Failed(Field::IMPLAUSIBLE),
    };
    let most = history_values.iter().copied().fold(0.0, f64::max);
    if most != peak_usage_percent {
        return Err(format!("Its peak is {peak_usage_percent} %, but the greatest of its values is {most} %."));
    }
    let values: Vec<Field> = history_values.iter().map(ppm).collect();
    let watched = watched(Telemetry::ENGINE, &history_times, &[(KV_USED, values)])?;
    let mut kin = kin(tool.as_deref(), engine, (&KV_TIMELINE, EngineKind::Vllm));
    kin.model = model;
    kin.folder = folder.to_owned();
    kin.part = "KV cache".to_owned();
    let mut summary = told();
    summary.window_s = history_times.last().copied().unwrap_or_default();
    let watched = Watched { is_full: peak_usage_percent >= FULL, ..watched };
    Ok(Trial { watched: Some(Box::new(watched)), ..Trial::of(kin, None, summary) })
}

/// Reads of a source, in events of bounded size.
///
/// # Errors
/// A sentence where times and values are not as many, or time does not go on.
pub(super) fn watched(source: &str, times_s: &[f64], columns: &[(Signal, Vec<Field>)]) -> Result<Watched, String> {
    if columns.iter().any(|(_, values)| values.len() != times_s.len()) {
        return Err("Its times and values are not as many.".to_owned());
    }
    let in_order = times_s.windows(2).all(|pair| pair[0] <= pair[1]);
    // A month, so that one wrong time does not stretch the axis beyond use.
    let fit = times_s.iter().all(|s| (0.0..=2_678_400.0).contains(s));
    let (Some(last), true, true) = (times_s.last(), in_order, fit) else {
        return Err("Its times are none, or do not go on.".to_owned());
    };
    let group = |from: usize, to: usize| Group {
        at_ns: times_s[from..to].iter().map(|s| s_to_ns(*s)).collect(),
        took_ns: Vec::new(),
        keys: columns.iter().map(|(signal, _)| signal.key.to_owned()).collect(),
        values: columns.iter().flat_map(|(_, values)| values[from..to].iter().map(|field| field.to_wire())).collect(),
    };
    let starts = (0..times_s.len()).step_by(Samples::MAX_READS);
    let reads = starts.map(|from| {
        let groups = vec![group(from, (from + Samples::MAX_READS).min(times_s.len()))];
        Samples { source: source.to_owned(), groups, dropped: 0 }
    });
    let rate_hz = (times_s.len() - 1) as f64 / last.max(f64::MIN_POSITIVE);
    Ok(Watched { gpu: None, rate_hz: rate_hz.min(1e3), reads: reads.collect(), is_full: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeline_becomes_reads() {
        let text = r#"{"peak_usage_percent": 29.142857142857146, "history_times": [0.0137, 0.123, 0.25],
                       "history_values": [0.0, 29.142857142857146, 0.0]}"#;
        let trial = trial(text, "kv_cache_study/fact_recall").unwrap();
        let watched = trial.watched.unwrap();
        assert_eq!((watched.reads.len(), watched.is_full, trial.level), (1, false, None));
        let group = &watched.reads[0].groups[0];
        assert_eq!((group.at_ns[0], &group.values[..]), (13_700_000, &[0, 291_429, 0][..]));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let check = |text: &str, words: &str| {
            let why = trial(text, "").unwrap_err();
            assert!(why.contains(words), "{why}");
        };
        let of = |times: &str, values: &str, peak: &str| {
            format!(r#"{{"peak_usage_percent": {peak}, "history_times": {times}, "history_values": {values}}}"#)
        };
        check(&of("[0.1]", "[1.0, 2.0]", "2.0"), "not as many");
        check(&of("[0.2, 0.1]", "[1.0, 2.0]", "2.0"), "do not go on");
        check(&of("[1e300]", "[1.0]", "1.0"), "do not go on");
        check(&of("[]", "[]", "0.0"), "none");
        check(&of("[0.1]", "[1.0]", "3.0"), "peak is 3 %");
        check("{", "broken");
    }
}
