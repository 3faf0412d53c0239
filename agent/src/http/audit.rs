//! Owns the audit log: that each request which changes something is noted, what it is called, and the route that lists it.
//! Must not know what the routes do.

use super::error::Refusal;
use super::runs::{MAX_ROWS, limit, query};
use super::{App, shape, token};
use crate::log::Did;
use crate::people::Principal;
use crate::sync::lock;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{self, MatchedPath, Query, Request};
use axum::http::{Method, header};
use axum::middleware::Next;
use axum::response::Response;
use serde::Deserialize;
use shared::people::AuditRow;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::Duration;
use utoipa::IntoParams;

/// What requests that change something are called, by method and route; nothing where the event that they make names who made
/// it, or where nothing changes. A test holds this to the routes.
const ACTIONS: [(&str, &str, Option<&str>); 30] = [
    ("POST", "/api/v1/runs", Some("run created")),
    ("DELETE", "/api/v1/runs/{run}", Some("run deleted")),
    ("POST", "/api/v1/runs/{run}/cancel", Some("run cancelled")),
    ("POST", "/api/v1/runs/{run}/resume", Some("run resumed")),
    ("POST", "/api/v1/runs/{run}/retry", Some("run taken once more")),
    ("PUT", "/api/v1/queue", Some("queue")),
    ("PUT", "/api/v1/queue/{run}", Some("run in the queue")),
    ("POST", "/api/v1/studies", Some("study begun")),
    ("DELETE", "/api/v1/studies/{study}", Some("study deleted")),
    ("POST", "/api/v1/studies/{study}/cancel", Some("study cancelled")),
    ("POST", "/api/v1/studies/{study}/resume", Some("study resumed")),
    ("POST", "/api/v1/engines", Some("engine started")),
    ("DELETE", "/api/v1/engines/started", Some("engine stopped")),
    ("PUT", "/api/v1/prices/{gpu}", Some("price set")),
    ("DELETE", "/api/v1/prices/{gpu}", Some("price forgotten")),
    ("POST", "/api/v1/imports", Some("files imported")),
    ("POST", "/api/v1/schedules", None),
    ("DELETE", "/api/v1/schedules/{schedule}", None),
    ("POST", "/api/v1/history/tags", Some("tags changed")),
    ("POST", "/api/v1/history/pins", Some("pins changed")),
    ("POST", "/api/v1/history/delete", Some("deleted")),
    ("POST", "/api/v1/history/undelete", Some("brought back")),
    ("PUT", "/api/v1/history/items/{item}/note", Some("note written")),
    ("PUT", "/api/v1/retention", None),
    ("POST", "/api/v1/retention/preview", None),
    ("POST", "/api/v1/retention/sweep", Some("retention followed")),
    ("POST", "/api/v1/tokens", None),
    ("DELETE", "/api/v1/tokens/{token}", None),
    ("POST", "/api/v1/shares", None),
    ("DELETE", "/api/v1/shares/{share}", None),
];

fn action(method: &Method, route: &str) -> Option<Option<&'static str>> {
    ACTIONS.iter().find(|(m, r, _)| *m == method.as_str() && *r == route).map(|(_, _, words)| *words)
}

/// What a request was about, where its path does not say; a handler puts it on its answer.
#[derive(Clone)]
pub(super) struct Object(pub(super) String);

/// Notes who did what, once it is done.
pub(super) async fn note(extract::State(app): extract::State<App>, request: Request, next: Next) -> Response {
    if request.method() == Method::GET {
        return next.run(request).await;
    }
    let by = request.extensions().get::<Principal>().map(|principal| principal.who.clone());
    let route = request.extensions().get::<MatchedPath>().map_or(String::new(), |path| path.as_str().to_owned());
    let action = match action(request.method(), &route) {
        Some(Some(words)) => words.to_owned(),
        Some(None) => return next.run(request).await,
        // A route without words of its own is noted all the same.
        None => format!("{} {route}", request.method()),
    };
    let named = named(&route, request.uri().path());
    let response = next.run(request).await;
    if response.status().is_success() {
        let made = response.headers().get(header::LOCATION).and_then(|location| location.to_str().ok());
        let made = made.and_then(|location| location.rsplit('/').next()).map(str::to_owned);
        let object = response.extensions().get().map(|Object(object)| object.clone()).or(named).or(made);
        let did = Did { by, action, object };
        if let Err(error) = app.state.log.note(did.clone()).await {
            tracing::error!(%error, ?did, "what was done could not be noted in the audit log");
        }
    }
    response
}

/// What a path names where its route has a parameter.
fn named(route: &str, path: &str) -> Option<String> {
    let at = route.split('/').position(|part| part.starts_with('{'))?;
    token::decode(path.split('/').nth(at)?)
}

/// Secrets that opened nothing, by the address that they came from, until they are noted.
#[derive(Default)]
pub(super) struct Failures(Mutex<BTreeMap<Option<IpAddr>, u32>>);

/// Addresses that are told apart; the others are counted together.
const MAX_ADDRESSES: usize = 256;
/// Between two times that failures are noted.
pub(super) const NOTE_EVERY: Duration = Duration::from_secs(60);

impl Failures {
    /// Counts one.
    pub(super) fn count(&self, from: IpAddr) {
        let mut counts = lock(&self.0);
        let key = (counts.len() < MAX_ADDRESSES || counts.contains_key(&Some(from))).then_some(from);
        let count = counts.entry(key).or_default();
        *count = count.saturating_add(1);
    }

    /// What is to be noted; nothing is counted any more.
    fn take(&self) -> Vec<Did> {
        let did = |(from, count): (Option<IpAddr>, u32)| {
            let from = from.map_or_else(|| "further addresses".to_owned(), |from| from.to_string());
            let action = if count == 1 { "sign-in failed".to_owned() } else { format!("sign-in failed {count} times") };
            Did { by: None, action, object: Some(from) }
        };
        std::mem::take(&mut *lock(&self.0)).into_iter().map(did).collect()
    }
}

/// Notes sign-ins that failed, a row an address.
pub(super) async fn note_failures(app: &App) {
    for did in app.state.access.failures().take() {
        if let Err(error) = app.state.log.note(did).await {
            tracing::error!(%error, "sign-ins that failed could not be noted in the audit log");
        }
    }
}

/// Which rows.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditQuery {
    /// Most rows, 1 to 200; 50 by default.
    limit: Option<usize>,
    /// Only rows before the one of this number.
    before: Option<u64>,
}

/// What people did, the last first.
#[utoipa::path(get, path = "/api/v1/audit", tag = "people", params(AuditQuery), responses(
    (status = 200, description = "Rows, the last first; fewer than `limit` at the end", body = [shape::AuditRow]),
    (status = 400, description = "A query that cannot be read", body = shape::ApiError),
    (status = 403, description = "The token is not an admin's", body = shape::ApiError)))]
pub(super) async fn list(
    extract::State(app): extract::State<App>,
    asked: Result<Query<AuditQuery>, QueryRejection>,
) -> Result<Json<Vec<AuditRow>>, Refusal> {
    let asked = query(asked)?;
    let limit = limit(asked.limit, 50, MAX_ROWS)?;
    Ok(Json(app.state.log.audit(limit, asked.before).await?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn every_route_that_changes_something_has_its_words() {
        let api: Value = serde_json::from_str(&super::super::openapi_json().unwrap()).unwrap();
        let reads = ["/api/v1/plan/check", "/api/v1/studies/check", "/api/v1/schedules/check", "/api/v1/sign-in"];
        for (path, methods) in api["paths"].as_object().unwrap() {
            for method in methods.as_object().unwrap().keys() {
                let method: Method = method.to_uppercase().parse().unwrap();
                if method != Method::GET && !reads.contains(&path.as_str()) {
                    assert!(action(&method, path).is_some(), "{method} {path} has no words in the audit log");
                }
            }
        }
    }

    #[test]
    fn a_path_names_what_its_route_leaves_open() {
        let check = |route: &str, path: &str, expect: Option<&str>| {
            assert_eq!(named(route, path).as_deref(), expect, "{path}");
        };
        check("/api/v1/runs/{run}/cancel", "/api/v1/runs/r1/cancel", Some("r1"));
        check("/api/v1/prices/{gpu}", "/api/v1/prices/A100%2080GB", Some("A100 80GB"));
        check("/api/v1/runs", "/api/v1/runs", None);
    }

    #[test]
    fn failures_are_counted_by_address_within_bounds() {
        let failures = Failures::default();
        let address = |n: u32| IpAddr::V4(n.into());
        for n in 0..300 {
            failures.count(address(n));
        }
        failures.count(address(7));
        let told = failures.take();
        assert_eq!(told.len(), MAX_ADDRESSES + 1);
        let of = |object: &str| told.iter().find(|did| did.object.as_deref() == Some(object)).unwrap().action.clone();
        assert_eq!(of("0.0.0.7"), "sign-in failed 2 times");
        assert_eq!(of("0.0.0.8"), "sign-in failed");
        assert_eq!(of("further addresses"), "sign-in failed 44 times");
        assert!(failures.take().is_empty());
    }
}
