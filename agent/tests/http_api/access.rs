//! Owns the tests of tokens, roles and scopes on every route.
//! Must not know how they are checked.

use crate::support::{ADMIN, GUEST, GUEST_RUN, Server, VIEWER, answer, sentence};
use serde_json::{Value, json};
use shared::ids::RunId;

/// Every documented route that needs a token, with its parameters filled in.
fn protected() -> Vec<(String, String)> {
    let api: Value = serde_json::from_str(&tokenprism::http::openapi_json().unwrap()).unwrap();
    let run = RunId::new(1, 1);
    let mut routes = Vec::new();
    for (path, methods) in api["paths"].as_object().unwrap() {
        let path =
            path.replace("{run}", run.as_str()).replace("{trial}", "0").replace("{id}", "0").replace("{gpu}", "L4");
        for (method, route) in methods.as_object().unwrap() {
            if route["security"] != json!([{}]) {
                routes.push((method.to_uppercase(), path.clone()));
            }
        }
    }
    routes.push(("GET".to_owned(), "/api/v1/no-such-thing".to_owned()));
    routes.push(("PATCH".to_owned(), "/api/v1/runs".to_owned()));
    routes
}

#[tokio::test]
async fn every_route_needs_the_token() {
    let server = Server::start().await;
    let routes = protected();
    assert!(routes.len() >= 14, "{routes:?}");
    for (method, path) in &routes {
        let anonymous = || server.anonymous(method, path);
        let refused = [
            anonymous(),
            anonymous().bearer_auth("wrong"),
            anonymous().header("cookie", "tokenprism=wrong"),
            anonymous().header("cookie", format!("other={ADMIN}")),
            anonymous().header("authorization", format!("Basic {ADMIN}")),
            // A wrong token is not saved by a right cookie.
            anonymous().bearer_auth("wrong").header("cookie", format!("tokenprism={ADMIN}")),
        ];
        for request in refused {
            let (status, body) = answer(request).await;
            assert_eq!(status, 401, "{method} {path}");
            let expect =
                "This agent needs a token: open the URL that it printed at start, or send Authorization: Bearer …";
            assert_eq!(sentence(&body), expect, "{method} {path}");
        }
        let cookie = format!("theme=dark; tokenprism={ADMIN}");
        for request in [anonymous().bearer_auth(ADMIN), anonymous().header("cookie", cookie)] {
            let (status, body) = answer(request).await;
            assert!(![401, 403, 500].contains(&status), "{method} {path}: {status} {body}");
        }
    }
}

#[tokio::test]
async fn a_viewer_reads_and_changes_nothing() {
    let server = Server::start().await;
    let run = RunId::new(1, 1);
    server.run(&run).await;
    for (method, path) in protected() {
        let (status, body) = answer(server.anonymous(&method, &path).bearer_auth(VIEWER)).await;
        let changes = ["DELETE", "PUT"].contains(&method.as_str()) || (method == "POST" && !path.ends_with("/check"));
        assert_eq!(status == 403, changes, "{method} {path}: {body}");
        if changes {
            assert_eq!(sentence(&body), "This needs the role operator; this token has viewer.");
        }
    }
    assert!(server.log.view(&run).await.unwrap().is_some());
}

#[tokio::test]
async fn a_guest_knows_of_its_own_runs_only() {
    let server = Server::start().await;
    let (own, other) = (RunId::new(GUEST_RUN.0, GUEST_RUN.1), RunId::new(1, 1));
    server.run(&own).await;
    server.run(&other).await;
    let get = async |path: String| answer(server.anonymous("GET", &path).bearer_auth(GUEST)).await;
    assert_eq!(get(format!("/api/v1/runs/{own}")).await.0, 200);
    for path in [format!("/api/v1/runs/{other}"), format!("/api/v1/runs/{other}/requests/0")] {
        let (status, body) = get(path).await;
        assert_eq!(status, 404);
        assert!(sentence(&body).starts_with("There is no run"), "{body}");
    }
    let (_, rows) = get("/api/v1/runs".to_owned()).await;
    let runs: Vec<_> = rows.as_array().unwrap().iter().map(|row| row["run"].as_str().unwrap()).collect();
    assert_eq!(runs, [own.as_str()]);
}

#[tokio::test]
async fn signing_in_gives_a_cookie_that_works() {
    let server = Server::start().await;
    let response = server.anonymous("POST", "/api/v1/sign-in").json(&json!({ "token": ADMIN })).send().await.unwrap();
    assert_eq!(response.status(), 204);
    let set = response.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert_eq!(set, format!("tokenprism={ADMIN}; HttpOnly; SameSite=Strict; Path=/"));
    let cookie = set.split(';').next().unwrap();
    assert_eq!(answer(server.anonymous("GET", "/api/v1/runs").header("cookie", cookie)).await.0, 200);
}

#[tokio::test]
async fn a_body_that_is_no_sign_in_is_refused_without_repeating_it() {
    let server = Server::start().await;
    for body in ["", "{}", "[1]", "{\"token\": 1}", "{\"token\": \"secret\", \"x\": 1}", "{\"tok\": \"secret\"}"] {
        let (status, answer) = answer(server.anonymous("POST", "/api/v1/sign-in").body(body)).await;
        assert_eq!(status, 400, "{body}");
        assert!(!sentence(&answer).contains("secret"), "{answer}");
    }
}

#[tokio::test]
async fn wrong_tokens_are_slowed_down_and_those_inside_are_not_disturbed() {
    let server = Server::start().await;
    let sign_in =
        async |token: &str| answer(server.anonymous("POST", "/api/v1/sign-in").json(&json!({ "token": token }))).await;
    for _ in 0..10 {
        let (status, body) = sign_in("wrong").await;
        assert_eq!(status, 401);
        assert!(sentence(&body).starts_with("This token is wrong."), "{body}");
    }
    let (status, body) = sign_in("wrong").await;
    assert_eq!(status, 429);
    assert!(sentence(&body).contains("try again in"), "{body}");
    assert_eq!(answer(server.ask("GET", "/api/v1/runs")).await.0, 200);
}
