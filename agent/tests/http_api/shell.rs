//! Owns the tests of what is open to everybody: pages, files, health, signing in by URL.
//! Must not know how files are embedded.

use crate::support::{ADMIN, Server, answer};
use shared::ids::RunId;

#[tokio::test]
async fn the_shell_is_open_and_says_what_to_run_where_it_was_not_built() {
    let server = Server::start().await;
    assert_eq!(answer(server.anonymous("GET", "/healthz")).await, (200, "ok".into()));
    let run = RunId::new(1, 1);
    for path in ["/", "/new", "/runs", "/metrics-guide", &format!("/runs/{run}")] {
        let response = server.anonymous("GET", path).send().await.unwrap();
        let (status, kind) =
            (response.status().as_u16(), response.headers()["content-type"].to_str().unwrap().to_owned());
        let text = response.text().await.unwrap();
        assert!(kind.starts_with("text/html"), "{path}: {kind}");
        // Which of the two it is depends on whether web/dist exists where the test runs.
        assert!(status == 200 || (status == 503 && text.contains("cargo xtask up")), "{path}: {status} {text}");
    }
}

#[tokio::test]
async fn a_url_with_the_token_signs_in_and_goes_on_without_it() {
    let server = Server::start().await;
    let run = RunId::new(1, 1);
    let check = async |path: &str, location: &str| {
        let response = server.anonymous("GET", path).send().await.unwrap();
        assert_eq!(response.status(), 303, "{path}");
        assert_eq!(response.headers()["location"], location, "{path}");
        let cookie = response.headers()["set-cookie"].to_str().unwrap();
        assert_eq!(cookie, format!("tokenprism={ADMIN}; HttpOnly; SameSite=Strict; Path=/"));
    };
    check(&format!("/?token={ADMIN}"), "/").await;
    check(&format!("/runs/{run}?token={ADMIN}"), &format!("/runs/{run}")).await;
    check(&format!("/new?a=1&token={ADMIN}&b=2"), "/new?a=1&b=2").await;
}

#[tokio::test]
async fn a_url_with_a_wrong_token_says_so() {
    let server = Server::start().await;
    for path in ["/?token=bad", "/runs?token=", "/new?token=%ff"] {
        let response = server.anonymous("GET", path).send().await.unwrap();
        assert_eq!(response.status(), 401, "{path}");
        assert!(response.headers().get("set-cookie").is_none());
        let text = response.text().await.unwrap();
        assert!(text.contains("This token is wrong.") && text.contains("agent.json"), "{text}");
        assert!(!text.contains("bad"), "{text}");
    }
}

#[tokio::test]
async fn no_path_leads_out_of_the_dashboards_folder() {
    let server = Server::start().await;
    for path in [
        "/../Cargo.toml",
        "/../../Cargo.toml",
        "/..%2f..%2fCargo.toml",
        "/%2e%2e/%2e%2e/Cargo.toml",
        "/.git/config",
        "//etc/passwd",
        "/snippets/../../../Cargo.toml",
        "/..\\Cargo.toml",
        "/%00",
        "/index.html/../../Cargo.toml",
    ] {
        let answer =
            server.raw(&format!("GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", server.host)).await;
        let status = answer.split(' ').nth(1).unwrap_or_default();
        assert!(["400", "404"].contains(&status), "{path}: {answer}");
        assert!(!answer.contains("[package]") && !answer.contains("root:"), "{path}");
    }
}

#[tokio::test]
async fn an_address_with_nothing_behind_it_says_so_to_people_and_to_programs() {
    let server = Server::start().await;
    let (status, body) = answer(server.anonymous("GET", "/nothing")).await;
    assert_eq!((status, body["error"].is_string()), (404, true), "{body}");
    let (status, body) = answer(server.anonymous("GET", "/nothing").header("accept", "text/html,*/*")).await;
    assert_eq!(status, 404);
    assert!(body.as_str().unwrap().contains("<h1>Nothing here</h1>"), "{body}");
}
