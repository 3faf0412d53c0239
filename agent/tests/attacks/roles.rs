//! Owns the matrix of every documented route with every credential that is not enough for it.
//! Must not know how routes check.

use crate::support::{ADMIN, Server, answer, link_until, sentence, token_until, who};
use serde_json::{Value, json};
use shared::ids::{RunId, ScheduleId, ShareId, StudyId, TokenId};
use shared::people::{Role, Shared};
use std::collections::BTreeSet;

/// A documented route with its parameters filled in.
#[derive(Debug)]
struct Route {
    method: String,
    /// As documented.
    pattern: String,
    path: String,
}

/// What reads although it is no GET.
const READS: [&str; 3] = ["/api/v1/plan/check", "/api/v1/studies/check", "/api/v1/schedules/check"];
/// What answers whoever has a link, within what was shared.
const BY_LINK: [&str; 20] = [
    "/api/v1/runs/{run}",
    "/api/v1/runs/{run}/export",
    "/api/v1/runs/{run}/pictures",
    "/api/v1/runs/{run}/pictures/{chart}",
    "/api/v1/runs/{run}/report",
    "/api/v1/runs/{run}/goodput",
    "/api/v1/runs/{run}/points/{point}/distribution",
    "/api/v1/runs/{run}/trials/{trial}/requests",
    "/api/v1/runs/{run}/requests/{id}",
    "/api/v1/studies/{study}",
    "/api/v1/studies/{study}/export",
    "/api/v1/studies/{study}/pictures",
    "/api/v1/studies/{study}/pictures/{chart}",
    "/api/v1/studies/{study}/report",
    "/api/v1/compare",
    "/api/v1/compare/pictures",
    "/api/v1/compare/pictures/{chart}",
    "/api/v1/compare/report",
    "/api/v1/me",
    "/ws",
];

/// Of these the run and the study that the tests have, which only began, have none.
const HAS_NONE: [&str; 7] = [
    "/api/v1/runs/{run}/pictures/{chart}",
    "/api/v1/runs/{run}/points/{point}/distribution",
    "/api/v1/runs/{run}/trials/{trial}/requests",
    "/api/v1/runs/{run}/requests/{id}",
    "/api/v1/studies/{study}/pictures/{chart}",
    "/api/v1/compare/pictures/{chart}",
    "/api/v1/runs/{run}/goodput",
];

impl Route {
    /// The least role that it takes, by rule: nothing that changes something is a viewer's, and people are the admin's.
    fn needs(&self) -> Role {
        if ["/api/v1/tokens", "/api/v1/audit", "/api/v1/retention"]
            .iter()
            .any(|admins| self.pattern.starts_with(admins))
        {
            return Role::Admin;
        }
        // What nothing takes needs no role to be told so.
        let changes = !["GET", "PATCH"].contains(&self.method.as_str()) && !READS.contains(&self.pattern.as_str());
        if changes || self.pattern.starts_with("/api/v1/shares") { Role::Operator } else { Role::Viewer }
    }

    fn is_by_link(&self) -> bool {
        self.method == "GET" && BY_LINK.contains(&self.pattern.as_str())
    }
}

/// Every documented route that is not open to everybody, and some that do not exist.
fn routes() -> Vec<Route> {
    let api: Value = serde_json::from_str(&tokenprism::http::openapi_json().unwrap()).unwrap();
    let values = [
        ("{run}", RunId::new(1, 1).to_string()),
        ("{study}", StudyId::new(1, 1).to_string()),
        ("{token}", TokenId::new(9, 9).to_string()),
        ("{share}", ShareId::new(9, 9).to_string()),
        ("{schedule}", ScheduleId::new(9, 9).to_string()),
        ("{trial}", "0".to_owned()),
        ("{point}", "0".to_owned()),
        ("{id}", "0".to_owned()),
        ("{gpu}", "L4".to_owned()),
        ("{item}", RunId::new(1, 1).to_string()),
        ("{chart}", "by-level".to_owned()),
    ];
    let mut routes = Vec::new();
    for (pattern, methods) in api["paths"].as_object().unwrap() {
        let path = values.iter().fold(pattern.clone(), |path, (name, value)| path.replace(name, value));
        for (method, route) in methods.as_object().unwrap() {
            if route["security"] != json!([{}]) {
                assert!(!path.contains('{'), "give {path} a value here");
                routes.push(Route { method: method.to_uppercase(), pattern: pattern.clone(), path: path.clone() });
            }
        }
    }
    for (method, path) in [("GET", "/api/v1/no-such-thing"), ("PATCH", "/api/v1/runs"), ("GET", "/api")] {
        routes.push(Route { method: method.to_owned(), pattern: path.to_owned(), path: path.to_owned() });
    }
    routes
}

#[test]
fn what_is_open_to_everybody_is_known() {
    let api: Value = serde_json::from_str(&tokenprism::http::openapi_json().unwrap()).unwrap();
    let mut open = Vec::new();
    for (path, methods) in api["paths"].as_object().unwrap() {
        for (method, route) in methods.as_object().unwrap() {
            if route["security"] == json!([{}]) {
                open.push(format!("{method} {path}"));
            }
        }
    }
    assert_eq!(open, ["post /api/v1/sign-in", "get /healthz", "get /readyz", "get /s/{secret}"]);
}

/// Paths and methods as the router has them: every `.route(path, get(…).post(…))` of its source.
fn routed() -> BTreeSet<String> {
    let source = include_str!("../../src/http/mod.rs");
    let mut routed = BTreeSet::new();
    for line in source.split(".route(\"").skip(1) {
        let (path, rest) = line.split_once('"').unwrap();
        let handlers = rest.split(".layer(").next().unwrap().lines().next().unwrap();
        for method in ["get", "post", "put", "delete", "any"] {
            if handlers.contains(&format!(" {method}(")) || handlers.contains(&format!(".{method}(")) {
                routed.insert(format!("{method} {path}"));
            }
        }
    }
    routed
}

#[test]
fn every_route_is_described_and_every_description_has_a_route() {
    let api: Value = serde_json::from_str(&tokenprism::http::openapi_json().unwrap()).unwrap();
    let methods = |(path, methods): (&String, &Value)| {
        methods.as_object().unwrap().keys().map(|method| format!("{method} {path}")).collect::<Vec<_>>()
    };
    let described: BTreeSet<String> = api["paths"].as_object().unwrap().iter().flat_map(methods).collect();
    let mut routed = routed();
    assert!(routed.len() >= 60, "{routed:?}");
    // What there is not.
    assert!(routed.remove("any /api") && routed.remove("any /api/{*rest}"));
    assert_eq!(routed, described);
}

#[tokio::test]
async fn every_route_refuses_strangers() {
    let run = RunId::new(1, 1);
    let (late, late_link) = ("expired-token-0123456789-0123456789", "expired-link-0123456789-0123456789");
    let expired = token_until(late, Role::Admin, 2);
    let server = Server::with(&[expired], &[link_until(late_link, Shared::Run(run.clone()), 2)]).await;
    let (row, revoked) = server.people.create_token("Gone", Role::Admin, None, who()).await.unwrap();
    server.people.revoke_token(&row.token, who()).await.unwrap();
    let (row, revoked_link) = server.people.create_share(Shared::Run(run.clone()), None, who()).await.unwrap();
    server.people.revoke_share(&row.share, who()).await.unwrap();
    let routes = routes();
    assert!(routes.len() >= 40, "{}", routes.len());
    for Route { method, path, .. } in &routes {
        let anonymous = || server.anonymous(method, path);
        let cookie = |cookie: String| anonymous().header("cookie", cookie);
        let strangers = [
            anonymous(),
            anonymous().bearer_auth("wrong"),
            anonymous().bearer_auth(""),
            anonymous().bearer_auth(late),
            anonymous().bearer_auth(revoked.expose()),
            anonymous().bearer_auth(late_link),
            anonymous().bearer_auth(revoked_link.expose()),
            cookie("tokenprism=wrong".to_owned()),
            cookie(format!("tokenprism={late}")),
            cookie(format!("tokenprism={}", revoked.expose())),
            cookie(format!("other={ADMIN}")),
            anonymous().header("authorization", format!("Basic {ADMIN}")),
            // A wrong token is not saved by a right cookie.
            anonymous().bearer_auth("wrong").header("cookie", format!("tokenprism={ADMIN}")),
        ];
        for request in strangers {
            let (status, body) = answer(request).await;
            assert_eq!(status, 401, "{method} {path}");
            let expect =
                "This agent needs a token: open the URL that it printed at start, or send Authorization: Bearer …";
            assert_eq!(sentence(&body), expect, "{method} {path}");
        }
        for ended in [late_link, revoked_link.expose(), ADMIN] {
            let (status, body) = answer(cookie(format!("tokenprism_link_x={ended}"))).await;
            assert_eq!(status, 401, "{method} {path}");
            assert!(sentence(&body).contains("was revoked or has expired"), "{method} {path}: {body}");
        }
        let right = format!("theme=dark; tokenprism={ADMIN}");
        for request in [anonymous().bearer_auth(ADMIN), cookie(right)] {
            let (status, body) = answer(request).await;
            assert!(![401, 403, 500].contains(&status), "{method} {path}: {status} {body}");
        }
    }
}

#[tokio::test]
async fn every_route_refuses_roles_below_its_own() {
    let server = Server::start().await;
    let run = RunId::new(1, 1);
    server.run(&run).await;
    for route in routes() {
        let Route { method, path, .. } = &route;
        for (role, token) in [(Role::Viewer, &server.viewer), (Role::Operator, &server.operator)] {
            let (status, body) = answer(server.anonymous(method, path).bearer_auth(token)).await;
            assert_eq!(status == 403, role < route.needs(), "{role}: {method} {path}: {status} {body}");
            assert!(![401, 500].contains(&status), "{role}: {method} {path}: {status} {body}");
            if status == 403 {
                let expect = format!("This needs the role {}; this token has {role}.", route.needs());
                assert_eq!(sentence(&body), expect);
            }
        }
    }
    // The operator's own attempts have changed nothing but what an operator may.
    assert_eq!(server.people.tokens().len(), 2);
}

#[tokio::test]
async fn a_link_opens_no_route_but_those_of_what_it_shows() {
    let server = Server::start().await;
    let (shared, other) = (RunId::new(7, 7), RunId::new(1, 1));
    server.run(&shared).await;
    server.run(&other).await;
    let study = StudyId::new(1, 1);
    server.study(&study).await;
    let link = server.link(Shared::Run(shared.clone())).await;
    for route in routes() {
        let Route { method, path, .. } = &route;
        // The paths name the other run.
        let mut refused = vec![(path.clone(), if route.is_by_link() { 404 } else { 401 })];
        match route.pattern.as_str() {
            "/api/v1/me" if method == "GET" => refused = vec![],
            "/ws" => refused = vec![(path.clone(), 426)],
            compared if compared.starts_with("/api/v1/compare") => {
                refused = vec![
                    (format!("{path}?runs={shared},{other}"), 404),
                    (format!("{path}?runs={}", StudyId::new(1, 1)), 404),
                ]
            }
            // Of what was shared it may read, and change nothing.
            pattern if !route.is_by_link() && pattern.contains("{run}") => {
                refused.push((path.replace(other.as_str(), shared.as_str()), 401));
            }
            _ => {}
        }
        for (path, expect) in refused {
            // Whoever may see it is told of it, so that it is the link that makes it nothing.
            if expect == 404 && !HAS_NONE.contains(&route.pattern.as_str()) {
                let (status, body) = answer(server.ask(method, &path)).await;
                assert_ne!(status, 404, "{method} {path}: {body}");
            }
            for request in [
                server.anonymous(method, &path).bearer_auth(&link),
                server.anonymous(method, &path).header("cookie", format!("tokenprism_link_l1={link}")),
            ] {
                let (status, body) = answer(request).await;
                assert_eq!(status, expect, "{method} {path}: {body}");
                assert!(!body.to_string().contains("A plan"), "{method} {path} tells of another run: {body}");
            }
        }
    }
    assert!(server.log.view(&shared).await.unwrap().is_some() && server.log.view(&other).await.unwrap().is_some());
}
