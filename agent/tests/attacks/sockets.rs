//! Owns sockets of those whose token or link ends, and of pages elsewhere.
//! Must not know how tokens are kept.

use crate::client::Client;
use crate::support::{ADMIN, PLAN, Server, answer, link_until, token_until, who};
use shared::event::RunState;
use shared::ids::RunId;
use shared::people::{Role, Shared};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Error;

/// Long enough for a slow machine.
const END_LIMIT: Duration = Duration::from_secs(20);

async fn ends(mut client: Client, why: &str) {
    let ended = async { while client.hear().await.is_some() {} };
    timeout(END_LIMIT, ended).await.unwrap_or_else(|_| panic!("the socket of {why} is open"));
}

#[tokio::test]
async fn a_revoked_token_ends_its_sockets_and_no_other() {
    let server = Server::start().await;
    let run = RunId::new(1, 1);
    server.run(&run).await;
    let (row, secret) = server.people.create_token("Leaver", Role::Operator, None, who()).await.unwrap();
    let leaver = Client::greeted(&server.host, secret.expose()).await;
    let mut stays = Client::greeted(&server.host, &server.viewer).await;
    stays.follow(&run).await;
    let path = format!("/api/v1/tokens/{}", row.token);
    assert_eq!(answer(server.ask("DELETE", &path)).await.0, 204);
    ends(leaver, "a revoked token").await;
    server.state(&run, 5, RunState::Running).await;
    stays.fold_until(&run, RunState::Running).await;
}

#[tokio::test]
async fn a_socket_ends_when_its_token_expires() {
    let secret = "short-token-0123456789-0123456789-0123";
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let ends_at = u64::try_from((now + Duration::from_secs(4)).as_millis()).unwrap();
    let server = Server::with(&[token_until(secret, Role::Viewer, ends_at)], &[]).await;
    let client = Client::greeted(&server.host, secret).await;
    ends(client, "an expired token").await;
    assert_eq!(answer(server.anonymous("GET", "/api/v1/me").bearer_auth(secret)).await.0, 401);
}

#[tokio::test]
async fn a_socket_ends_when_its_link_expires_and_the_run_goes_on() {
    let (secret, run) = ("short-link-0123456789-0123456789-01234", RunId::new(7, 7));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let ends_at = u64::try_from((now + Duration::from_secs(4)).as_millis()).unwrap();
    let server = Server::with(&[], &[link_until(secret, Shared::Run(run.clone()), ends_at)]).await;
    let mut guest = Client::greeted(&server.host, secret).await;
    let mut stays = Client::greeted(&server.host, &server.viewer).await;
    for client in [&mut guest, &mut stays] {
        client.follow(&run).await;
        client.fold_until(&run, RunState::Queued).await;
    }
    ends(guest, "an expired link's").await;
    let path = format!("/api/v1/runs/{run}");
    assert_eq!(answer(server.anonymous("GET", &path).bearer_auth(secret)).await.0, 401);
    assert!(Client::connect(&server.host, &[("authorization", format!("Bearer {secret}"))]).await.is_err());
    server.state(&run, 5, RunState::Running).await;
    stays.fold_until(&run, RunState::Running).await;
}

#[tokio::test]
async fn a_page_elsewhere_reaches_neither_socket_nor_form_with_any_cookie() {
    let server = Server::start().await;
    let run = RunId::new(1, 1);
    server.run(&run).await;
    let link = server.link(shared::people::Shared::Run(run)).await;
    let cookies = [
        format!("tokenprism={ADMIN}"),
        format!("tokenprism={}", server.operator),
        format!("tokenprism_link_l1={link}"),
    ];
    for cookie in cookies {
        for origin in ["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost"] {
            let headers = [("cookie", cookie.clone()), ("origin", origin.to_owned())];
            match Client::connect(&server.host, &headers).await {
                Err(Error::Http(response)) => assert_eq!(response.status(), 403, "{origin}"),
                other => panic!("{origin}: {:?}", other.map(|_| "open")),
            }
            // As a form of another page would send it: no preflight asks before.
            for (path, body) in [
                ("/api/v1/runs", PLAN),
                ("/api/v1/tokens", "{\"name\": \"x\", \"role\": \"admin\"}"),
                ("/api/v1/shares", "{}"),
                ("/api/v1/sign-in", "{\"token\": \"x\"}"),
            ] {
                let post = server.anonymous("POST", path).header("cookie", &cookie).header("origin", origin);
                let (status, _) = answer(post.header("content-type", "text/plain").body(body)).await;
                assert_eq!(status, 403, "{origin} {path}");
            }
            // A name of its own that leads here.
            let headers = [
                ("cookie", cookie.clone()),
                ("host", "evil.example".to_owned()),
                ("origin", "http://evil.example".to_owned()),
            ];
            match Client::connect(&server.host, &headers).await {
                Err(Error::Http(response)) => assert_eq!(response.status(), 421),
                other => panic!("{:?}", other.map(|_| "open")),
            }
        }
    }
    assert_eq!(server.people.tokens().len(), 2);
    assert_eq!(server.log.rows(10, None).await.unwrap().len(), 1);
}
