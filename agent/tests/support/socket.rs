//! Owns a viewer over a real socket: what it says and hears, as messages.
//! Must not know whose agent it is.
#![allow(dead_code, missing_docs, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test support fails by panicking")]

use futures_util::{SinkExt, StreamExt};
use nix::sys::socket::{setsockopt, sockopt::TcpMaxSeg};
use shared::event::RunState;
use shared::ids::RunId;
use shared::view::RunView;
use shared::wire::{ClientMessage, PROTOCOL_VERSION, ServerMessage};
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::Request;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async, connect_async};

/// Long enough for a slow machine; nothing waits so long where all is well.
pub const LIMIT: Duration = Duration::from_secs(60);

pub struct Client(pub WebSocketStream<MaybeTlsStream<TcpStream>>);

fn request(host: &str, headers: &[(&'static str, String)]) -> Request<()> {
    let mut request = format!("ws://{host}/ws").into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    request
}

fn bearer(token: &str) -> (&'static str, String) {
    ("authorization", format!("Bearer {token}"))
}

impl Client {
    pub async fn connect(host: &str, headers: &[(&'static str, String)]) -> Result<Self, Error> {
        connect_async(request(host, headers)).await.map(|(socket, _)| Self(socket))
    }

    pub async fn open(host: &str, token: &str) -> Self {
        Self::connect(host, &[bearer(token)]).await.unwrap()
    }

    /// Open, with hello said both ways.
    pub async fn greeted(host: &str, token: &str) -> Self {
        Self::open(host, token).await.greet().await
    }

    /// Greeted, over a connection that holds next to nothing, so that the agent soon notices when it is not read.
    pub async fn narrow(host: &str, token: &str) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4 << 10).unwrap();
        // The other side's buffer grows with the size of the segments that this side takes.
        setsockopt(&socket, TcpMaxSeg, &536).unwrap();
        let stream = socket.connect(host.parse().unwrap()).await.unwrap();
        let (socket, _) = client_async(request(host, &[bearer(token)]), MaybeTlsStream::Plain(stream)).await.unwrap();
        Self(socket).greet().await
    }

    async fn greet(mut self) -> Self {
        let first = self.hear().await.unwrap();
        assert!(matches!(first, ServerMessage::Hello { protocol: PROTOCOL_VERSION, .. }), "{first:?}");
        self.say(&ClientMessage::Hello { protocol: PROTOCOL_VERSION }).await;
        self
    }

    pub async fn follow(&mut self, run: &RunId) {
        self.say(&ClientMessage::Follow { run: run.clone(), after_seq: None }).await;
    }

    pub async fn say(&mut self, message: &ClientMessage) {
        self.raw(Message::Binary(rmp_serde::to_vec_named(message).unwrap().into())).await;
    }

    pub async fn raw(&mut self, message: Message) {
        self.0.send(message).await.unwrap();
    }

    /// The next message of the agent; nothing once it closed.
    pub async fn hear(&mut self) -> Option<ServerMessage> {
        loop {
            match timeout(LIMIT, self.0.next()).await.expect("nothing came").transpose().ok().flatten()? {
                Message::Binary(bytes) => return Some(rmp_serde::from_slice(&bytes).unwrap()),
                Message::Close(_) => return None,
                _ => {}
            }
        }
    }

    /// The sentence of the next refusal.
    pub async fn refusal(&mut self) -> String {
        loop {
            if let ServerMessage::Refused { sentence } = self.hear().await.expect("closed without a sentence") {
                return sentence;
            }
        }
    }

    /// Folds what comes until the run is in a state.
    pub async fn fold_until(&mut self, run: &RunId, state: RunState) -> RunView {
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
