//! Owns the routes of the queue: what waits and why, its order, what is held back, and runs once more.
//! Must not know how the order is kept or when a run starts.

use super::App;
use super::audit::Object;
use super::error::Refusal;
use super::guard::{BoundedText, json};
use super::runs::{Created, RunPath};
use super::shape;
use crate::people::Principal;
use axum::extract;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::{Extension, Json};
use futures_util::future::BoxFuture;
use serde::Deserialize;
use shared::ids::RunId;
use shared::people::Who;
use shared::queue::{Change, QueueNow};
use utoipa::ToSchema;

/// What the API asks of the queue. Errors are sentences.
pub trait QueueCommands: Send + Sync {
    /// The queue as it is now.
    fn queue(&self) -> BoxFuture<'_, Result<QueueNow, String>>;
    /// Pauses it, or lets it go on.
    fn pause(&self, paused: bool, by: Who) -> BoxFuture<'_, Result<(), String>>;
    /// Changes where a run stands, or whether it is held back.
    fn change(&self, run: &RunId, change: Change, by: Who) -> BoxFuture<'_, Result<(), String>>;
    /// Takes a run's plan once more.
    fn retry(&self, run: &RunId) -> BoxFuture<'_, Result<RunId, String>>;
}

/// What runs, what waits, in which order, why, and when it will start.
#[utoipa::path(get, path = "/api/v1/queue", tag = "queue", responses(
    (status = 200, description = "The queue, the next run first", body = shape::QueueNow),
    (status = 503, description = "The log cannot be read", body = shape::ApiError)))]
pub(super) async fn now(extract::State(app): extract::State<App>) -> Result<Json<QueueNow>, Refusal> {
    let now = app.state.commands.queue().await;
    now.map(Json).map_err(|why| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, why))
}

/// How the queue is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WantedQueue {
    /// True: nothing starts until it is false again; what is under way goes on.
    paused: bool,
}

/// Pauses the queue, or lets it go on.
#[utoipa::path(put, path = "/api/v1/queue", tag = "queue", request_body = WantedQueue, responses(
    (status = 204, description = "It is so"),
    (status = 409, description = "It could not be kept", body = shape::ApiError),
    (status = 422, description = "A body that cannot be read", body = shape::ApiError)))]
pub(super) async fn pause(
    extract::State(app): extract::State<App>,
    principal: Principal,
    BoundedText(body): BoundedText,
) -> Result<impl IntoResponse, Refusal> {
    let WantedQueue { paused } = json(&body, "{\"paused\": true}")?;
    app.state.commands.pause(paused, principal.who).await.map_err(Refusal::conflict)?;
    let done = if paused { "paused" } else { "goes on" };
    Ok((Extension(Object(done.to_owned())), StatusCode::NO_CONTENT))
}

/// Changes a run that waits: `{"held": true}` holds it back, `{"priority": 5}` puts it behind the others of this priority, and
/// `{"before": id}` right before another that waits.
#[utoipa::path(put, path = "/api/v1/queue/{run}", tag = "queue", request_body = Object,
    params(("run" = String, Path, description = "Run id")), responses(
    (status = 204, description = "It is so"),
    (status = 404, description = "No such run", body = shape::ApiError),
    (status = 409, description = "It does not wait, or the priority is out of range", body = shape::ApiError),
    (status = 422, description = "A body that cannot be read", body = shape::ApiError)))]
pub(super) async fn change(
    extract::State(app): extract::State<App>,
    principal: Principal,
    path: RunPath,
    BoundedText(body): BoundedText,
) -> Result<impl IntoResponse, Refusal> {
    let change: Change = json(&body, "{\"held\": true}, {\"priority\": 5} or {\"before\": \"r…\"}")?;
    path.view(&app).await?;
    let done = match &change {
        Change::Held(true) => "held back".to_owned(),
        Change::Held(false) => "released".to_owned(),
        Change::Priority(priority) => format!("priority {priority}"),
        Change::Before(other) => format!("before {other}"),
    };
    app.state.commands.change(&path.run, change, principal.who).await.map_err(Refusal::conflict)?;
    Ok((Extension(Object(format!("{} ({done})", path.run))), StatusCode::NO_CONTENT))
}

/// Takes the plan of a run that has ended once more: a new run of it waits. What a run has keeps is another matter: see resume.
#[utoipa::path(post, path = "/api/v1/runs/{run}/retry", tag = "queue",
    params(("run" = String, Path, description = "Run id")), responses(
    (status = 201, description = "A new run waits for its turn", body = Created),
    (status = 404, description = "No such run", body = shape::ApiError),
    (status = 409, description = "It has not ended, or has no plan of ours", body = shape::ApiError)))]
pub(super) async fn retry(
    extract::State(app): extract::State<App>,
    principal: Principal,
    path: RunPath,
) -> Result<impl IntoResponse, Refusal> {
    path.view(&app).await?;
    let run = app.state.commands.retry(&path.run).await.map_err(Refusal::conflict)?;
    tracing::info!(of = %path.run, %run, by = principal.who.id, "a run's plan was taken once more");
    let object = Extension(Object(format!("{run} (of {})", path.run)));
    let location = [(header::LOCATION, format!("/api/v1/runs/{run}"))];
    Ok((object, (StatusCode::CREATED, location, Json(Created::of(run)))))
}
