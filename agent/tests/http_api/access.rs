//! Owns the tests of signing in: the cookie, bodies that are none, and the throttle.
//! Must not know how tokens are checked.

use crate::support::{ADMIN, Server, answer, sentence};
use serde_json::json;

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
