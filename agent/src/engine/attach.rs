//! Owns the way to a server that runs already: what it is, which model, what it accepts, and one generated token.
//! Must not know load or runs.

use super::cache::PrefixCounters;
use super::request::{Ask, Extras, Prompt, RequestShape};
use super::{Engine, EngineError};
use crate::load::Target;
use crate::stream::{Decoder, Protocol, StreamSummary};
use reqwest::{Client, RequestBuilder, StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use shared::caveat::Caveat;
use shared::event::EngineInfo;
use shared::plan::{EngineKind, Plan};
use std::time::Duration;

/// Longest answer to a probe, bytes.
const MAX_ANSWER_BYTES: usize = 1 << 20;
/// How long a plain answer may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);
/// How long a generated token may take: a server may load its model first.
const GENERATION_LIMIT: Duration = Duration::from_secs(120);
/// Name of the environment variable with an API key for attached servers; a key never stands in a plan.
const API_KEY_VARIABLE: &str = "TOKENPRISM_API_KEY";

/// A probe of one server.
#[derive(Clone)]
pub(super) struct Probe {
    client: Client,
    base: Url,
    headers: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct Models {
    data: Vec<Model>,
}

#[derive(Deserialize)]
struct Model {
    id: String,
    max_model_len: Option<u32>,
}

#[derive(Deserialize)]
struct Version {
    version: String,
}

#[derive(Deserialize)]
struct Info {
    model_id: String,
    version: Option<String>,
    max_total_tokens: Option<u32>,
}

/// Attaches the plan's server.
pub(super) async fn attach(plan: &Plan) -> Result<Engine, EngineError> {
    let protocol = match plan.engine.kind {
        EngineKind::OpenaiChat => Protocol::OpenAiChat,
        EngineKind::GenerateStream => Protocol::TgiGenerateStream,
        EngineKind::OpenaiCompletions | EngineKind::Builtin => Protocol::OpenAiCompletions,
    };
    let probe = Probe::new(plan.engine.url.as_deref().unwrap_or_default())?;
    let mut engine = probe.identify(protocol, plan.engine.model.as_deref(), plan.engine.kind.label()).await?;
    engine.vocabulary = probe.vocabulary(&engine.shape).await;
    if is_loopback(&probe.base) {
        engine.caveats.push(Caveat::SharedCores);
    }
    Ok(engine)
}

fn is_loopback(url: &Url) -> bool {
    matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"))
}

impl Probe {
    /// A probe with the headers that load will carry too.
    pub(super) fn new(url: &str) -> Result<Self, EngineError> {
        let bad = |reason: &str| EngineError::Url { url: url.to_owned(), reason: reason.to_owned() };
        let base = Url::parse(url.trim_end_matches('/')).map_err(|e| bad(&e.to_string()))?;
        let client = Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|e| bad(&e.to_string()))?;
        let headers = std::env::var(API_KEY_VARIABLE).ok().map(|key| ("authorization".into(), format!("Bearer {key}")));
        Ok(Self { client, base, headers: headers.into_iter().collect() })
    }

    /// Finds out model and abilities, then has one token generated.
    pub(super) async fn identify(
        &self,
        protocol: Protocol,
        model: Option<&str>,
        label: &str,
    ) -> Result<Engine, EngineError> {
        let (model, version, context_tokens) = match protocol {
            Protocol::TgiGenerateStream => {
                let info: Info = self.get("/info").await?;
                if let Some(wanted) = model.filter(|wanted| *wanted != info.model_id) {
                    return Err(self.unknown_model(wanted, &info.model_id));
                }
                (info.model_id, info.version, info.max_total_tokens)
            }
            Protocol::OpenAiCompletions | Protocol::OpenAiChat => {
                let models: Models = self.get("/v1/models").await?;
                let listed = || models.data.iter().map(|m| m.id.as_str()).collect::<Vec<_>>().join(", ");
                let found = match model {
                    Some(wanted) => models.data.iter().find(|m| m.id == wanted),
                    None => models.data.first(),
                };
                let found = found.ok_or_else(|| self.unknown_model(model.unwrap_or("any"), &listed()))?;
                // Not every server has this route, and none of our numbers depends on it.
                let version = self.get::<Version>("/version").await.ok().map(|v| v.version);
                (found.id.clone(), version, found.max_model_len)
            }
        };
        let shape = self.accepted_shape(protocol, &model).await?;
        let mut caveats = Vec::new();
        if shape.extras < Extras::ForcedLength {
            caveats.push(Caveat::LengthNotForced);
        }
        let info = EngineInfo { label: label.to_owned(), version, model, context_tokens, start_ms: None };
        let prefix_counters = PrefixCounters::find(self).await;
        let target = self.target(protocol)?;
        Ok(Engine { info, target, shape, vocabulary: None, prefix_counters, caveats, child: None })
    }

    /// Tries the extras from most to least until a request is accepted, and reads the token that it generates.
    async fn accepted_shape(&self, protocol: Protocol, model: &str) -> Result<RequestShape, EngineError> {
        let extras: &[Extras] = match protocol {
            Protocol::TgiGenerateStream => &[Extras::None],
            Protocol::OpenAiCompletions | Protocol::OpenAiChat => &Extras::ORDER,
        };
        let mut refusal = None;
        for extras in extras {
            let shape = RequestShape { protocol, model: model.to_owned(), extras: *extras };
            let ask = Ask { prompt: Prompt::Text("Hello".into()), output_tokens: 1, ignore_eos: true };
            match self.generate(&shape, &ask).await {
                Ok(_) => return Ok(shape),
                Err(error @ EngineError::Refused { status: 400 | 422, .. }) => refusal = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(refusal.unwrap_or(EngineError::NoToken { url: self.base.to_string(), reason: "no shape was tried".into() }))
    }

    /// Has a request answered, its stream read to the end; refused where it held no token.
    pub(super) async fn generate(&self, shape: &RequestShape, ask: &Ask) -> Result<StreamSummary, EngineError> {
        let url = self.url(RequestShape::path(shape.protocol));
        let request = self.client.post(url.clone()).header("content-type", "application/json").body(shape.body(ask));
        let bytes = self.send(&url, request, GENERATION_LIMIT).await?;
        let mut decoder = Decoder::new(shape.protocol);
        let mut chunks = 0u32;
        decoder.feed(&bytes, 0, &mut |_| chunks += 1);
        let summary = decoder.finish(0, &mut |_| chunks += 1);
        if let Some(error) = summary.error {
            return Err(EngineError::NoToken { url: self.base.to_string(), reason: error.message });
        }
        let tokens = summary.usage.and_then(|usage| usage.completion_tokens).unwrap_or(0);
        if chunks == 0 && tokens == 0 {
            let reason = summary.malformed.unwrap_or_else(|| "the stream held no output.".into());
            return Err(EngineError::NoToken { url: self.base.to_string(), reason });
        }
        Ok(summary)
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, EngineError> {
        let url = self.url(path);
        self.json(&url, self.client.get(url.clone())).await
    }

    /// The answer to a JSON body.
    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, EngineError> {
        let url = self.url(path);
        self.json(&url, self.client.post(url.clone()).json(body)).await
    }

    /// The text of a page.
    pub(super) async fn text(&self, path: &str, limit: Duration) -> Result<String, EngineError> {
        let url = self.url(path);
        let bytes = self.send(&url, self.client.get(url.clone()), limit).await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
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
            request = request.header(name, value);
        }
        self.answer(url, request.timeout(limit).send().await).await
    }

    /// The body of a good answer, bounded; anything else as a sentence.
    async fn answer(&self, url: &Url, sent: Result<reqwest::Response, reqwest::Error>) -> Result<Vec<u8>, EngineError> {
        let unreachable =
            |e: &reqwest::Error| EngineError::Unreachable { url: self.base.to_string(), reason: cause(e) };
        let mut response = sent.map_err(|e| unreachable(&e))?;
        let status = response.status();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| unreachable(&e))? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > MAX_ANSWER_BYTES {
                let message = format!("more than {MAX_ANSWER_BYTES} bytes, which is not a probe's answer.");
                return Err(EngineError::Refused { url: url.to_string(), status: status.as_u16(), message });
            }
        }
        if status.is_success() {
            return Ok(bytes);
        }
        let said = String::from_utf8_lossy(&bytes).chars().take(300).collect::<String>();
        let message = match status {
            StatusCode::UNAUTHORIZED => format!("it needs an API key: set {API_KEY_VARIABLE} for the agent. {said}"),
            StatusCode::FORBIDDEN => format!("the API key in {API_KEY_VARIABLE} may not use it. {said}"),
            StatusCode::NOT_FOUND => format!("it has no such route; check the engine's kind and URL. {said}"),
            s if s.is_redirection() => "it redirects elsewhere: give the final URL.".to_owned(),
            _ => said,
        };
        Err(EngineError::Refused { url: url.to_string(), status: status.as_u16(), message })
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        url
    }

    fn target(&self, protocol: Protocol) -> Result<Target, EngineError> {
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

    fn unknown_model(&self, wanted: &str, available: &str) -> EngineError {
        EngineError::UnknownModel {
            url: self.base.to_string(),
            wanted: wanted.to_owned(),
            available: if available.is_empty() { "nothing".to_owned() } else { available.to_owned() },
        }
    }
}

/// The innermost cause of a client error, which is the one that helps.
fn cause(error: &reqwest::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(next) = inner.source() {
        inner = next;
    }
    inner.to_string()
}
