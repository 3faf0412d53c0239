//! Owns the routes that list, create, read, cancel, resume and delete runs.
//! Must not know how runs are executed or stored.

use super::App;
use super::error::Refusal;
use super::guard::BoundedText;
use super::plans::{self, Form};
use super::shape;
use crate::find::Asked;
use crate::people::Principal;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{self, FromRequestParts, Path, Query};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use serde::Serialize;
use shared::event::RunState;
use shared::ids::RunId;
use shared::view::RunView;
use shared::wire::RunRow;
use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;
use utoipa::ToSchema;

/// Rows that one answer has at most.
pub(super) const MAX_ROWS: usize = 200;

/// The run that a path names, where the principal may know of it, and the path's other parts.
pub(super) struct RunPath {
    /// The run.
    pub(super) run: RunId,
    parts: BTreeMap<String, String>,
}

impl RunPath {
    /// A number in the path.
    pub(super) fn number<T: FromStr>(&self, key: &str) -> Result<T, Refusal> {
        let text = self.parts.get(key).map_or("", String::as_str);
        text.parse().map_err(|_| {
            let text: String = text.chars().take(40).collect();
            Refusal::bad_request(format!("\"{text}\" is not a {key} number: expected a whole number from 0."))
        })
    }

    /// The run's view.
    pub(super) async fn view(&self, app: &App) -> Result<Arc<RunView>, Refusal> {
        app.state.log.view(&self.run).await?.ok_or_else(|| Refusal::unknown_run(&self.run))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RunPath {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let path = Path::<BTreeMap<String, String>>::from_request_parts(parts, state).await;
        let Path(mut path) =
            path.map_err(|error| Refusal::bad_request(format!("The path could not be read: {error}.")))?;
        let run = RunId::try_from(path.remove("run").unwrap_or_default())?;
        let principal = Principal::from_request_parts(parts, state).await?;
        if principal.may_see(&run) { Ok(Self { run, parts: path }) } else { Err(Refusal::unknown_run(&run)) }
    }
}

/// A query, refused with a sentence where it cannot be read.
pub(super) fn query<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Refusal> {
    query
        .map(|Query(query)| query)
        .map_err(|error| Refusal::bad_request(format!("The query could not be read: {error}.")))
}

/// A limit from 1 to `most`.
pub(super) fn limit(limit: Option<usize>, default: usize, most: usize) -> Result<usize, Refusal> {
    match limit.unwrap_or(default) {
        limit if (1..=most).contains(&limit) => Ok(limit),
        limit => Err(Refusal::bad_request(format!("limit is {limit}, but must be from 1 to {most}."))),
    }
}

/// Runs, newest first: all, or those that a filter finds.
#[utoipa::path(get, path = "/api/v1/runs", tag = "runs", params(Asked), responses(
    (status = 200, description = "Rows, newest first; fewer than `limit` at the end of the list", body = [shape::RunRow]),
    (status = 400, description = "A query that cannot be read", body = shape::ApiError),
    (status = 401, description = "No token, or a wrong one", body = shape::ApiError)))]
pub(super) async fn list(
    extract::State(app): extract::State<App>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<Vec<RunRow>>, Refusal> {
    let asked = query(asked)?;
    let limit = limit(asked.limit, 50, MAX_ROWS)?;
    let before = asked.before.clone().map(RunId::try_from).transpose()?;
    let filter = asked.filter().map_err(Refusal::bad_request)?;
    Ok(Json(app.state.log.find_runs(filter, limit, before).await?))
}

/// A run that was created.
#[derive(Serialize, ToSchema)]
pub(super) struct Created {
    /// Its id.
    #[schema(value_type = String)]
    run: RunId,
    /// Its page, relative to the agent.
    url: String,
}

impl Created {
    /// A run by its id.
    pub(super) fn of(run: RunId) -> Self {
        let url = format!("/runs/{run}");
        Self { run, url }
    }
}

/// Creates a run of a plan: JSON, or TOML with content type `application/toml`.
#[utoipa::path(post, path = "/api/v1/runs", tag = "runs",
    request_body(content((shape::Plan = "application/json"), (String = "application/toml"))), responses(
    (status = 201, description = "The run exists and waits for its turn", body = Created),
    (status = 409, description = "The plan cannot be taken now", body = shape::ApiError),
    (status = 413, description = "More than 64 KiB", body = shape::ApiError),
    (status = 415, description = "Neither JSON nor TOML", body = shape::ApiError),
    (status = 422, description = "A plan that is refused; the sentence names the field", body = shape::ApiError)))]
pub(super) async fn create(
    extract::State(app): extract::State<App>,
    principal: Principal,
    headers: HeaderMap,
    BoundedText(body): BoundedText,
) -> Result<impl IntoResponse, Refusal> {
    let plan = plans::read(&body, Form::of(&headers, Form::Json)?)?;
    let run = app.state.commands.submit(plan).await.map_err(Refusal::conflict)?;
    tracing::info!(%run, by = principal.who.id, "a run was created");
    Ok((StatusCode::CREATED, [(header::LOCATION, format!("/api/v1/runs/{run}"))], Json(Created::of(run))))
}

/// A run as the fold over its events.
#[utoipa::path(get, path = "/api/v1/runs/{run}", tag = "runs", params(("run" = String, Path, description = "Run id")),
    responses(
    (status = 200, description = "The run", body = shape::RunView),
    (status = 400, description = "Not a run id", body = shape::ApiError),
    (status = 404, description = "No such run", body = shape::ApiError)))]
pub(super) async fn read(
    extract::State(app): extract::State<App>,
    path: RunPath,
) -> Result<impl IntoResponse, Refusal> {
    let view = path.view(&app).await?;
    Ok(Json(&*view).into_response())
}

/// Cancels a run that waits or runs.
#[utoipa::path(post, path = "/api/v1/runs/{run}/cancel", tag = "runs",
    params(("run" = String, Path, description = "Run id")), responses(
    (status = 202, description = "It ends as soon as its engine is gone"),
    (status = 404, description = "No such run", body = shape::ApiError),
    (status = 409, description = "It has ended already", body = shape::ApiError)))]
pub(super) async fn cancel(
    extract::State(app): extract::State<App>,
    principal: Principal,
    path: RunPath,
) -> Result<StatusCode, Refusal> {
    let view = path.view(&app).await?;
    if view.run_state().is_final() {
        let sentence = format!("The run {} is {} already.", path.run, view.run_state().label());
        return Err(Refusal::conflict(sentence));
    }
    app.state.commands.cancel(&path.run).await.map_err(Refusal::conflict)?;
    tracing::info!(run = %path.run, by = principal.who.id, "a run was cancelled");
    Ok(StatusCode::ACCEPTED)
}

/// Resumes a run that failed, was cancelled or interrupted: it waits again, for the points that have no figures yet.
#[utoipa::path(post, path = "/api/v1/runs/{run}/resume", tag = "runs",
    params(("run" = String, Path, description = "Run id")), responses(
    (status = 202, description = "It waits for its turn"),
    (status = 404, description = "No such run", body = shape::ApiError),
    (status = 409, description = "It has not ended, is done, or searches for its levels", body = shape::ApiError)))]
pub(super) async fn resume(
    extract::State(app): extract::State<App>,
    principal: Principal,
    path: RunPath,
) -> Result<StatusCode, Refusal> {
    path.view(&app).await?;
    app.state.commands.resume(&path.run).await.map_err(Refusal::conflict)?;
    tracing::info!(run = %path.run, by = principal.who.id, "a run was resumed");
    Ok(StatusCode::ACCEPTED)
}

/// Deletes a run that has ended: it leaves every list for the bin, from which it can come back.
#[utoipa::path(delete, path = "/api/v1/runs/{run}", tag = "runs",
    params(("run" = String, Path, description = "Run id")), responses(
    (status = 204, description = "It is gone"),
    (status = 404, description = "No such run", body = shape::ApiError),
    (status = 409, description = "It has not ended", body = shape::ApiError)))]
pub(super) async fn delete(
    extract::State(app): extract::State<App>,
    principal: Principal,
    path: RunPath,
) -> Result<StatusCode, Refusal> {
    let state: RunState = path.view(&app).await?.run_state();
    if !state.is_final() {
        let sentence = format!("The run {} is {}: cancel it first, then delete it.", path.run, state.label());
        return Err(Refusal::conflict(sentence));
    }
    app.state.log.delete(&path.run, Some(principal.who.clone())).await?;
    tracing::info!(run = %path.run, by = principal.who.id, "a run was deleted");
    Ok(StatusCode::NO_CONTENT)
}
