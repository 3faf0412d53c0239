//! Owns what is open to everybody: pages of the dashboard, its files, health, and signing in.
//! Must not know runs.

use super::App;
use super::assets;
use super::error::Refusal;
use super::guard::BoundedText;
use super::{shape, token};
use crate::dashboard;
use crate::orchestrate::unix_ms;
use crate::people::{Grant, Scope};
use axum::extract::{self, ConnectInfo};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;
use shared::people::Shared;
use std::net::SocketAddr;
use utoipa::ToSchema;

/// Says that the agent serves; nothing else, as anybody may ask.
#[utoipa::path(get, path = "/healthz", tag = "agent", security(()), responses(
    (status = 200, description = "The agent serves", body = String, content_type = "text/plain")))]
pub(super) async fn health() -> &'static str {
    "ok"
}

/// A token that somebody signs in with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignIn {
    /// The token that the agent printed at start.
    token: String,
}

/// Exchanges the token for a cookie.
#[utoipa::path(post, path = "/api/v1/sign-in", tag = "agent", security(()), request_body = SignIn, responses(
    (status = 204, description = "The cookie is set"),
    (status = 400, description = "A body that cannot be read", body = shape::ApiError),
    (status = 401, description = "A wrong token", body = shape::ApiError),
    (status = 429, description = "Too many wrong tokens from this address", body = shape::ApiError)))]
pub(super) async fn sign_in(
    extract::State(app): extract::State<App>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    BoundedText(body): BoundedText,
) -> Result<impl IntoResponse, Refusal> {
    // The parser's own words could repeat the token; the sentence must not.
    let SignIn { token } = serde_json::from_str(&body)
        .map_err(|_| Refusal::bad_request("The body could not be read: expected {\"token\": \"…\"}."))?;
    app.state.access.sign_in(token.trim(), from.ip())?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, token::set_cookie(token.trim()))]))
}

/// Opens a link that shows something: sets a cookie of its own and leads to what is shared.
#[utoipa::path(get, path = "/s/{secret}", tag = "people", security(()),
    params(("secret" = String, Path, description = "What the link has")), responses(
    (status = 303, description = "To the page of what is shared, with a cookie for it"),
    (status = 404, description = "A page that says that the link shows nothing", body = String, content_type = "text/html"),
    (status = 429, description = "A page that says how long to wait after too many wrong ones", body = String, content_type = "text/html")))]
pub(super) async fn open_link(
    extract::State(app): extract::State<App>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    extract::Path(secret): extract::Path<String>,
) -> Response {
    let guest = match app.state.access.open_link(&secret, from.ip()) {
        Ok(guest) => guest,
        Err(refusal) => return sentence(refusal.status(), "Nothing to see by this link", refusal.sentence()),
    };
    let left_s = guest.expires_unix_ms.map_or(0, |expires| expires.saturating_sub(unix_ms()) / 1_000);
    match (guest.grants.as_slice(), guest.scope) {
        ([Grant::Share(share)], Scope::Shared(within)) if !within.shared.is_empty() => {
            let path = within.shared.iter().map(Shared::path).next().unwrap_or_default();
            let cookie = token::set_link_cookie(share, &secret, left_s);
            ([(header::SET_COOKIE, cookie)], Redirect::to(&path)).into_response()
        }
        _ => not_found(&HeaderMap::new()),
    }
}

/// True for the paths that the dashboard itself routes.
fn is_page(path: &str) -> bool {
    match path.trim_end_matches('/') {
        "" | "/new" | "/runs" | "/engines" | "/studies" | "/compare" | "/people" | "/settings" | "/metrics-guide" => {
            true
        }
        path => {
            let of = path.strip_prefix("/runs/").or_else(|| path.strip_prefix("/studies/"));
            of.is_some_and(|id| !id.is_empty() && !id.contains('/'))
        }
    }
}

/// Pages and files. `?token=` on a page signs in and goes on to the page without it.
pub(super) async fn page(
    extract::State(app): extract::State<App>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return super::refuse_method(&method, &uri).into_response();
    }
    if !is_page(uri.path()) {
        let file = assets::file(dashboard::file, uri.path().trim_start_matches('/'), &headers);
        return file.unwrap_or_else(|| not_found(&headers));
    }
    if let Some((token, rest)) = uri.query().and_then(token::of_query) {
        return match app.state.access.sign_in(&token, from.ip()) {
            Ok(_) => {
                let path = local(uri.path());
                let clean = if rest.is_empty() { path } else { format!("{path}?{rest}") };
                ([(header::SET_COOKIE, token::set_cookie(&token))], Redirect::to(&clean)).into_response()
            }
            Err(refusal) => sentence(refusal.status(), "Not signed in", refusal.sentence()),
        };
    }
    assets::index(dashboard::file, &headers).unwrap_or_else(|| {
        let text = "This agent was built without its dashboard: run cargo xtask up, which builds both. \
            The API under /api/v1 works as it is.";
        sentence(StatusCode::SERVICE_UNAVAILABLE, "No dashboard", text)
    })
}

/// A path with one leading slash: with two it would name another host to a browser.
fn local(path: &str) -> String {
    format!("/{}", path.trim_start_matches('/'))
}

fn not_found(headers: &HeaderMap) -> Response {
    let text = "There is nothing at this address: begin at the first page, /.";
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accept.contains("text/html") {
        return sentence(StatusCode::NOT_FOUND, "Nothing here", text);
    }
    Refusal::new(StatusCode::NOT_FOUND, text).into_response()
}

/// A page of one sentence. Both texts are ours, never an outsider's words.
fn sentence(status: StatusCode, title: &str, text: &str) -> Response {
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{title} · Tokenprism</title><style>body{{font:16px/1.5 system-ui;\
         max-width:36em;margin:4em auto;padding:0 1em;color-scheme:light dark}}</style><h1>{title}</h1><p>{text}</p></html>"
    );
    (status, Html(page)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dashboards_paths_are_told_from_files() {
        let check = |path: &str, expect: bool| assert_eq!(is_page(path), expect, "{path}");
        for page in [
            "/",
            "//",
            "/new",
            "/new/",
            "/runs",
            "/runs/r0123",
            "/engines",
            "/studies",
            "/studies/s0123",
            "/studies/new",
            "/compare",
            "/metrics-guide",
        ] {
            check(page, true);
        }
        for other in ["/app.js", "/runs/r0123/x", "/studies/s0123/x", "/newer", "/api/v1/runs", "/favicon.ico"] {
            check(other, false);
        }
    }

    #[test]
    fn a_redirect_stays_on_this_agent() {
        assert_eq!(local("//evil.example"), "/evil.example");
        assert_eq!(local("/runs/r1"), "/runs/r1");
    }
}
