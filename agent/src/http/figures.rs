//! Owns the routes that compute figures anew from a run's records: goodput for any limits, exact distributions.
//! Must not know how figures are computed or records are stored.

use super::error::Refusal;
use super::runs::{self, RunPath};
use super::{App, off_the_loop, shape};
use crate::record::Latency;
use crate::recount;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{self, Query};
use serde::Deserialize;
use shared::ids::PointIndex;
use shared::plan::SloPlan;
use shared::wire::{PointDistribution, PointGoodput};
use utoipa::IntoParams;

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
    off_the_loop("the records", move || Ok(recount::goodput_of(&app.state.blobs, &view, &limits)?)).await.map(Json)
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
    let [pooled] = off_the_loop("the records", move || {
        Ok(recount::distributions(&app.state.blobs, &path.run, &view, point, [latency])?)
    })
    .await?;
    Ok(Json(pooled))
}

/// The latency of a key.
fn latency(key: &str) -> Result<Latency, Refusal> {
    Latency::ALL.into_iter().find(|latency| latency.key() == key).ok_or_else(|| {
        let keys: Vec<_> = Latency::ALL.into_iter().map(Latency::key).collect();
        let key: String = key.chars().take(40).collect();
        Refusal::bad_request(format!("\"{key}\" is no latency: ask for one of {}.", keys.join(", ")))
    })
}
