//! Owns the API's own description.
//! Must not know how the routes are implemented.

use super::{agent, plans, requests, runs, shape, shell, socket};
use axum::http::header;
use axum::response::IntoResponse;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

#[derive(OpenApi)]
#[openapi(
    info(title = "Tokenprism", description = "Runs, plans and requests of one agent. Every error is an `ApiError`."),
    paths(
        runs::list, runs::create, runs::read, runs::cancel, runs::delete, requests::list, requests::timeline,
        plans::presets, plans::check, agent::about, document, socket::open, shell::health, shell::sign_in
    ),
    components(schemas(shape::ApiError)),
    security(("token" = []), ("cookie" = [])),
    modifiers(&Tokens)
)]
struct Api;

/// The two ways in which a token travels.
struct Tokens;

impl Modify for Tokens {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let components = api.components.get_or_insert_default();
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("The token printed at start"));
        components.add_security_scheme("token", SecurityScheme::Http(bearer.build()));
        let cookie = ApiKeyValue::with_description("tokenprism", "Set by sign-in, or by ?token= on a page");
        components.add_security_scheme("cookie", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    }
}

/// The description, JSON; `docs/openapi.json` is a copy of it.
///
/// # Errors
/// Where it cannot be serialised.
pub fn openapi_json() -> Result<String, serde_json::Error> {
    Api::openapi().to_pretty_json()
}

/// This document.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "agent", responses(
    (status = 200, description = "This document", body = Object)))]
pub(super) async fn document() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], openapi_json().unwrap_or_default())
}
