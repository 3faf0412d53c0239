//! Owns how another program talks to a serving agent: the API over HTTP and a run over the socket.
//! Must not know what is done with what it says.

use crate::find::Asked;
use anyhow::{Context, bail};
use futures_util::{SinkExt, StreamExt, TryStreamExt};
use reqwest::StatusCode;
use serde::Deserialize;
use shared::history::{BinRow, Done, Marked};
use shared::ids::{RequestId, RunId, StudyId, TokenId};
use shared::people::{NewToken, Role, Side, TokenRow};
use shared::plan::Plan;
use shared::queue::{Change, QueueNow};
use shared::study::{StudyPlan, StudyView};
use shared::view::RunView;
use shared::wire::{
    ApiError, ClientMessage, ImportReport, PROTOCOL_VERSION, PointDistribution, RequestTimeline, RunRow, ServerMessage,
};
use std::path::PathBuf;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use tokio_util::io::ReaderStream;

const ENDED: &str = "the connection to the agent ended before the end of the run: see whether the agent still serves, and \
    follow the run again with watch";

/// A serving agent.
#[derive(Clone)]
pub struct Agent {
    url: String,
    token: Option<String>,
    http: reqwest::Client,
}

#[derive(Deserialize)]
struct Created {
    run: RunId,
}

#[derive(Deserialize)]
struct Begun {
    study: StudyId,
}

#[derive(Deserialize)]
struct Checked {
    estimate_words: String,
}

impl Agent {
    /// An agent by its base URL.
    ///
    /// # Errors
    /// Where the HTTP client cannot be made.
    pub fn new(url: &str, token: Option<String>) -> anyhow::Result<Self> {
        Ok(Self { url: url.trim_end_matches('/').to_owned(), token, http: reqwest::Client::builder().build()? })
    }

    /// Its base URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Hands in a plan.
    ///
    /// # Errors
    /// The agent's own sentence.
    pub async fn submit(&self, plan: &Plan) -> anyhow::Result<RunId> {
        let created: Created = self.post("/api/v1/runs", serde_json::to_string(plan)?).await?.json().await?;
        Ok(created.run)
    }

    /// Resumes a run.
    ///
    /// # Errors
    /// The agent's own sentence.
    pub async fn resume(&self, run: &RunId) -> anyhow::Result<()> {
        self.post(&format!("/api/v1/runs/{run}/resume"), String::new()).await?;
        Ok(())
    }

    /// Hands files in, each by its name and where it is; one is read at a time.
    ///
    /// # Errors
    /// The agent's own sentence, or where a file can no longer be read.
    pub async fn import(&self, files: Vec<(String, PathBuf)>) -> anyhow::Result<ImportReport> {
        let mut form = reqwest::multipart::Form::new();
        for (name, path) in files {
            // Opened when its turn comes, so that no more than one is, and read in parts.
            let opened = futures_util::stream::once(async move { tokio::fs::File::open(path).await });
            let bytes = opened.map_ok(ReaderStream::new).try_flatten();
            let part = reqwest::multipart::Part::stream(reqwest::Body::wrap_stream(bytes)).file_name(name);
            form = form.part("file", part);
        }
        let request = self.http.post(format!("{}/api/v1/imports", self.url)).multipart(form);
        Ok(self.answer(request).await?.json().await?)
    }

    /// What the agent exports of one of its `runs` or `studies`, its bytes yet to come.
    ///
    /// # Errors
    /// The agent's own sentence.
    pub async fn export(&self, kind: &str, id: &str, format: &str) -> anyhow::Result<reqwest::Response> {
        self.answer(self.http.get(format!("{}/api/v1/{kind}/{id}/export?format={format}", self.url))).await
    }

    /// Cancels a run.
    ///
    /// # Errors
    /// The agent's own sentence.
    pub async fn cancel(&self, run: &RunId) -> anyhow::Result<()> {
        self.post(&format!("/api/v1/runs/{run}/cancel"), String::new()).await?;
        Ok(())
    }

    /// A run as the API shows it now.
    ///
    /// # Errors
    /// The agent's own sentence.
    pub async fn view(&self, run: &RunId) -> anyhow::Result<RunView> {
        let request = self.http.get(format!("{}/api/v1/runs/{run}", self.url));
        Ok(self.answer(request).await?.json().await?)
    }

    /// The exact distribution of a latency over a point's requests.
    ///
    /// # Errors
    /// The agent's own sentence.
    pub async fn distribution(&self, run: &RunId, point: usize, key: &str) -> anyhow::Result<PointDistribution> {
        let path = format!("/api/v1/runs/{run}/points/{point}/distribution?metric={key}");
        Ok(self.answer(self.http.get(format!("{}{path}", self.url))).await?.json().await?)
    }

    /// One request's timeline.
    ///
    /// # Errors
    /// The agent's own sentence.
    pub async fn request(&self, run: &RunId, id: RequestId) -> anyhow::Result<RequestTimeline> {
        let path = format!("/api/v1/runs/{run}/requests/{id}");
        Ok(self.answer(self.http.get(format!("{}{path}", self.url))).await?.json().await?)
    }

    /// Hands in a study.
    ///
    /// # Errors
    /// The agent's own sentence.
    pub async fn begin_study(&self, plan: &StudyPlan) -> anyhow::Result<StudyId> {
        let begun: Begun = self.post("/api/v1/studies", serde_json::to_string(plan)?).await?.json().await?;
        Ok(begun.study)
    }

    /// A study as the API shows it now.
    ///
    /// # Errors
    /// The agent's own sentence.
    pub async fn study(&self, study: &StudyId) -> anyhow::Result<StudyView> {
        let request = self.http.get(format!("{}/api/v1/studies/{study}", self.url));
        Ok(self.answer(request).await?.json().await?)
    }

    /// How long a study would take, as a sentence.
    ///
    /// # Errors
    /// The agent's own sentence.
    pub async fn estimate(&self, plan: &StudyPlan) -> anyhow::Result<String> {
        let checked = self.post("/api/v1/studies/check", serde_json::to_string(plan)?).await?;
        Ok(checked.json::<Checked>().await?.estimate_words)
    }

    /// Cancels what is left of a study.
    ///
    /// # Errors
    /// The agent's own sentence.
    pub async fn cancel_study(&self, study: &StudyId) -> anyhow::Result<()> {
        self.post(&format!("/api/v1/studies/{study}/cancel"), String::new()).await?;
        Ok(())
    }

    /// Makes a token with a name.
    ///
    /// # Errors
    /// The agent's own sentence.
    pub async fn create_token(&self, name: &str, role: Role, days: Option<u32>) -> anyhow::Result<NewToken> {
        let wanted = serde_json::json!({ "name": name, "role": role, "days": days });
        Ok(self.post("/api/v1/tokens", wanted.to_string()).await?.json().await?)
    }

    /// Tokens that were not revoked.
    ///
    /// # Errors
    /// The agent's own sentence.
    pub async fn tokens(&self) -> anyhow::Result<Vec<TokenRow>> {
        Ok(self.answer(self.http.get(format!("{}/api/v1/tokens", self.url))).await?.json().await?)
    }

    /// Revokes a token.
    ///
    /// # Errors
    /// The agent's own sentence.
    pub async fn revoke_token(&self, token: &TokenId) -> anyhow::Result<()> {
        self.answer(self.http.delete(format!("{}/api/v1/tokens/{token}", self.url))).await?;
        Ok(())
    }

    /// What runs and what waits.
    ///
    /// # Errors
    /// The agent's own sentence.
    pub async fn queue(&self) -> anyhow::Result<QueueNow> {
        Ok(self.answer(self.http.get(format!("{}/api/v1/queue", self.url))).await?.json().await?)
    }

    /// Pauses the queue, or lets it go on.
    ///
    /// # Errors
    /// The agent's own sentence.
    pub async fn pause_queue(&self, paused: bool) -> anyhow::Result<()> {
        self.put("/api/v1/queue", &serde_json::json!({ "paused": paused })).await
    }

    /// Changes where a run that waits stands, or whether it is held back.
    ///
    /// # Errors
    /// The agent's own sentence.
    pub async fn change_place(&self, run: &RunId, change: &Change) -> anyhow::Result<()> {
        self.put(&format!("/api/v1/queue/{run}"), &serde_json::json!(change)).await
    }

    /// Has the plan of a run that has ended taken once more.
    ///
    /// # Errors
    /// The agent's own sentence.
    pub async fn retry(&self, run: &RunId) -> anyhow::Result<RunId> {
        let created: Created = self.post(&format!("/api/v1/runs/{run}/retry"), String::new()).await?.json().await?;
        Ok(created.run)
    }

    async fn put(&self, path: &str, body: &serde_json::Value) -> anyhow::Result<()> {
        self.answer(self.http.put(format!("{}{path}", self.url)).json(body)).await?;
        Ok(())
    }

    /// Runs that are found.
    ///
    /// # Errors
    /// The agent's own sentence.
    pub async fn find_runs(&self, asked: &Asked) -> anyhow::Result<Vec<RunRow>> {
        let request = self.http.get(format!("{}/api/v1/runs", self.url)).query(asked);
        Ok(self.answer(request).await?.json().await?)
    }

    /// Does something to runs and studies: `what` is the last part of the route, `wanted` its body.
    ///
    /// # Errors
    /// The agent's own sentence.
    pub async fn of_history(&self, what: &str, wanted: serde_json::Value) -> anyhow::Result<Done> {
        Ok(self.post(&format!("/api/v1/history/{what}"), wanted.to_string()).await?.json().await?)
    }

    /// What people put on a run or study.
    ///
    /// # Errors
    /// The agent's own sentence.
    pub async fn marked(&self, item: &Side) -> anyhow::Result<Marked> {
        Ok(self.answer(self.http.get(format!("{}/api/v1/history/items/{item}", self.url))).await?.json().await?)
    }

    /// Writes the note of a run or study.
    ///
    /// # Errors
    /// The agent's own sentence.
    pub async fn write_note(&self, item: &Side, text: &str) -> anyhow::Result<()> {
        let request = self.http.put(format!("{}/api/v1/history/items/{item}/note", self.url));
        self.answer(request.body(serde_json::json!({ "text": text }).to_string())).await?;
        Ok(())
    }

    /// What lies in the bin.
    ///
    /// # Errors
    /// The agent's own sentence.
    pub async fn bin(&self) -> anyhow::Result<Vec<BinRow>> {
        Ok(self.answer(self.http.get(format!("{}/api/v1/history/bin", self.url))).await?.json().await?)
    }

    async fn post(&self, path: &str, body: String) -> anyhow::Result<reqwest::Response> {
        let request = self.http.post(format!("{}{path}", self.url)).header("content-type", "application/json");
        self.answer(request.body(body)).await
    }

    async fn answer(&self, mut request: reqwest::RequestBuilder) -> anyhow::Result<reqwest::Response> {
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.with_context(|| format!("no agent answers at {}", self.url))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        if status == StatusCode::UNAUTHORIZED {
            let given = if self.token.is_some() { "the one given is another" } else { "none was given" };
            bail!("the agent at {} needs the token that it printed at its last start; {given}", self.url);
        }
        let error = response.json::<ApiError>().await.map_or_else(|_| status.to_string(), |e| e.error);
        bail!("{error}")
    }

    /// Follows a run over the socket.
    ///
    /// # Errors
    /// Where the socket cannot be opened or the agent speaks another protocol.
    pub async fn follow(&self, run: &RunId) -> anyhow::Result<Follow> {
        Ok(Follow { socket: self.socket(run).await?, view: RunView::default(), bytes: 0, gaps: 0 })
    }

    /// A socket over which the agent tells of a run, for whoever reads its messages in another way.
    ///
    /// # Errors
    /// As [`Agent::follow`].
    pub async fn socket(&self, run: &RunId) -> anyhow::Result<Socket> {
        let url = format!("{}/ws", self.url.replacen("http", "ws", 1));
        let mut request = url.as_str().into_client_request().with_context(|| format!("{url} is not a URL"))?;
        if let Some(token) = &self.token {
            request.headers_mut().insert("authorization", format!("Bearer {token}").parse()?);
        }
        let mut socket = match tokio_tungstenite::connect_async(request).await {
            Ok((socket, _)) => socket,
            Err(error) => {
                // A refused handshake does not say why; the API does.
                self.view(run).await?;
                return Err(error).with_context(|| format!("the agent's socket {url} could not be opened"));
            }
        };
        let follow = ClientMessage::Follow { run: run.clone(), after_seq: None };
        for message in [ClientMessage::Hello { protocol: PROTOCOL_VERSION }, follow] {
            socket.send(Message::Binary(rmp_serde::to_vec_named(&message)?.into())).await?;
        }
        Ok(socket)
    }
}

/// A connection over which the agent sends messages.
pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A run that is followed: each message folded into a view, as in the browser.
pub struct Follow {
    socket: Socket,
    view: RunView,
    bytes: u64,
    gaps: u64,
}

impl Follow {
    /// Bytes of messages that came so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Times that the agent left events out, because this reader was too slow.
    #[must_use]
    pub fn gaps(&self) -> u64 {
        self.gaps
    }

    /// The view after the next message that changes it.
    ///
    /// # Errors
    /// Where the connection ends, or the agent refuses.
    pub async fn next(&mut self) -> anyhow::Result<&RunView> {
        loop {
            let message = self.socket.next().await.context(ENDED)?.context(ENDED)?;
            let Message::Binary(bytes) = message else { continue };
            self.bytes += bytes.len() as u64;
            match rmp_serde::from_slice(&bytes).context("the agent sent a message that this version does not know")? {
                ServerMessage::Hello { protocol, agent_version, .. } if protocol != PROTOCOL_VERSION => bail!(
                    "the agent ({agent_version}) speaks protocol {protocol}, this command {PROTOCOL_VERSION}: use the same version"
                ),
                ServerMessage::Snapshot { view, .. } => {
                    self.view = *view;
                    return Ok(&self.view);
                }
                ServerMessage::Events { events, .. } => {
                    events.iter().for_each(|event| self.view.apply(event));
                    return Ok(&self.view);
                }
                ServerMessage::Refused { sentence } => bail!("{sentence}"),
                ServerMessage::Deleted { run } => bail!("the run {run} was deleted"),
                ServerMessage::Gap { .. } => self.gaps += 1,
                // Nobody asked to hear of engines or of the machine.
                ServerMessage::Hello { .. }
                | ServerMessage::Rows { .. }
                | ServerMessage::Viewers { .. }
                | ServerMessage::Led { .. }
                | ServerMessage::Engines(_)
                | ServerMessage::Machine(_) => {}
            }
        }
    }
}
