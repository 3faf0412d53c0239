//! Owns the routes that read single requests from a trial's records.
//! Must not know how records are stored.

use super::error::Refusal;
use super::runs::{self, RunPath};
use super::{App, off_the_loop, shape};
use crate::orchestrate::sample_of;
use crate::record::RequestRecord;
use crate::recount;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{self, Query};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use shared::event::RequestSample;
use shared::ids::{RequestId, RunId};
use shared::view::RunView;
use shared::wire::RequestTimeline;
use std::sync::Arc;
use utoipa::IntoParams;

/// Requests that one answer has at most.
const MAX_REQUESTS: usize = 500;

/// Which requests of a trial.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct RequestsQuery {
    /// Requests to leave out at the start; 0 by default.
    offset: Option<usize>,
    /// Most requests, 1 to 500; 100 by default.
    limit: Option<usize>,
}

/// One request in a list.
#[derive(Serialize)]
pub(super) struct RequestRow {
    #[serde(flatten)]
    sample: RequestSample,
    /// What went wrong, as a sentence.
    error: Option<String>,
}

/// Requests of a trial that ended, in order of their end.
#[utoipa::path(get, path = "/api/v1/runs/{run}/trials/{trial}/requests", tag = "requests", params(
    ("run" = String, Path, description = "Run id"), ("trial" = u32, Path, description = "Trial, from 0"), RequestsQuery),
    responses(
    (status = 200, description = "Requests; fewer than `limit` at the end", body = [shape::RequestRow]),
    (status = 400, description = "Not a run id, number or limit", body = shape::ApiError),
    (status = 404, description = "No such run or trial, or no records of it", body = shape::ApiError)))]
pub(super) async fn list(
    extract::State(app): extract::State<App>,
    path: RunPath,
    asked: Result<Query<RequestsQuery>, QueryRejection>,
) -> Result<Json<Vec<RequestRow>>, Refusal> {
    let asked = runs::query(asked)?;
    let (offset, limit) = (asked.offset.unwrap_or(0), runs::limit(asked.limit, 100, MAX_REQUESTS)?);
    let index: u32 = path.number("trial")?;
    let view = path.view(&app).await?;
    let not_found = |why: &str| Refusal::new(StatusCode::NOT_FOUND, format!("Trial {index} of {} {why}", path.run));
    let trial = view.trials.get(index as usize).ok_or_else(|| not_found("has not begun, or the plan has none."))?;
    let Some(blob) = trial.blob.clone() else {
        return Err(not_found(match trial.ended_ns {
            Some(_) => "ended, but its records could not be written.",
            None => "has not ended: its records can be read afterwards.",
        }));
    };
    let rows = off_the_loop("the records", move || {
        let records = app.state.blobs.read(&blob)?.skip(offset).take(limit);
        let row = |r: RequestRecord| RequestRow { sample: sample_of(&r), error: r.error };
        records.map(|record| Ok(row(record?))).collect::<Result<Vec<_>, Refusal>>()
    });
    Ok(Json(rows.await?))
}

/// One request's timeline, its stamps in ns since it was sent.
#[utoipa::path(get, path = "/api/v1/runs/{run}/requests/{id}", tag = "requests", params(
    ("run" = String, Path, description = "Run id"), ("id" = u64, Path, description = "Request number in the run")),
    responses(
    (status = 200, description = "The timeline", body = shape::RequestTimeline),
    (status = 400, description = "Not a run id or number", body = shape::ApiError),
    (status = 404, description = "No such run, or no such request in a trial that ended", body = shape::ApiError)))]
pub(super) async fn timeline(
    extract::State(app): extract::State<App>,
    path: RunPath,
) -> Result<Json<RequestTimeline>, Refusal> {
    let id: RequestId = path.number("id")?;
    let view = path.view(&app).await?;
    timeline_of(&app, path.run, view, id).await.map(Json)
}

/// The timeline of a request of a run.
pub(super) async fn timeline_of(
    app: &App,
    run: RunId,
    view: Arc<RunView>,
    id: RequestId,
) -> Result<RequestTimeline, Refusal> {
    let blobs = app.state.blobs.clone();
    off_the_loop("the records", move || Ok(recount::timeline(&blobs, &run, &view, id)?)).await
}
