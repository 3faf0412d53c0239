//! Owns the tests of host, origin, size and security headers.
//! Must not know how they are checked.

use crate::support::{ADMIN, PLAN, Server, answer, sentence};
use futures_util::stream;

#[tokio::test]
async fn a_name_that_is_not_ours_is_refused_everywhere() {
    let server = Server::start().await;
    for path in ["/", "/healthz", "/api/v1/runs", "/ws", "/no-such-file.js"] {
        let (status, body) = answer(server.ask("GET", path).header("host", "evil.example")).await;
        assert_eq!(status, 421, "{path}");
        assert!(sentence(&body).contains("evil.example"), "{body}");
    }
    for host in ["localhost:1", "127.0.0.1", "[::1]:7717", "named.example"] {
        assert_eq!(answer(server.ask("GET", "/api/v1/runs").header("host", host)).await.0, 200, "{host}");
    }
    let answer = server.raw("GET /healthz HTTP/1.0\r\n\r\n").await;
    assert!(answer.contains(" 421 "), "{answer}");
}

#[tokio::test]
async fn a_page_of_another_origin_changes_nothing() {
    let server = Server::start().await;
    let post = |origin: &str| {
        server
            .ask("POST", "/api/v1/runs")
            .header("content-type", "application/toml")
            .header("origin", origin)
            .body(PLAN)
    };
    for origin in ["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost"] {
        let (status, body) = answer(post(origin)).await;
        assert_eq!(status, 403, "{origin}");
        assert!(sentence(&body).contains(origin), "{body}");
    }
    assert!(server.log.rows(10, None).await.unwrap().is_empty());
    assert_eq!(answer(post(&server.url)).await.0, 201);

    // Reading is not forbidden, but the browser is not told to hand the answer over.
    let response = server.ask("GET", "/api/v1/runs").header("origin", "https://evil.example").send().await.unwrap();
    assert!(response.headers().keys().all(|name| !name.as_str().starts_with("access-control")));
}

#[tokio::test]
async fn a_body_that_is_too_long_or_no_text_is_refused() {
    let server = Server::start().await;
    for path in ["/api/v1/runs", "/api/v1/plan/check", "/api/v1/sign-in"] {
        let post = || server.ask("POST", path).header("content-type", "application/toml");
        let long = "#".repeat((64 << 10) + 1);
        let (status, body) = answer(post().body(long)).await;
        assert_eq!(status, 413, "{path}");
        assert!(sentence(&body).contains("65536"), "{body}");

        // Without a length in the head it is the reading that stops.
        let chunks = stream::iter((0..70).map(|_| Ok::<_, std::io::Error>(vec![b'#'; 1 << 10])));
        let (status, _) = answer(post().body(reqwest::Body::wrap_stream(chunks))).await;
        assert_eq!(status, 413, "{path}");

        let (status, body) = answer(post().body(vec![0xff, 0xfe])).await;
        assert_eq!(status, 400, "{path}");
        assert!(sentence(&body).contains("UTF-8"), "{body}");
    }
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let server = Server::start().await;
    for path in ["/", "/no-such-file.js", "/healthz", "/api/v1/runs", "/api/v1/no-such-thing", "/ws"] {
        for request in
            [server.anonymous("GET", path), server.ask("GET", path), server.ask("GET", path).header("host", "x")]
        {
            let response = request.send().await.unwrap();
            let policy = response.headers()["content-security-policy"].to_str().unwrap();
            assert!(policy.contains("script-src 'self' 'wasm-unsafe-eval';"), "{policy}");
            assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
            assert_eq!(response.headers()["x-content-type-options"], "nosniff", "{path}");
            assert_eq!(response.headers()["referrer-policy"], "no-referrer", "{path}");
            assert_eq!(response.headers().get_all("cache-control").iter().count(), 1, "{path}");
        }
    }
}

#[tokio::test]
async fn a_method_that_a_route_does_not_take_is_refused_with_a_sentence() {
    let server = Server::start().await;
    for (method, path) in [("PUT", "/api/v1/runs"), ("POST", "/ws"), ("POST", "/"), ("DELETE", "/healthz")] {
        let (status, body) = answer(server.ask(method, path)).await;
        assert_eq!(status, 405, "{method} {path}");
        assert!(sentence(&body).contains(method), "{body}");
    }
}

#[tokio::test]
async fn a_token_in_the_address_of_the_api_is_no_token() {
    let server = Server::start().await;
    assert_eq!(answer(server.anonymous("GET", &format!("/api/v1/runs?token={ADMIN}"))).await.0, 401);
}
