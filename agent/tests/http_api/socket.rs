//! Owns the tests of the socket: hello, snapshot and events, and what is refused and how.
//! Must not know the hub's insides.

use crate::client::{Client, LIMIT};
use crate::support::{ADMIN, Server};
use futures_util::SinkExt;
use shared::event::RunState;
use shared::ids::RunId;
use shared::people::Shared;
use shared::view::RunView;
use shared::wire::{ClientMessage, Lead, PROTOCOL_VERSION, ServerMessage};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Error, Message};

#[tokio::test]
async fn a_viewer_gets_a_snapshot_and_then_what_happens() {
    let server = Server::start().await;
    let run = RunId::new(1, 1);
    server.run(&run).await;
    server.state(&run, 10, RunState::Starting).await;
    let mut client = Client::greeted(&server.host, ADMIN).await;
    client.follow(&run).await;
    assert_eq!(client.fold_until(&run, RunState::Starting).await.seq, 2);
    server.state(&run, 20, RunState::Running).await;
    server.state(&run, 30, RunState::Done).await;
    let mut late = Client::greeted(&server.host, ADMIN).await;
    late.say(&ClientMessage::Follow { run: run.clone(), after_seq: Some(2) }).await;
    let expect = server.log.view(&run).await.unwrap().unwrap();
    let mut view = RunView::default();
    for event in server.log.read_from(&run, 0, 2).await.unwrap() {
        view.apply(&event);
    }
    while view.run_state() != RunState::Done {
        match late.hear().await.expect("the agent closed") {
            ServerMessage::Snapshot { view: new, .. } => view = *new,
            ServerMessage::Events { events, .. } => events.iter().for_each(|e| view.apply(e)),
            _ => {}
        }
    }
    assert_eq!(view, *expect);
}

#[tokio::test]
async fn a_cookie_and_our_own_origin_open_it_and_nothing_else_does() {
    let server = Server::start().await;
    let cookie = ("cookie", format!("tokenprism={ADMIN}"));
    let origin = |origin: &str| ("origin", origin.to_owned());
    let check = async |headers: &[(&'static str, String)], expect: u16| {
        let got = match Client::connect(&server.host, headers).await {
            Ok(_) => 101,
            Err(Error::Http(response)) => response.status().as_u16(),
            Err(error) => panic!("{error}"),
        };
        assert_eq!(got, expect, "{headers:?}");
    };
    check(&[cookie.clone(), origin(&server.url)], 101).await;
    check(std::slice::from_ref(&cookie), 101).await;
    check(&[cookie.clone(), origin("https://evil.example")], 403).await;
    check(&[cookie.clone(), origin("null")], 403).await;
    check(&[cookie.clone(), origin("http://127.0.0.1:1")], 403).await;
    check(&[cookie.clone(), ("host", "evil.example".to_owned()), origin("http://evil.example")], 421).await;
    check(&[origin(&server.url)], 401).await;
    check(&[("authorization", "Bearer wrong".to_owned())], 401).await;
}

#[tokio::test]
async fn what_is_no_message_is_refused_in_words_and_closed() {
    let server = Server::start().await;
    let follow = rmp_serde::to_vec_named(&ClientMessage::Unfollow).unwrap();
    let hello = rmp_serde::to_vec_named(&ClientMessage::Hello { protocol: PROTOCOL_VERSION }).unwrap();
    let cases: [(Message, &str); 7] = [
        (Message::Text("{}".into()), "MessagePack"),
        (Message::Binary(vec![0xc1].into()), "could not be read"),
        (Message::Binary(Vec::new().into()), "could not be read"),
        (Message::Binary(follow[..3].to_vec().into()), "could not be read"),
        (Message::Binary(vec![0; 5_000].into()), "5000 bytes"),
        (Message::Binary(vec![0; 70 << 10].into()), "no message of this protocol"),
        (Message::Binary(hello.into()), "A second hello"),
    ];
    for (message, expect) in cases {
        let mut client = Client::greeted(&server.host, ADMIN).await;
        let words = format!("{:.40}", format!("{message:?}"));
        client.raw(message).await;
        let sentence = client.refusal().await;
        assert!(sentence.contains(expect), "{words}: {sentence}");
        assert_eq!(client.hear().await, None, "{words} was not closed");
    }
}

#[tokio::test]
async fn the_first_message_is_a_hello_of_our_protocol() {
    let server = Server::start().await;
    let ServerMessage::Hello { protocol, agent_version, now_unix_ms } =
        Client::open(&server.host, ADMIN).await.hear().await.unwrap()
    else {
        panic!("the first message is no hello")
    };
    assert_eq!((protocol, agent_version.as_str()), (PROTOCOL_VERSION, "1.2.3"));
    assert!(now_unix_ms > 1_600_000_000_000);
    let check = async |message: ClientMessage, expect: &str| {
        let mut client = Client::open(&server.host, ADMIN).await;
        client.say(&message).await;
        let sentence = client.refusal().await;
        assert!(sentence.contains(expect), "{sentence}");
        assert_eq!(client.hear().await, None);
    };
    check(ClientMessage::Unfollow, "must be a hello").await;
    check(ClientMessage::Hello { protocol: 99 }, "protocol 99").await;
}

#[tokio::test]
async fn a_flood_of_messages_is_refused() {
    let server = Server::start().await;
    let mut client = Client::greeted(&server.host, ADMIN).await;
    // More than three seconds' worth at once, however the seconds fall.
    for _ in 0..80 {
        if client
            .0
            .feed(Message::Binary(rmp_serde::to_vec_named(&ClientMessage::Unfollow).unwrap().into()))
            .await
            .is_err()
        {
            break;
        }
    }
    drop(client.0.flush().await);
    assert!(client.refusal().await.contains("within a second"));
}

#[tokio::test]
async fn a_run_that_does_not_exist_is_refused_and_the_socket_stays() {
    let server = Server::start().await;
    let mut client = Client::greeted(&server.host, ADMIN).await;
    client.follow(&RunId::new(9, 9)).await;
    let sentence = client.refusal().await;
    assert!(sentence.contains(RunId::new(9, 9).as_str()), "{sentence}");
    let run = RunId::new(1, 1);
    server.run(&run).await;
    client.follow(&run).await;
    assert_eq!(client.fold_until(&run, RunState::Queued).await.seq, 1);
}

#[tokio::test]
async fn a_guest_hears_of_its_own_runs_only() {
    let server = Server::start().await;
    let (own, other) = (RunId::new(7, 7), RunId::new(1, 1));
    server.run(&own).await;
    let mut client = Client::greeted(&server.host, &server.link(Shared::Run(own.clone())).await).await;
    client.follow(&other).await;
    assert!(client.refusal().await.contains("There is no run"));
    server.run(&other).await;
    server.state(&own, 5, RunState::Running).await;
    client.follow(&own).await;
    let (mut rows_seen, mut snapshot_seen) = (false, false);
    while !(rows_seen && snapshot_seen) {
        match client.hear().await.expect("the agent closed") {
            ServerMessage::Rows { rows } => {
                assert!(rows.iter().all(|row| row.run == own), "{rows:?}");
                rows_seen = true;
            }
            ServerMessage::Snapshot { run, .. } => snapshot_seen = run == own,
            message => assert!(!format!("{message:?}").contains(other.as_str()), "{message:?}"),
        }
    }
}

#[tokio::test]
async fn an_agent_that_ends_closes_its_sockets() {
    let mut server = Server::start().await;
    let mut client = Client::greeted(&server.host, ADMIN).await;
    server.stop();
    while client.hear().await.is_some() {}
    timeout(LIMIT, &mut server.task).await.expect("it did not end").unwrap().unwrap();
}

#[tokio::test]
async fn who_leads_is_followed_by_others_and_leaves_nothing_behind() {
    let server = Server::start().await;
    let (run, other) = (RunId::new(1, 1), RunId::new(1, 2));
    server.run(&run).await;
    server.run(&other).await;
    let led = async |client: &mut Client| loop {
        match client.hear().await.expect("the agent closed") {
            ServerMessage::Led { run: of, lead } => {
                assert_eq!(of, run);
                return lead;
            }
            ServerMessage::Refused { sentence } => panic!("{sentence}"),
            _ => {}
        }
    };
    let show = |run: &RunId, zoom_ns| ClientMessage::Lead { run: run.clone(), lead: Some(Lead { zoom_ns }) };
    let mut guest = Client::greeted(&server.host, &server.link(Shared::Run(run.clone())).await).await;
    guest.follow(&run).await;
    guest.fold_until(&run, RunState::Queued).await;
    let mut presenter = Client::greeted(&server.host, &server.operator).await;
    presenter.follow(&run).await;
    presenter.say(&show(&other, Some((7, 8)))).await;
    presenter.say(&show(&run, Some((1, 2)))).await;
    assert_eq!(led(&mut guest).await, Some(Lead { zoom_ns: Some((1, 2)) }));
    // Whoever comes later hears of it, too.
    let mut late = Client::greeted(&server.host, &server.viewer).await;
    late.follow(&run).await;
    assert_eq!(led(&mut late).await, Some(Lead { zoom_ns: Some((1, 2)) }));
    // A viewer follows and does not lead.
    late.say(&show(&run, None)).await;
    assert!(late.refusal().await.contains("operator"));
    presenter.say(&show(&run, None)).await;
    assert_eq!(led(&mut guest).await, Some(Lead { zoom_ns: None }));
    drop(presenter);
    assert_eq!(led(&mut guest).await, None);
    // Of the moment only: the log knows nothing of it.
    assert_eq!(server.log.view(&run).await.unwrap().unwrap().seq, 1);
}
