//! Owns the routes of engines: their kinds and parameters, what this host has, and the one that is started by hand.
//! Must not know how an engine is started.

use super::audit::Object;
use super::error::Refusal;
use super::guard::BoundedText;
use super::{App, shape};
use crate::engine::parameters;
use crate::orchestrate::ByHandError;
use crate::people::Principal;
use axum::extract;
use axum::http::StatusCode;
use axum::{Extension, Json, response::IntoResponse};
use shared::engine::EngineKind;
use shared::plan::EnginePlan;
use shared::wire::{EngineRow, EnginesNow};

/// Every kind of engine, how it may be reached, and its parameters with their values, defaults and meaning.
#[utoipa::path(get, path = "/api/v1/engines", tag = "engines", responses(
    (status = 200, description = "Kinds of engine", body = [shape::EngineRow])))]
pub(super) async fn list() -> Json<Vec<EngineRow>> {
    let row = |(_, kind): (&str, EngineKind)| EngineRow {
        kind,
        label: kind.label().to_owned(),
        launches: kind.launches().to_vec(),
        by_url: kind != EngineKind::Builtin,
        parameters: parameters(kind).into_iter().cloned().collect(),
    };
    Json(EngineKind::KEYS.into_iter().map(row).collect())
}

/// What this host has for engines as far as that is known, the engine that was started by hand last, and the last
/// lines of its log. The socket tells the same as it changes.
#[utoipa::path(get, path = "/api/v1/engines/now", tag = "engines", responses(
    (status = 200, description = "The host, the engine and its log", body = shape::EnginesNow)))]
pub(super) async fn now(extract::State(app): extract::State<App>) -> Json<EnginesNow> {
    Json(app.state.by_hand.now().await)
}

/// Starts the engine that an `[engine]` part of a plan describes, in its JSON form. One at a time.
#[utoipa::path(post, path = "/api/v1/engines", tag = "engines", request_body = shape::EnginePlan, responses(
    (status = 201, description = "It begins to start", body = shape::StartedEngine),
    (status = 409, description = "Another engine has this host", body = shape::ApiError),
    (status = 413, description = "More than 64 KiB", body = shape::ApiError),
    (status = 422, description = "An engine that is refused; the sentence names the field", body = shape::ApiError)))]
pub(super) async fn start(
    extract::State(app): extract::State<App>,
    principal: Principal,
    BoundedText(body): BoundedText,
) -> Result<impl IntoResponse, Refusal> {
    let engine: EnginePlan = serde_json::from_str(&body).map_err(|error| {
        let sentence = format!("The engine could not be read: {error}. Send the engine of a plan as JSON.");
        Refusal::unprocessable(sentence)
    })?;
    let started = app.state.by_hand.start(engine)?;
    tracing::info!(kind = ?started.engine.kind, by = principal.who.id, "an engine was started by hand");
    Ok((StatusCode::CREATED, Extension(Object(started.engine.kind.label().to_owned())), Json(started)))
}

/// Ends the engine that was started by hand.
#[utoipa::path(delete, path = "/api/v1/engines/started", tag = "engines", responses(
    (status = 202, description = "It is on its way down"),
    (status = 404, description = "There is none", body = shape::ApiError)))]
pub(super) async fn stop(
    extract::State(app): extract::State<App>,
    principal: Principal,
) -> Result<StatusCode, Refusal> {
    app.state.by_hand.stop()?;
    tracing::info!(by = principal.who.id, "an engine that was started by hand was stopped");
    Ok(StatusCode::ACCEPTED)
}

impl From<ByHandError> for Refusal {
    fn from(error: ByHandError) -> Self {
        match error {
            ByHandError::Plan(error) => error.into(),
            ByHandError::Occupied(_) => Self::conflict(error.to_string()),
            ByHandError::NoneThere => Self::new(StatusCode::NOT_FOUND, error.to_string()),
        }
    }
}
