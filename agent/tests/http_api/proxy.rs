//! Owns the tests of a reverse proxy that signs people in: who is believed, and whose a wrong token is.
//! Must not know how headers are read.

use crate::client::Client;
use crate::support::{Server, answer, sentence};
use reqwest::header::HeaderName;
use serde_json::json;
use shared::people::Role;
use tokenprism::http::Proxy;

/// A proxy at this address, whose users read unless it says otherwise.
fn proxy(from: &str) -> Proxy {
    Proxy {
        from: vec![from.parse().unwrap()],
        user: HeaderName::from_static("x-user"),
        role: Some(HeaderName::from_static("x-role")),
        usual: Role::Viewer,
        address: Some(HeaderName::from_static("x-forwarded-for")),
    }
}

#[tokio::test]
async fn the_proxys_users_have_the_roles_that_it_gives_them() {
    let server = Server::behind(proxy("127.0.0.1/32")).await;
    let me = async |role: &str| {
        let request = server.anonymous("GET", "/api/v1/me").header("x-user", "ada").header("x-role", role);
        answer(request).await
    };
    for (role, expect) in [("", "viewer"), ("operator", "operator"), ("admin", "admin")] {
        let (status, body) = me(role).await;
        assert_eq!((status, &body["role"]), (200, &json!(expect)), "{body}");
    }
    assert_eq!(me("root").await.0, 403);
}

#[tokio::test]
async fn from_anywhere_else_its_headers_say_nothing() {
    let server = Server::behind(proxy("192.0.2.0/24")).await;
    let as_admin = |request: reqwest::RequestBuilder| request.header("x-user", "ada").header("x-role", "admin");
    for path in ["/api/v1/me", "/api/v1/runs", "/api/v1/tokens", "/metrics"] {
        assert_eq!(answer(as_admin(server.anonymous("GET", path))).await.0, 401, "{path}");
    }
    // Nor do they make more of somebody who is let in.
    let (status, body) = answer(as_admin(server.anonymous("GET", "/api/v1/me").bearer_auth(&server.viewer))).await;
    assert_eq!((status, &body["role"]), (200, &json!("viewer")), "{body}");
    let (status, _) = answer(as_admin(server.anonymous("GET", "/api/v1/tokens").bearer_auth(&server.viewer))).await;
    assert_eq!(status, 403);
    let socket = Client::connect(&server.host, &[("x-user", "ada".to_owned()), ("x-role", "admin".to_owned())]).await;
    assert!(socket.err().unwrap().to_string().contains("401"), "the socket opened");
}

#[tokio::test]
async fn behind_it_a_wrong_token_slows_down_whoever_sent_it_and_nobody_else() {
    let tries = async |server: &Server, from: &str| {
        let request = server.anonymous("POST", "/api/v1/sign-in").header("x-forwarded-for", from);
        answer(request.json(&json!({ "token": "wrong" }))).await
    };
    let server = Server::behind(proxy("127.0.0.1/32")).await;
    for n in 0..10 {
        // What the client itself says of where it comes from gives it no new name.
        assert_eq!(tries(&server, &format!("198.51.100.{n}, 203.0.113.7")).await.0, 401);
    }
    let (status, body) = tries(&server, "198.51.100.77, 203.0.113.7").await;
    assert_eq!(status, 429);
    assert!(sentence(&body).contains("203.0.113.7"), "{body}");
    assert_eq!(tries(&server, "203.0.113.8").await.0, 401, "somebody else is kept out, too");
    let (_, audit) = answer(server.ask("GET", "/api/v1/audit")).await;
    assert!(!audit.to_string().contains("198.51.100"), "{audit}");

    // Somebody who is no proxy is counted by his own address, whatever he says.
    let server = Server::behind(proxy("192.0.2.0/24")).await;
    for n in 0..10 {
        assert_eq!(tries(&server, &format!("198.51.100.{n}")).await.0, 401);
    }
    assert_eq!(tries(&server, "198.51.100.10").await.0, 429);
}
