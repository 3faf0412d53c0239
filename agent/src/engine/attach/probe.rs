//! Owns asking a server: its address, the headers that load will carry too, and answers of bounded size.
//! Must not know what is asked for.

use super::loopback;
use super::refusal::{refused, unreachable};
use crate::engine::EngineError;
use crate::engine::request::{Ask, RequestShape};
use crate::load::Target;
use crate::secret::{Redactor, Secret};
use crate::stream::{Decoder, Protocol, StreamSummary};
use http::{HeaderName, HeaderValue};
use reqwest::{Client, RequestBuilder, Response, Url};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;

/// Longest answer to a probe, bytes.
const MAX_ANSWER_BYTES: usize = 1 << 20;
/// How long a plain answer may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);
/// How long a generated token may take: a server may load its model first.
const GENERATION_LIMIT: Duration = Duration::from_secs(120);

/// A probe of one server.
#[derive(Clone)]
pub(in crate::engine) struct Probe {
    client: Client,
    base: Url,
    headers: Vec<(String, Secret)>,
    redactor: Redactor,
}

impl Probe {
    /// A probe of somebody's server, with these headers.
    pub fn new(url: &str, headers: Vec<(String, Secret)>) -> Result<Self, EngineError> {
        for (name, value) in &headers {
            if HeaderName::try_from(name).is_err() || HeaderValue::from_str(value.expose()).is_err() {
                return Err(EngineError::Header(name.clone()));
            }
        }
        let bare = |secret: &Secret| Secret::new(secret.expose().trim_start_matches("Bearer "));
        let redactor = Redactor::of(headers.iter().map(|(_, secret)| bare(secret)));
        Self::with(url, headers, redactor)
    }

    /// A probe of a server that we started.
    pub fn of_ours(url: &str, redactor: Redactor) -> Result<Self, EngineError> {
        Self::with(url, Vec::new(), redactor)
    }

    fn with(url: &str, headers: Vec<(String, Secret)>, redactor: Redactor) -> Result<Self, EngineError> {
        let bad = |reason: &str| EngineError::Url { url: url.to_owned(), reason: reason.to_owned() };
        let base = Url::parse(url.trim_end_matches('/')).map_err(|e| bad(&e.to_string()))?;
        let client = Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .redirect(reqwest::redirect::Policy::none())
            // Not every server keeps a connection that it has promised to keep.
            .pool_max_idle_per_host(0)
            .build()
            .map_err(|e| bad(&e.to_string()))?;
        Ok(Self { client, base, headers, redactor })
    }

    /// The same with connections of its own, for a thread that has its own runtime.
    pub fn apart(&self) -> Result<Self, EngineError> {
        Self::with(self.base.as_str(), self.headers.clone(), self.redactor.clone())
    }

    /// What takes secrets out of a server's words.
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// True where the server is on this host.
    pub fn is_loopback(&self) -> bool {
        loopback::is_loopback(&self.base)
    }

    /// A JSON answer.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, EngineError> {
        let url = self.url(path);
        self.json(&url, self.client.get(url.clone())).await
    }

    /// The answer to a JSON body.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, EngineError> {
        let url = self.url(path);
        self.json(&url, self.client.post(url.clone()).json(body)).await
    }

    /// The text of a page.
    pub async fn text(&self, path: &str, limit: Duration) -> Result<String, EngineError> {
        let url = self.url(path);
        let bytes = self.send(&url, self.client.get(url.clone()), limit).await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Has a request answered, its stream read to the end; refused where it held no token.
    pub async fn generate(&self, shape: &RequestShape, ask: &Ask) -> Result<StreamSummary, EngineError> {
        let url = self.url(RequestShape::path(shape.protocol));
        let request = self.client.post(url.clone()).header("content-type", "application/json").body(shape.body(ask));
        let bytes = self.send(&url, request, GENERATION_LIMIT).await?;
        let mut decoder = Decoder::new(shape.protocol);
        let mut chunks = 0u32;
        decoder.feed(&bytes, 0, &mut |_| chunks += 1);
        let summary = decoder.finish(0, &mut |_| chunks += 1);
        if let Some(error) = summary.error {
            return Err(self.no_token(self.redactor.redact(&error.message).into_owned()));
        }
        let tokens = summary.usage.and_then(|usage| usage.completion_tokens).unwrap_or(0);
        if chunks == 0 && tokens == 0 {
            let reason = summary.malformed.unwrap_or_else(|| "the stream held no output.".into());
            return Err(self.no_token(self.redactor.redact(&reason).into_owned()));
        }
        Ok(summary)
    }

    /// Where load goes.
    pub fn target(&self, protocol: Protocol) -> Result<Target, EngineError> {
        let bad = |reason: &str| EngineError::Url { url: self.base.to_string(), reason: reason.to_owned() };
        Ok(Target {
            tls: self.base.scheme() == "https",
            host: self.base.host_str().ok_or_else(|| bad("it names no host"))?.trim_matches(['[', ']']).to_owned(),
            port: self.base.port_or_known_default().ok_or_else(|| bad("it names no port"))?,
            path: self.url(RequestShape::path(protocol)).path().to_owned(),
            headers: self.headers.clone(),
            protocol,
        })
    }

    pub fn unknown_model(&self, wanted: &str, available: &str) -> EngineError {
        EngineError::UnknownModel {
            url: self.base.to_string(),
            wanted: wanted.to_owned(),
            available: if available.is_empty() { "nothing".to_owned() } else { available.to_owned() },
        }
    }

    pub fn no_token(&self, reason: String) -> EngineError {
        EngineError::NoToken { url: self.base.to_string(), reason }
    }

    async fn json<T: DeserializeOwned>(&self, url: &Url, request: RequestBuilder) -> Result<T, EngineError> {
        let bytes = self.send(url, request, ANSWER_LIMIT).await?;
        serde_json::from_slice(&bytes).map_err(|error| EngineError::Refused {
            url: url.to_string(),
            status: 200,
            message: format!("an answer that an engine would not give ({error}). Is another service on this port?"),
        })
    }

    async fn send(&self, url: &Url, mut request: RequestBuilder, limit: Duration) -> Result<Vec<u8>, EngineError> {
        for (name, value) in &self.headers {
            request = request.header(name, value.expose());
        }
        match request.timeout(limit).send().await {
            Ok(response) => self.answer(url, response).await,
            Err(error) => {
                let elsewhere = if error.is_connect() { loopback::elsewhere(&self.base).await } else { None };
                Err(unreachable(&self.base, &error, elsewhere))
            }
        }
    }

    /// The body of a good answer, bounded; anything else as a sentence.
    async fn answer(&self, url: &Url, mut response: Response) -> Result<Vec<u8>, EngineError> {
        let status = response.status();
        let location = response.headers().get("location").and_then(|to| to.to_str().ok()).map(str::to_owned);
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| unreachable(&self.base, &e, None))? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > MAX_ANSWER_BYTES {
                let message = format!("more than {MAX_ANSWER_BYTES} bytes, which is not a probe's answer.");
                return Err(EngineError::Refused { url: url.to_string(), status: status.as_u16(), message });
            }
        }
        if status.is_success() {
            return Ok(bytes);
        }
        let said = String::from_utf8_lossy(&bytes);
        Err(refused(url, status, &self.redactor.redact(&said), location.as_deref(), !self.headers.is_empty()))
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        url
    }
}
