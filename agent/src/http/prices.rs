//! Owns the routes of prices: what GPUs cost, by the table and by what somebody gave.
//! Must not know where prices are kept, nor what is computed of them.

use super::App;
use super::error::Refusal;
use super::guard::BoundedText;
use super::{off_the_loop, shape};
use crate::people::Principal;
use crate::price::PriceError;
use axum::Json;
use axum::extract::{self, Path};
use axum::http::StatusCode;
use serde::Deserialize;
use shared::cost::Price;
use utoipa::ToSchema;

/// A price that somebody gives.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GivenPrice {
    /// Of one GPU for an hour, USD.
    usd_per_gpu_hour: f64,
    /// Who says so, in one line.
    #[serde(default)]
    source: Option<String>,
}

/// What GPUs cost: prices that somebody gave to this agent, then those of its table that they do not replace. A run
/// keeps the price that its engine had when it was ready.
#[utoipa::path(get, path = "/api/v1/prices", tag = "prices", responses(
    (status = 200, description = "Prices with their origin", body = [shape::Price])))]
pub(super) async fn list(extract::State(app): extract::State<App>) -> Result<Json<Vec<Price>>, Refusal> {
    off_the_loop("prices", move || Ok(Json(app.state.prices.list()?))).await
}

/// Keeps a price for GPUs whose names have these words, in place of one that was given for the same.
#[utoipa::path(put, path = "/api/v1/prices/{gpu}", tag = "prices",
    params(("gpu" = String, Path, description = "Words of the GPU's name, such as `H100` or `A100 80GB`")),
    request_body = GivenPrice, responses(
    (status = 200, description = "It is kept", body = shape::Price),
    (status = 413, description = "More than 64 KiB", body = shape::ApiError),
    (status = 422, description = "What cannot be a price", body = shape::ApiError)))]
pub(super) async fn set(
    extract::State(app): extract::State<App>,
    principal: Principal,
    Path(gpu): Path<String>,
    BoundedText(body): BoundedText,
) -> Result<Json<Price>, Refusal> {
    let given: GivenPrice = serde_json::from_str(&body).map_err(|error| {
        let sentence = format!("The price could not be read: {error}. Send {{\"usd_per_gpu_hour\": 2.5}} as JSON.");
        Refusal::unprocessable(sentence)
    })?;
    let GivenPrice { usd_per_gpu_hour, source } = given;
    off_the_loop("prices", move || {
        let price = app.state.prices.set(&gpu, usd_per_gpu_hour, source)?;
        tracing::info!(gpu, usd_per_gpu_hour, by = principal.who.id, "a price was given");
        Ok(Json(price))
    })
    .await
}

/// Forgets a price that somebody gave: that of the table holds again, where it has one.
#[utoipa::path(delete, path = "/api/v1/prices/{gpu}", tag = "prices",
    params(("gpu" = String, Path, description = "The words that it was given for")), responses(
    (status = 204, description = "It is gone"),
    (status = 404, description = "Nobody gave one for these words", body = shape::ApiError)))]
pub(super) async fn remove(
    extract::State(app): extract::State<App>,
    principal: Principal,
    Path(gpu): Path<String>,
) -> Result<StatusCode, Refusal> {
    off_the_loop("prices", move || {
        if app.state.prices.remove(&gpu)? {
            tracing::info!(gpu, by = principal.who.id, "a price was forgotten");
            return Ok(StatusCode::NO_CONTENT);
        }
        let gpu: String = gpu.chars().take(100).collect();
        let sentence = format!("Nobody gave a price for \"{gpu}\": see /api/v1/prices. The table's own rows stay.");
        Err(Refusal::new(StatusCode::NOT_FOUND, sentence))
    })
    .await
}

impl From<PriceError> for Refusal {
    fn from(error: PriceError) -> Self {
        let status = match error {
            PriceError::File { .. } => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self::new(status, error.to_string())
    }
}
