//! Owns the routes of what the history takes on the disk, and of the policy of what it keeps.
//! Must not know how either comes about.

use super::error::Refusal;
use super::guard::{BoundedText, json};
use super::{App, shape};
use crate::people::Principal;
use crate::retention::Keeper;
use axum::Json;
use axum::extract;
use shared::retention::{Disk, Preview, Retention, Swept};

fn keeper(app: &App) -> Keeper {
    Keeper::new(app.state.log.clone(), app.state.blobs.clone())
}

/// A policy that can be.
fn policy(body: &str) -> Result<Retention, Refusal> {
    let policy: Retention = json(body, "{\"keep_days\": 90, \"max_bytes\": 50000000000}")?;
    let refused = |error: shared::retention::InvalidRetention| Refusal::unprocessable(error.to_string());
    policy.check().map(|()| policy).map_err(refused)
}

/// What the history takes on the disk, and the policy of what it keeps.
#[utoipa::path(get, path = "/api/v1/history/disk", tag = "history", responses(
    (status = 200, description = "Bytes, by what holds them", body = shape::Disk)))]
pub(super) async fn disk(extract::State(app): extract::State<App>) -> Result<Json<Disk>, Refusal> {
    Ok(Json(keeper(&app).disk().await?))
}

/// What a policy would do now; nothing is done.
#[utoipa::path(post, path = "/api/v1/retention/preview", tag = "history", request_body = shape::Retention, responses(
    (status = 200, description = "What would go into the bin", body = shape::Preview),
    (status = 403, description = "The token is not an admin's", body = shape::ApiError),
    (status = 422, description = "A policy that cannot be; the sentence says why", body = shape::ApiError)))]
pub(super) async fn preview(
    extract::State(app): extract::State<App>,
    BoundedText(body): BoundedText,
) -> Result<Json<Preview>, Refusal> {
    Ok(Json(keeper(&app).preview(policy(&body)?).await?))
}

/// Sets the policy, which is followed once a day from then on.
#[utoipa::path(put, path = "/api/v1/retention", tag = "history", request_body = shape::Retention, responses(
    (status = 200, description = "The policy", body = shape::Retention),
    (status = 403, description = "The token is not an admin's", body = shape::ApiError),
    (status = 422, description = "A policy that cannot be; the sentence says why", body = shape::ApiError)))]
pub(super) async fn set(
    extract::State(app): extract::State<App>,
    principal: Principal,
    BoundedText(body): BoundedText,
) -> Result<Json<Retention>, Refusal> {
    let policy = policy(&body)?;
    app.state.log.set_retention(policy, principal.who).await?;
    Ok(Json(policy))
}

/// Follows the policy now, and empties the bin of what has lain there for 7 days.
#[utoipa::path(post, path = "/api/v1/retention/sweep", tag = "history", responses(
    (status = 200, description = "What was done", body = shape::Swept),
    (status = 403, description = "The token is not an admin's", body = shape::ApiError)))]
pub(super) async fn sweep(extract::State(app): extract::State<App>) -> Result<Json<Swept>, Refusal> {
    Ok(Json(keeper(&app).sweep().await?))
}
