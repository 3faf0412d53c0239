//! Owns the routes that compute figures anew from a run's records: goodput for any limits, exact distributions.
//! Must not know how figures are computed or records are stored.

use super::error::Refusal;
use super::runs::{self, RunPath};
use super::{App, off_the_loop, shape};
use crate::blob::BlobStore;
use crate::record::{Latency, RequestRecord, Samples, Served, Span, goodput};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{self, Query};
use axum::http::StatusCode;
use serde::Deserialize;
use shared::ids::{PointIndex, RunId};
use shared::plan::{Arrival, SloPlan};
use shared::view::{PointView, RunView};
use shared::wire::{PointDistribution, PointGoodput};
use utoipa::IntoParams;

/// Points of an empirical distribution at most.
const MAX_ECDF: u64 = 400;
/// Bins of a histogram at most.
const MAX_BINS: u32 = 60;

/// Limits to judge by; at least one.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct LimitsQuery {
    /// Most time to first token, ms: from due under an open loop, from sent else.
    ttft_ms: Option<f64>,
    /// Most time per output token, ms.
    tpot_ms: Option<f64>,
    /// Most time from first byte sent to last output, ms.
    e2e_ms: Option<f64>,
}

impl LimitsQuery {
    fn limits(self) -> Result<SloPlan, Refusal> {
        let limits = [("ttft_ms", self.ttft_ms), ("tpot_ms", self.tpot_ms), ("e2e_ms", self.e2e_ms)];
        if limits.iter().all(|(_, limit)| limit.is_none()) {
            return Err(Refusal::bad_request("No limit was given: ask with ttft_ms, tpot_ms or e2e_ms, or several."));
        }
        for (name, limit) in limits {
            if let Some(ms) = limit.filter(|ms| !(ms.is_finite() && *ms > 0.0)) {
                return Err(Refusal::bad_request(format!("{name} is {ms}, but must be a number of ms above 0.")));
            }
        }
        Ok(SloPlan { ttft_ms: self.ttft_ms, tpot_ms: self.tpot_ms, e2e_ms: self.e2e_ms })
    }
}

/// A trial that ended: where its records are, and what they were measured over.
struct Measured {
    blob: String,
    span: Span,
}

impl Measured {
    /// Passes on the records that belong to the trial's window.
    fn each(&self, blobs: &BlobStore, mut take: impl FnMut(&RequestRecord)) -> Result<(), Refusal> {
        for record in blobs.read(&self.blob)? {
            let record = record?;
            if self.span.holds(&record) {
                take(&record);
            }
        }
        Ok(())
    }
}

/// The trials of a point that ended. One without records is refused, since figures without it would be others.
fn measured(run: &RunId, view: &RunView, point: PointIndex) -> Result<Vec<Measured>, Refusal> {
    let mut found = Vec::new();
    let Some(header) = &view.header else { return Ok(found) };
    for (index, trial) in view.trials_of(point) {
        let Some(summary) = &trial.summary else { continue };
        let blob = trial.blob.clone().ok_or_else(|| {
            let sentence = format!(
                "Trial {index} of {run} ended, but its records could not be written, so its point has no figures but those \
                 of the run itself."
            );
            Refusal::new(StatusCode::NOT_FOUND, sentence)
        })?;
        found.push(Measured { blob, span: Span::of_summary(summary, &header.plan) });
    }
    Ok(found)
}

/// Goodput of every point that has ended trials, for any limits.
#[utoipa::path(get, path = "/api/v1/runs/{run}/goodput", tag = "runs", params(
    ("run" = String, Path, description = "Run id"), LimitsQuery), responses(
    (status = 200, description = "Points with ended trials", body = [shape::PointGoodput]),
    (status = 400, description = "Not a run id, or no limits that can be judged by", body = shape::ApiError),
    (status = 404, description = "No such run, or no records of a trial", body = shape::ApiError)))]
pub(super) async fn goodput_of(
    extract::State(app): extract::State<App>,
    path: RunPath,
    asked: Result<Query<LimitsQuery>, QueryRejection>,
) -> Result<Json<Vec<PointGoodput>>, Refusal> {
    let limits = runs::query(asked)?.limits()?;
    let view = path.view(&app).await?;
    let rows = off_the_loop("the records", move || {
        let arrival = view.header.as_ref().map(|h| h.plan.load.arrival).unwrap_or_default();
        let mut rows = Vec::new();
        for (point, planned) in (0..).zip(&view.points) {
            let trials = measured(&path.run, &view, point)?;
            if !trials.is_empty() {
                rows.push(judged(&app.state.blobs, &trials, arrival, &limits, (point, planned))?);
            }
        }
        Ok(rows)
    });
    Ok(Json(rows.await?))
}

/// One point's goodput.
fn judged(
    blobs: &BlobStore,
    trials: &[Measured],
    arrival: Arrival,
    limits: &SloPlan,
    (point, planned): (PointIndex, &PointView),
) -> Result<PointGoodput, Refusal> {
    let mut served = Vec::new();
    for trial in trials {
        trial.each(blobs, |record| served.push(Served::of(record, arrival)))?;
    }
    let found = goodput(&served, limits, trials.iter().map(|trial| trial.span.length_ns()).sum());
    Ok(PointGoodput {
        point,
        level: planned.level,
        words: planned.words(),
        met: found.map(|g| g.met),
        of: served.len() as u64,
        requests_per_s: found.and_then(|g| g.requests_per_s),
        tokens_per_s: found.and_then(|g| g.tokens_per_s),
    })
}

/// Which latency.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct MetricQuery {
    /// A latency's key: `ttft`, `ttft_scheduled`, `ttfv`, `tpot`, `itl`, `chunk_gap`, `e2e`, `queue_client`, `connect`.
    metric: String,
}

/// A latency's exact distribution over the pooled samples of all trials of a point that ended.
#[utoipa::path(get, path = "/api/v1/runs/{run}/points/{point}/distribution", tag = "runs", params(
    ("run" = String, Path, description = "Run id"), ("point" = u32, Path, description = "Point, from 0"), MetricQuery),
    responses(
    (status = 200, description = "At most 400 order statistics and 60 bins", body = shape::PointDistribution),
    (status = 400, description = "Not a run id or number, or no latency", body = shape::ApiError),
    (status = 404, description = "No such run or point, or no records of it", body = shape::ApiError)))]
pub(super) async fn distribution(
    extract::State(app): extract::State<App>,
    path: RunPath,
    asked: Result<Query<MetricQuery>, QueryRejection>,
) -> Result<Json<PointDistribution>, Refusal> {
    let latency = latency(&runs::query(asked)?.metric)?;
    let point: PointIndex = path.number("point")?;
    let view = path.view(&app).await?;
    let trials = measured(&path.run, &view, point)?;
    if trials.is_empty() {
        let sentence = format!("No trial of point {point} of {} has ended, or the run has no such point.", path.run);
        return Err(Refusal::new(StatusCode::NOT_FOUND, sentence));
    }
    let pooled = off_the_loop("the records", move || {
        let mut samples = Samples::default();
        for trial in &trials {
            trial.each(&app.state.blobs, |record| latency.take(record, &mut samples))?;
        }
        let ranked = samples.ranked();
        Ok(PointDistribution {
            metric: latency.key().to_owned(),
            n: ranked.certain_total(),
            at_least: ranked.bounds_total(),
            ecdf: ranked.ecdf(MAX_ECDF),
            bins: ranked.bins(MAX_BINS),
        })
    });
    Ok(Json(pooled.await?))
}

/// The latency of a key.
fn latency(key: &str) -> Result<Latency, Refusal> {
    Latency::ALL.into_iter().find(|latency| latency.key() == key).ok_or_else(|| {
        let keys: Vec<_> = Latency::ALL.into_iter().map(Latency::key).collect();
        let key: String = key.chars().take(40).collect();
        Refusal::bad_request(format!("\"{key}\" is no latency: ask for one of {}.", keys.join(", ")))
    })
}
