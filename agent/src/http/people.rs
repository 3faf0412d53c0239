//! Owns the routes of people: who asks, named tokens, and links that show something.
//! Must not know how tokens and links are kept, nor how they travel.

use super::error::Refusal;
use super::guard::{BoundedText, json};
use super::{App, agent, runs, shape};
use crate::people::{PeopleError, Principal, Scope};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{self, Path, Query};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::Deserialize;
use shared::ids::{ShareId, TokenId};
use shared::people::{Me, NewShare, NewToken, Role, ShareRow, Shared, Side, TokenRow};
use utoipa::{IntoParams, ToSchema};

/// Who asks, and what they may do.
#[utoipa::path(get, path = "/api/v1/me", tag = "people", responses(
    (status = 200, description = "Who asks", body = shape::Me)))]
pub(super) async fn me(principal: Principal) -> Json<Me> {
    let Principal { who, role, scope, expires_unix_ms, .. } = principal;
    let shared = match scope {
        Scope::Everything => None,
        Scope::Shared(within) => Some(within.shared),
    };
    let (utc_offset_minutes, time_zone) = agent::local_time().await;
    Json(Me { who, role, shared, expires_unix_ms, utc_offset_minutes, time_zone })
}

/// Named tokens that were not revoked, oldest first.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "people", responses(
    (status = 200, description = "Tokens by name, never the tokens themselves", body = [shape::TokenRow]),
    (status = 403, description = "The token is not an admin's", body = shape::ApiError)))]
pub(super) async fn tokens(extract::State(app): extract::State<App>) -> Json<Vec<TokenRow>> {
    Json(app.state.access.people().tokens())
}

/// A token that somebody wants.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WantedToken {
    /// Whose it is or what it is for, in one line.
    name: String,
    /// `viewer`, `operator` or `admin`.
    #[schema(value_type = String)]
    role: Role,
    /// Days that it lasts, 1 to 3650; until it is revoked where absent.
    #[serde(default)]
    days: Option<u32>,
}

/// Makes a token with a name; the answer is the only time that it is seen.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "people", request_body = WantedToken, responses(
    (status = 201, description = "The token", body = shape::NewToken),
    (status = 403, description = "The token is not an admin's", body = shape::ApiError),
    (status = 409, description = "There are too many", body = shape::ApiError),
    (status = 422, description = "What cannot be a token; the sentence says why", body = shape::ApiError)))]
pub(super) async fn create_token(
    extract::State(app): extract::State<App>,
    principal: Principal,
    BoundedText(body): BoundedText,
) -> Result<impl IntoResponse, Refusal> {
    let WantedToken { name, role, days } = json(&body, "{\"name\": \"Ada\", \"role\": \"viewer\"}")?;
    let (row, secret) = app.state.access.people().create_token(&name, role, days, principal.who).await?;
    let location = format!("/api/v1/tokens/{}", row.token);
    let secret = secret.expose().to_owned();
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(NewToken { row, secret })))
}

/// Revokes a token: whoever holds it is out at once.
#[utoipa::path(delete, path = "/api/v1/tokens/{token}", tag = "people",
    params(("token" = String, Path, description = "Token id")), responses(
    (status = 204, description = "It opens nothing any more"),
    (status = 400, description = "Not a token id", body = shape::ApiError),
    (status = 404, description = "No such token", body = shape::ApiError)))]
pub(super) async fn revoke_token(
    extract::State(app): extract::State<App>,
    principal: Principal,
    Path(token): Path<String>,
) -> Result<StatusCode, Refusal> {
    let token = TokenId::try_from(token).map_err(|error| Refusal::bad_request(error.to_string()))?;
    app.state.access.people().revoke_token(&token, principal.who).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which links.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SharesQuery {
    /// Only those that show this run or study; all where absent.
    of: Option<String>,
}

/// Links that were not revoked, oldest first.
#[utoipa::path(get, path = "/api/v1/shares", tag = "people", params(SharesQuery), responses(
    (status = 200, description = "What each shows, never the links themselves", body = [shape::ShareRow]),
    (status = 403, description = "The token is not an operator's", body = shape::ApiError)))]
pub(super) async fn shares(
    extract::State(app): extract::State<App>,
    asked: Result<Query<SharesQuery>, QueryRejection>,
) -> Result<Json<Vec<ShareRow>>, Refusal> {
    let mut rows = app.state.access.people().shares();
    if let Some(of) = runs::query(asked)?.of {
        let side = Side::try_from(of).map_err(|error| Refusal::bad_request(format!("{error}.")))?;
        rows.retain(|row| match &row.shared {
            Shared::Run(run) => side == Side::Run(run.clone()),
            Shared::Study(study) => side == Side::Study(study.clone()),
            Shared::Comparison(sides) => sides.contains(&side),
        });
    }
    Ok(Json(rows))
}

/// A link that somebody wants.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WantedShare {
    /// What it shows: `{"run": id}`, `{"study": id}`, or `{"comparison": [id, …]}`.
    #[schema(value_type = Object)]
    shared: Shared,
    /// Days that it lasts, 1 to 90; 7 where absent.
    #[serde(default)]
    days: Option<u32>,
}

/// Makes a link that shows a run, a study or a comparison to whoever has it, and nothing else. The answer is the only time
/// that it is seen.
#[utoipa::path(post, path = "/api/v1/shares", tag = "people", request_body = WantedShare, responses(
    (status = 201, description = "The link", body = shape::NewShare),
    (status = 403, description = "The token is not an operator's", body = shape::ApiError),
    (status = 404, description = "What is to be shared is not there", body = shape::ApiError),
    (status = 409, description = "There are too many", body = shape::ApiError),
    (status = 422, description = "What cannot be shared; the sentence says why", body = shape::ApiError)))]
pub(super) async fn create_share(
    extract::State(app): extract::State<App>,
    principal: Principal,
    BoundedText(body): BoundedText,
) -> Result<impl IntoResponse, Refusal> {
    let WantedShare { shared, days } = json(&body, "{\"shared\": {\"run\": \"r…\"}}")?;
    let (row, secret) = app.state.access.people().create_share(shared, days, principal.who).await?;
    let location = format!("/api/v1/shares/{}", row.share);
    let path = format!("/s/{}", secret.expose());
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(NewShare { row, path })))
}

/// Revokes a link: whoever has it is out at once.
#[utoipa::path(delete, path = "/api/v1/shares/{share}", tag = "people",
    params(("share" = String, Path, description = "Share id")), responses(
    (status = 204, description = "It shows nothing any more"),
    (status = 400, description = "Not a share id", body = shape::ApiError),
    (status = 404, description = "No such share", body = shape::ApiError)))]
pub(super) async fn revoke_share(
    extract::State(app): extract::State<App>,
    principal: Principal,
    Path(share): Path<String>,
) -> Result<StatusCode, Refusal> {
    let share = ShareId::try_from(share).map_err(|error| Refusal::bad_request(error.to_string()))?;
    app.state.access.people().revoke_share(&share, principal.who).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<PeopleError> for Refusal {
    fn from(error: PeopleError) -> Self {
        let sentence = error.to_string();
        match error {
            PeopleError::Invalid(_) => Self::unprocessable(sentence),
            PeopleError::NothingThere(_) => Self::new(StatusCode::NOT_FOUND, sentence),
            PeopleError::TooMany { .. } => Self::conflict(sentence),
            PeopleError::Log(error) => error.into(),
        }
    }
}
