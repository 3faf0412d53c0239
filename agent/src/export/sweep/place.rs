//! Owns where a trial stands in a sweep: the folder of its combination, what was asked for, and when it ended.
//! Must not know figures.

use super::super::form::{RunForm, TrialForm};
use super::params;
use super::result::FIELDS;
use serde_json::{Value, json};
use shared::calendar;
use shared::engine::ParamValue;
use shared::plan::{Arrival, Curve, Level, Plan};
use shared::units::NS_PER_MS;

/// Where a trial stands.
pub(super) struct Place {
    /// The folder of its combination.
    pub folder: String,
    /// The engine's parameters.
    pub params: Vec<(String, ParamValue)>,
    /// Requests per second, `inf` where requests wait for room.
    pub request_rate: Value,
    /// Shape of the gaps.
    pub burstiness: f64,
    /// Most in flight.
    pub max_concurrency: Option<u32>,
    /// The ramp: strategy, from, to.
    pub ramp: Option<(&'static str, f64, f64)>,
}

/// The place of a trial.
///
/// # Errors
/// A sentence where the bench has no word for how it was asked.
pub(super) fn of(form: &RunForm, trial: &TrialForm) -> Result<Place, String> {
    let point = form.points.get(trial.point as usize).ok_or("Its point is unknown.")?;
    let load = &form.plan.load;
    let params: Vec<_> = params(&form.plan, point.configuration).into_iter().filter(|(key, _)| is_param(key)).collect();
    let mut place = Place {
        folder: String::new(),
        params,
        request_rate: json!("inf"),
        burstiness: 1.0,
        max_concurrency: None,
        ramp: None,
    };
    let asked = match (point.level, load.arrival) {
        (Level::Concurrency(n), _) => {
            place.max_concurrency = Some(n);
            format!("max_concurrency={n}")
        }
        (Level::Burst(n), _) if trial.summary.attempted == u64::from(n) => format!("num_prompts={n}"),
        (Level::Burst(_), _) => return Err("Bursts that follow one another have no place in its files.".to_owned()),
        (Level::Rate(_), Arrival::Constant) => return Err("Even gaps have no place in its files.".to_owned()),
        (Level::Rate(rate), _) => {
            place.request_rate = json!(rate);
            place.burstiness = load.burstiness.unwrap_or(1.0);
            format!("request_rate={rate}")
        }
        (Level::Ramp { from, to }, _) => {
            let is_linear = load.ramp.as_ref().is_none_or(|ramp| ramp.curve == Curve::Linear);
            place.ramp = Some((if is_linear { "linear" } else { "exponential" }, from, to));
            format!("ramp_up_start_rps={from}-ramp_up_end_rps={to}")
        }
        (Level::Trace { .. }, _) => return Err("The times of a trace have no place in its files.".to_owned()),
    };
    if point.level.is_open() {
        place.max_concurrency = load.max_in_flight;
    }
    let served: Vec<String> = place.params.iter().map(|(key, value)| format!("{key}={}", python(value))).collect();
    let served = if served.is_empty() { String::new() } else { format!("SERVE--{}-", served.join("-")) };
    place.folder = format!("{served}BENCH--{asked}").replace('/', "_").replace("..", "__");
    Ok(place)
}

/// A parameter that can stand among a result's own fields.
fn is_param(key: &str) -> bool {
    !FIELDS.contains(&key) && key != "run_number"
}

/// Parameters that are named as a field of a result is.
pub(super) fn left_out(plan: &Plan) -> Vec<&String> {
    plan.engine.params.keys().chain(plan.engine.vary.keys()).filter(|key| !is_param(key)).collect()
}

/// A value as Python writes it.
fn python(value: &ParamValue) -> String {
    match value {
        ParamValue::Bool(true) => "True".to_owned(),
        ParamValue::Bool(false) => "False".to_owned(),
        other => other.to_string(),
    }
}

/// When a trial ended, Unix ms: by the wall clock of the stretch of the run that it belongs to.
pub(super) fn ended(form: &RunForm, trial: &TrialForm) -> u64 {
    let summary = &trial.summary;
    let end_ns = trial.ended_ns.unwrap_or(summary.window_start_ns + shared::units::s_to_ns(summary.window_s));
    let resumed = form.resumptions.iter().rev().find(|resumption| resumption.t_ns <= end_ns);
    let (from_ns, unix_ms) = resumed.map_or((0, form.created_unix_ms), |r| (r.t_ns, r.anchor_unix_ms));
    unix_ms.saturating_add(end_ns.saturating_sub(from_ns) / NS_PER_MS)
}

/// A time as the bench writes it, in UTC: `20251202-234641`.
pub(super) fn stamp(unix_ms: u64) -> String {
    let seconds = i64::try_from(unix_ms / 1000).unwrap_or(0);
    let ((year, month, day), (hour, minute, second)) = calendar::date_and_clock(seconds);
    format!("{year:04}{month:02}{day:02}-{hour:02}{minute:02}{second:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_utc() {
        assert_eq!(stamp(1_764_719_201_999), "20251202-234641");
        assert_eq!(stamp(0), "19700101-000000");
    }
}
