//! Owns the socket of one viewer: hello both ways, frames out, refusals as sentences, limits on everything.
//! Must not know what a frame says beyond its kind and its run.

use super::App;
use super::error::Refusal;
use crate::hub::Viewer;
use crate::orchestrate::{MachineViewer, Watching, unix_ms};
use crate::people::Principal;
use axum::extract;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::http::StatusCode;
use axum::response::Response;
use shared::people::Role;
use shared::wire::{ClientMessage, MAX_CLIENT_MESSAGE_BYTES, PROTOCOL_VERSION, ServerMessage};
use std::ops::ControlFlow;
use std::pin::pin;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

/// Sockets that are open at once.
pub(super) const MAX_SOCKETS: usize = 256;
/// Longest frame that is read at all, bytes: above the limit of a message, so that a long one is refused in words.
const MAX_FRAME_BYTES: usize = 64 << 10;
/// Messages of one viewer within a second.
const MAX_MESSAGES_PER_S: u32 = 20;
/// A viewer that does not take a frame for this long is dropped.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the first message may take.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);
/// Between pings.
const PING_EVERY: Duration = Duration::from_secs(20);
/// A viewer that says nothing for this long, not even a pong, is gone.
const SILENCE_LIMIT: Duration = Duration::from_secs(60);
/// How long a closed socket waits for the other side to have read why.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Opens a viewer's socket: MessagePack frames of `ClientMessage` and `ServerMessage`.
#[utoipa::path(get, path = "/ws", tag = "live", responses(
    (status = 101, description = "A WebSocket of MessagePack frames: snapshot, then deltas"),
    (status = 403, description = "A page of another origin", body = super::shape::ApiError),
    (status = 426, description = "Not a WebSocket request", body = super::shape::ApiError),
    (status = 503, description = "Too many sockets are open", body = super::shape::ApiError)))]
pub(super) async fn open(
    extract::State(app): extract::State<App>,
    principal: Principal,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Refusal> {
    let upgrade = upgrade.map_err(|error| {
        Refusal::new(StatusCode::UPGRADE_REQUIRED, "This is a socket: open it as a WebSocket.")
            .with_detail(error.to_string())
    })?;
    let permit = app.sockets.clone().try_acquire_owned().map_err(|_| {
        let sentence =
            format!("{MAX_SOCKETS} viewers are connected, as many as this agent serves: close another page.");
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, sentence)
    })?;
    let upgrade = upgrade.max_message_size(MAX_FRAME_BYTES).max_frame_size(MAX_FRAME_BYTES);
    Ok(upgrade.on_upgrade(move |socket| async move {
        let (heard, second) = (Instant::now(), Instant::now());
        Session { socket, principal, engines: None, machine: None, heard, second, messages: 0 }.run(app).await;
        drop(permit);
    }))
}

/// Why a session ends.
enum End {
    /// The other side is gone or does not read.
    Gone,
    /// It broke a rule: this sentence, then close.
    Refused(String),
    /// The agent ends.
    Stopping,
    /// What the viewer came in by was revoked or has expired.
    SignedOut,
}

struct Session {
    socket: WebSocket,
    principal: Principal,
    /// What tells of engines, where that was asked for.
    engines: Option<Watching>,
    /// The same of the machine.
    machine: Option<MachineViewer>,
    heard: Instant,
    second: Instant,
    messages: u32,
}

impl Session {
    async fn run(mut self, app: App) {
        match self.talk(&app).await {
            End::Gone => {}
            End::Refused(sentence) => {
                let refused = ServerMessage::Refused { sentence };
                if self.send(&refused).await.is_continue() {
                    self.close(close_code::POLICY, "refused").await;
                }
            }
            End::Stopping => self.close(close_code::AWAY, "the agent ends").await,
            // The browser asks the API why, and hears it in a sentence.
            End::SignedOut => self.close(close_code::POLICY, "signed out").await,
        }
    }

    /// The whole conversation.
    async fn talk(&mut self, app: &App) -> End {
        let hello = ServerMessage::Hello {
            protocol: PROTOCOL_VERSION,
            agent_version: app.state.agent_version.clone(),
            now_unix_ms: unix_ms(),
        };
        if let ControlFlow::Break(end) = self.send(&hello).await {
            return end;
        }
        let first = tokio::select! {
            first = timeout(HELLO_TIMEOUT, self.hello()) => first,
            () = app.stopping.cancelled() => return End::Stopping,
        };
        match first {
            Ok(ControlFlow::Continue(())) => {}
            Ok(ControlFlow::Break(end)) => return end,
            Err(_) => return End::Refused(format!("No hello came within {} s.", HELLO_TIMEOUT.as_secs())),
        }
        let (people, principal) = (app.state.access.people(), self.principal.clone());
        let mut signed_out = pin!(people.ended(&principal));
        let mut viewer = app.state.hub.viewer();
        let mut ping = interval(PING_EVERY);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let flow = tokio::select! {
                frame = viewer.next() => match frame {
                    Some(frame) => match self.visible(frame) {
                        Some(frame) => self.send(&frame).await,
                        None => ControlFlow::Continue(()),
                    },
                    None => ControlFlow::Break(End::Stopping),
                },
                now = async { Some(self.engines.as_mut()?.next().await) }, if self.engines.is_some() => match now {
                    Some(now) => self.send(&ServerMessage::Engines(Box::new(now))).await,
                    None => ControlFlow::Continue(()),
                },
                told = async { Some(self.machine.as_mut()?.next().await) }, if self.machine.is_some() => match told {
                    Some(told) => self.send(&ServerMessage::Machine(told)).await,
                    None => ControlFlow::Continue(()),
                },
                incoming = self.socket.recv() => self.incoming(app, incoming, &mut viewer).await,
                () = &mut signed_out => ControlFlow::Break(End::SignedOut),
                _ = ping.tick() => self.ping().await,
                () = app.stopping.cancelled() => ControlFlow::Break(End::Stopping),
            };
            if let ControlFlow::Break(end) = flow {
                return end;
            }
        }
    }

    /// Waits for the client's hello.
    async fn hello(&mut self) -> ControlFlow<End> {
        loop {
            let incoming = self.socket.recv().await;
            match self.read(incoming)? {
                None => {}
                Some(ClientMessage::Hello { protocol }) if protocol == PROTOCOL_VERSION => {
                    return ControlFlow::Continue(());
                }
                Some(ClientMessage::Hello { protocol }) => {
                    return ControlFlow::Break(End::Refused(format!(
                        "This page speaks protocol {protocol}, the agent {PROTOCOL_VERSION}: reload the page, or use \
                         the same version on both sides."
                    )));
                }
                Some(_) => return ControlFlow::Break(End::Refused("The first message must be a hello.".to_owned())),
            }
        }
    }

    async fn incoming(
        &mut self,
        app: &App,
        incoming: Option<Result<Message, axum::Error>>,
        viewer: &mut Viewer,
    ) -> ControlFlow<End> {
        match self.read(incoming)? {
            None => {}
            Some(ClientMessage::Hello { .. }) => {
                return ControlFlow::Break(End::Refused("A second hello came: say it once.".to_owned()));
            }
            Some(ClientMessage::Follow { run, .. }) if !self.principal.may_see(&run) => {
                let refused = Refusal::unknown_run(&run);
                return self.send(&ServerMessage::Refused { sentence: refused.sentence().to_owned() }).await;
            }
            Some(ClientMessage::Engines { .. } | ClientMessage::Machine { .. }) if !self.principal.sees_all() => {
                let sentence = "What was shared with you does not include the host and its engines.".to_owned();
                return self.send(&ServerMessage::Refused { sentence }).await;
            }
            Some(ClientMessage::Lead { .. }) if self.principal.role < Role::Operator => {
                let sentence = "Leading viewers needs the role operator.".to_owned();
                return self.send(&ServerMessage::Refused { sentence }).await;
            }
            Some(ClientMessage::Engines { watch }) => self.engines = watch.then(|| app.state.by_hand.watch()),
            Some(ClientMessage::Machine { watch }) => self.machine = watch.then(|| app.state.machine.watch()),
            Some(message) => viewer.handle(message),
        }
        ControlFlow::Continue(())
    }

    /// Decodes one incoming message; nothing for pings and pongs.
    fn read(&mut self, incoming: Option<Result<Message, axum::Error>>) -> ControlFlow<End, Option<ClientMessage>> {
        let refused = |sentence: String| ControlFlow::Break(End::Refused(sentence));
        let message = match incoming {
            None | Some(Ok(Message::Close(_))) => return ControlFlow::Break(End::Gone),
            // Too long to be read, or no WebSocket frame; where the connection is gone, saying so fails quietly.
            Some(Err(error)) => return refused(format!("What came is no message of this protocol: {error}.")),
            Some(Ok(message)) => message,
        };
        self.heard = Instant::now();
        if self.heard.duration_since(self.second) >= Duration::from_secs(1) {
            (self.second, self.messages) = (self.heard, 0);
        }
        self.messages += 1;
        if self.messages > MAX_MESSAGES_PER_S {
            return refused(format!("More than {MAX_MESSAGES_PER_S} messages came within a second."));
        }
        match message {
            Message::Binary(bytes) if bytes.len() > MAX_CLIENT_MESSAGE_BYTES => refused(format!(
                "A message of {} bytes came, more than the {MAX_CLIENT_MESSAGE_BYTES} that are read.",
                bytes.len()
            )),
            Message::Binary(bytes) => match rmp_serde::from_slice(&bytes) {
                Ok(message) => ControlFlow::Continue(Some(message)),
                Err(error) => refused(format!("A message could not be read: {error}.")),
            },
            Message::Text(_) => {
                refused("A text message came: this socket speaks MessagePack in binary messages.".to_owned())
            }
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => ControlFlow::Continue(None),
        }
    }

    /// What the principal may see of a frame.
    fn visible(&self, frame: ServerMessage) -> Option<ServerMessage> {
        if self.principal.sees_all() {
            return Some(frame);
        }
        match frame {
            ServerMessage::Rows { mut rows } => {
                rows.retain(|row| self.principal.may_see(&row.run));
                (!rows.is_empty()).then_some(ServerMessage::Rows { rows })
            }
            ServerMessage::Snapshot { ref run, .. }
            | ServerMessage::Events { ref run, .. }
            | ServerMessage::Gap { ref run, .. }
            | ServerMessage::Deleted { ref run }
            | ServerMessage::Viewers { ref run, .. }
            | ServerMessage::Led { ref run, .. } => self.principal.may_see(run).then_some(frame),
            ServerMessage::Engines(_) | ServerMessage::Machine(_) => None,
            ServerMessage::Hello { .. } | ServerMessage::Refused { .. } => Some(frame),
        }
    }

    async fn ping(&mut self) -> ControlFlow<End> {
        if self.heard.elapsed() > SILENCE_LIMIT {
            return ControlFlow::Break(End::Gone);
        }
        self.put(Message::Ping(Vec::new().into())).await
    }

    async fn send(&mut self, message: &ServerMessage) -> ControlFlow<End> {
        match rmp_serde::to_vec_named(message) {
            Ok(bytes) => self.put(Message::Binary(bytes.into())).await,
            Err(error) => {
                tracing::error!(%error, "a frame could not be encoded");
                ControlFlow::Break(End::Gone)
            }
        }
    }

    /// Hands one message to the connection. One at a time, so that a viewer that does not read costs one message.
    async fn put(&mut self, message: Message) -> ControlFlow<End> {
        match timeout(SEND_TIMEOUT, self.socket.send(message)).await {
            Ok(Ok(())) => ControlFlow::Continue(()),
            Ok(Err(_)) => ControlFlow::Break(End::Gone),
            Err(_) => {
                tracing::info!(
                    principal = self.principal.who.id,
                    "a viewer did not read for {SEND_TIMEOUT:?} and was dropped"
                );
                ControlFlow::Break(End::Gone)
            }
        }
    }

    /// Closes, and reads on until the other side has closed too: unread bytes would reset the connection before it
    /// has read why.
    async fn close(&mut self, code: u16, reason: &'static str) {
        let frame = CloseFrame { code, reason: reason.into() };
        if self.put(Message::Close(Some(frame))).await.is_continue() {
            let drained = async { while let Some(Ok(_)) = self.socket.recv().await {} };
            if timeout(CLOSE_TIMEOUT, drained).await.is_err() {
                tracing::debug!("a viewer did not answer the close");
            }
        }
    }
}
