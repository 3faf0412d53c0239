//! Owns the tests of the socket: hello, snapshot and events, and what is refused and how.
//! Must not know the hub's insides.

use crate::support::{ADMIN, GUEST, GUEST_RUN, Server};
use futures_util::{SinkExt, StreamExt};
use shared::event::RunState;
use shared::ids::RunId;
use shared::view::RunView;
use shared::wire::{ClientMessage, PROTOCOL_VERSION, ServerMessage};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// Long enough for a slow machine; nothing waits so long where all is well.
const LIMIT: Duration = Duration::from_secs(20);

struct Client(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    async fn connect(server: &Server, headers: &[(&'static str, String)]) -> Result<Self, Error> {
        let mut request = format!("ws://{}/ws", server.host).into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        connect_async(request).await.map(|(socket, _)| Self(socket))
    }

    async fn open(server: &Server, token: &str) -> Self {
        Self::connect(server, &[("authorization", format!("Bearer {token}"))]).await.unwrap()
    }

    /// Open, with hello said both ways.
    async fn greeted(server: &Server, token: &str) -> Self {
        let mut client = Self::open(server, token).await;
        let ServerMessage::Hello { protocol, agent_version, now_unix_ms } = client.hear().await.unwrap() else {
            panic!("the first message is no hello")
        };
        assert_eq!((protocol, agent_version.as_str()), (PROTOCOL_VERSION, "1.2.3"));
        assert!(now_unix_ms > 1_600_000_000_000);
        client.say(&ClientMessage::Hello { protocol: PROTOCOL_VERSION }).await;
        client
    }

    async fn say(&mut self, message: &ClientMessage) {
        self.raw(Message::Binary(rmp_serde::to_vec_named(message).unwrap().into())).await;
    }

    async fn raw(&mut self, message: Message) {
        self.0.send(message).await.unwrap();
    }

    /// The next message of the agent; nothing once it closed.
    async fn hear(&mut self) -> Option<ServerMessage> {
        loop {
            match timeout(LIMIT, self.0.next()).await.expect("nothing came").transpose().ok().flatten()? {
                Message::Binary(bytes) => return Some(rmp_serde::from_slice(&bytes).unwrap()),
                Message::Close(_) => return None,
                _ => {}
            }
        }
    }

    /// The sentence of the next refusal.
    async fn refusal(&mut self) -> String {
        loop {
            if let ServerMessage::Refused { sentence } = self.hear().await.expect("closed without a sentence") {
                return sentence;
            }
        }
    }

    /// Folds what comes until the run is in a state.
    async fn fold_until(&mut self, run: &RunId, state: RunState) -> RunView {
        let mut view = RunView::default();
        loop {
            match self.hear().await.expect("the agent closed") {
                ServerMessage::Snapshot { run: of, view: new, .. } if of == *run => view = *new,
                ServerMessage::Events { run: of, events } if of == *run => events.iter().for_each(|e| view.apply(e)),
                _ => {}
            }
            // Before its first event a view already says "queued".
            if view.seq > 0 && view.run_state() == state {
                return view;
            }
        }
    }
}

#[tokio::test]
async fn a_viewer_gets_a_snapshot_and_then_what_happens() {
    let server = Server::start().await;
    let run = RunId::new(1, 1);
    server.run(&run).await;
    server.state(&run, 10, RunState::Starting).await;
    let mut client = Client::greeted(&server, ADMIN).await;
    client.say(&ClientMessage::Follow { run: run.clone(), after_seq: None }).await;
    assert_eq!(client.fold_until(&run, RunState::Starting).await.seq, 2);
    server.state(&run, 20, RunState::Running).await;
    server.state(&run, 30, RunState::Done).await;
    let mut late = Client::greeted(&server, ADMIN).await;
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
        let got = match Client::connect(&server, headers).await {
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
        let mut client = Client::greeted(&server, ADMIN).await;
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
    let check = async |message: ClientMessage, expect: &str| {
        let mut client = Client::open(&server, ADMIN).await;
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
    let mut client = Client::greeted(&server, ADMIN).await;
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
    let mut client = Client::greeted(&server, ADMIN).await;
    client.say(&ClientMessage::Follow { run: RunId::new(9, 9), after_seq: None }).await;
    let sentence = client.refusal().await;
    assert!(sentence.contains(RunId::new(9, 9).as_str()), "{sentence}");
    let run = RunId::new(1, 1);
    server.run(&run).await;
    client.say(&ClientMessage::Follow { run: run.clone(), after_seq: None }).await;
    assert_eq!(client.fold_until(&run, RunState::Queued).await.seq, 1);
}

#[tokio::test]
async fn a_guest_hears_of_its_own_runs_only() {
    let server = Server::start().await;
    let (own, other) = (RunId::new(GUEST_RUN.0, GUEST_RUN.1), RunId::new(1, 1));
    let mut client = Client::greeted(&server, GUEST).await;
    client.say(&ClientMessage::Follow { run: other.clone(), after_seq: None }).await;
    assert!(client.refusal().await.contains("There is no run"));
    server.run(&other).await;
    server.run(&own).await;
    client.say(&ClientMessage::Follow { run: own.clone(), after_seq: None }).await;
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
    let mut client = Client::greeted(&server, ADMIN).await;
    server.stop();
    while client.hear().await.is_some() {}
    timeout(LIMIT, &mut server.task).await.expect("it did not end").unwrap().unwrap();
}
