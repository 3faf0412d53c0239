//! Owns what whoever has a link may see, and that nothing else can be told from what does not exist.
//! Must not know how links are kept.

use crate::client::Client;
use crate::support::{ADMIN, Server, answer, created, sentence, who};
use serde_json::{Value, json};
use shared::event::{Body, RunState};
use shared::ids::{RunId, StudyId};
use shared::people::{Shared, Side};
use shared::plan::Plan;
use shared::study::StudyPlace;
use shared::wire::{ClientMessage, ServerMessage};
use std::time::Duration;
use tokenprism::log::Study;
use tokio::time::{Instant, timeout};

/// Long enough for a slow machine; a link that is revoked ends what it opened within two seconds on any other.
const END_LIMIT: Duration = Duration::from_secs(20);

/// A study with two runs.
async fn study(server: &Server, n: u32) -> (StudyId, Vec<RunId>) {
    let study = StudyId::new(5, n);
    let plan = shared::study::find("decomposition").unwrap();
    server.log.begin_study(Study { study: study.clone(), plan, created_unix_ms: 5 }).await.unwrap();
    let runs: Vec<RunId> = (0..2).map(|index| RunId::new(5, n * 10 + index)).collect();
    for (index, run) in (0..).zip(&runs) {
        let plan = Plan::from_toml(crate::support::PLAN).unwrap();
        let place = StudyPlace { study: study.clone(), index, label: "step".to_owned() };
        server.log.append(run, vec![(0, created(run, plan)), (0, Body::OfStudy(place))]).await.unwrap();
    }
    (study, runs)
}

/// What the holder of a link gets for paths.
async fn check(server: &Server, link: &str, expect: &[(String, u16)]) {
    for (path, status) in expect {
        let (got, body) = answer(server.anonymous("GET", path).bearer_auth(link)).await;
        assert_eq!(got, *status, "{path}: {body}");
    }
}

#[tokio::test]
async fn a_link_to_a_study_shows_its_runs_and_no_other_study() {
    let server = Server::start().await;
    let ((own, runs), (other, others)) = (study(&server, 1).await, study(&server, 2).await);
    let link = server.link(Shared::Study(own.clone())).await;
    check(
        &server,
        &link,
        &[
            (format!("/api/v1/studies/{own}"), 200),
            (format!("/api/v1/runs/{}", runs[0]), 200),
            (format!("/api/v1/runs/{}", runs[1]), 200),
            (format!("/api/v1/compare?runs={own}"), 200),
            (format!("/api/v1/compare?runs={own},{other}"), 404),
            (format!("/api/v1/compare?runs={}", others[0]), 404),
            (format!("/api/v1/studies/{other}"), 404),
            (format!("/api/v1/runs/{}", others[0]), 404),
            ("/api/v1/studies".to_owned(), 401),
            ("/api/v1/runs".to_owned(), 401),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_link_to_a_comparison_shows_its_sides() {
    let server = Server::start().await;
    let (of_study, runs) = study(&server, 1).await;
    let (one, other) = (RunId::new(1, 1), RunId::new(1, 2));
    server.run(&one).await;
    server.run(&other).await;
    let sides = vec![Side::Run(one.clone()), Side::Study(of_study.clone())];
    let link = server.link(Shared::Comparison(sides)).await;
    let response = server.anonymous("GET", &format!("/s/{link}")).send().await.unwrap();
    assert_eq!(response.headers()["location"], format!("/compare?runs={one},{of_study}").as_str());
    check(
        &server,
        &link,
        &[
            (format!("/api/v1/compare?runs={one},{of_study}"), 200),
            (format!("/api/v1/runs/{one}"), 200),
            (format!("/api/v1/runs/{}", runs[0]), 200),
            (format!("/api/v1/compare?runs={one},{other}"), 404),
            (format!("/api/v1/runs/{other}"), 404),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_run_that_is_not_shared_cannot_be_told_from_one_that_does_not_exist() {
    let server = Server::start().await;
    let (own, other, none) = (RunId::new(7, 7), RunId::new(1, 1), RunId::new(1, 2));
    server.run(&own).await;
    server.run(&other).await;
    let link = server.link(Shared::Run(own)).await;
    let said = async |run: &RunId, rest: &str| {
        let path = format!("/api/v1/runs/{run}{rest}");
        let (status, body) = answer(server.anonymous("GET", &path).bearer_auth(&link)).await;
        (status, sentence(&body).replace(run.as_str(), "RUN"))
    };
    for rest in ["", "/requests/0", "/trials/0/requests", "/goodput?ttft_ms=1", "/points/0/distribution?metric=ttft"] {
        assert_eq!(said(&other, rest).await, said(&none, rest).await, "{rest}");
    }
}

#[tokio::test]
async fn several_links_in_one_browser_show_what_each_shows_until_it_is_revoked() {
    let server = Server::start().await;
    let runs = [RunId::new(1, 1), RunId::new(1, 2), RunId::new(1, 3)];
    let mut cookies = Vec::new();
    let mut shares = Vec::new();
    for run in &runs {
        server.run(run).await;
        let (row, secret) = server.people.create_share(Shared::Run(run.clone()), None, who()).await.unwrap();
        let response = server.anonymous("GET", &format!("/s/{}", secret.expose())).send().await.unwrap();
        cookies.push(response.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned());
        shares.push(row.share);
    }
    let cookie = cookies[..2].join("; ");
    let get = async |run: &RunId| {
        answer(server.anonymous("GET", &format!("/api/v1/runs/{run}")).header("cookie", &cookie)).await.0
    };
    assert_eq!([get(&runs[0]).await, get(&runs[1]).await, get(&runs[2]).await], [200, 200, 404]);
    server.people.revoke_share(&shares[0], who()).await.unwrap();
    assert_eq!([get(&runs[0]).await, get(&runs[1]).await, get(&runs[2]).await], [404, 200, 404]);
    server.people.revoke_share(&shares[1], who()).await.unwrap();
    assert_eq!([get(&runs[0]).await, get(&runs[1]).await, get(&runs[2]).await], [401, 401, 401]);
}

#[tokio::test]
async fn a_revoked_link_ends_its_sockets_and_no_other() {
    let server = Server::start().await;
    let run = RunId::new(7, 7);
    server.run(&run).await;
    let (row, secret) = server.people.create_share(Shared::Run(run.clone()), None, who()).await.unwrap();
    let other = server.link(Shared::Run(run.clone())).await;
    let mut guest = Client::greeted(&server.host, secret.expose()).await;
    let mut stays = Client::greeted(&server.host, &other).await;
    for client in [&mut guest, &mut stays] {
        client.follow(&run).await;
        client.fold_until(&run, RunState::Queued).await;
    }
    let begun = Instant::now();
    server.people.revoke_share(&row.share, who()).await.unwrap();
    let ended = async { while guest.hear().await.is_some() {} };
    timeout(END_LIMIT, ended).await.unwrap_or_else(|_| panic!("it is open {:?} later", begun.elapsed()));
    let again = Client::connect(&server.host, &[("authorization", format!("Bearer {}", secret.expose()))]).await;
    assert!(again.is_err(), "a revoked link opened a socket");
    server.state(&run, 9, RunState::Running).await;
    stays.fold_until(&run, RunState::Running).await;
}

#[tokio::test]
async fn over_the_socket_a_link_gives_its_run_and_nothing_else() {
    let server = Server::start().await;
    let (own, other) = (RunId::new(7, 7), RunId::new(1, 1));
    server.run(&own).await;
    server.run(&other).await;
    let mut guest = Client::greeted(&server.host, &server.link(Shared::Run(own.clone())).await).await;
    for message in [
        ClientMessage::Follow { run: other.clone(), after_seq: None },
        ClientMessage::Follow { run: other.clone(), after_seq: Some(0) },
        ClientMessage::Engines { watch: true },
        ClientMessage::Machine { watch: true },
    ] {
        guest.say(&message).await;
        guest.refusal().await;
    }
    guest.follow(&own).await;
    server.state(&other, 5, RunState::Running).await;
    server.state(&other, 6, RunState::Done).await;
    server.log.delete(&other, None).await.unwrap();
    server.state(&own, 5, RunState::Running).await;
    let mut heard = Vec::new();
    loop {
        let message = guest.hear().await.expect("the agent closed");
        let is_last = match &message {
            ServerMessage::Events { events, .. } => events.iter().any(|event| event.seq == 2),
            ServerMessage::Snapshot { view, .. } => view.seq == 2,
            _ => false,
        };
        heard.push(format!("{message:?}"));
        if is_last {
            break;
        }
    }
    assert!(heard.iter().all(|message| !message.contains(other.as_str())), "{heard:?}");
}

#[tokio::test]
async fn what_is_no_link_leads_nowhere_and_is_slowed_down() {
    let server = Server::start().await;
    let open = async |secret: &str| {
        let response = server.anonymous("GET", &format!("/s/{secret}")).send().await.unwrap();
        let cookie = response.headers().get("set-cookie").is_some();
        (response.status().as_u16(), cookie, response.text().await.unwrap())
    };
    // Neither the admin's token nor a named one is a link, and neither is repeated.
    for secret in [ADMIN, server.viewer.as_str(), "guess", "%00", "..%2f..%2fagent.json"] {
        let (status, cookie, text) = open(secret).await;
        assert_eq!((status, cookie), (404, false), "{secret}");
        assert!(text.contains("This link shows nothing") && !text.contains(secret), "{text}");
    }
    for _ in 0..5 {
        open("guess").await;
    }
    assert_eq!(open("guess").await.0, 429);
    // A link signs nobody in.
    let run = RunId::new(1, 1);
    server.run(&run).await;
    let fresh = Server::start().await;
    fresh.run(&run).await;
    let link = fresh.link(Shared::Run(run)).await;
    let (status, body) = answer(fresh.anonymous("POST", "/api/v1/sign-in").json(&json!({ "token": link }))).await;
    assert!(status == 401 && body["error"] != Value::Null, "{status} {body}");
    let response = fresh.anonymous("GET", &format!("/?token={link}")).send().await.unwrap();
    assert_eq!(response.status(), 401);
}
