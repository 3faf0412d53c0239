//! Owns the bytes of answers: vLLM's JSON objects and its stream of events.
//! Must not know how tokens arise.

use serde::Serialize;

use super::error::ApiError;
use super::request::{Route, Work};
use crate::engine::builtin::sample::Ending;
use crate::engine::builtin::token::decode;

/// The fingerprint that ends an answer.
const FINGERPRINT: &str = concat!("tokenprism-builtin-", env!("CARGO_PKG_VERSION"));
/// The last event of every stream.
pub const DONE: &str = "data: [DONE]\n\n";

#[derive(Clone, Copy, Serialize)]
struct Usage {
    prompt_tokens: usize,
    total_tokens: usize,
    completion_tokens: usize,
}

#[derive(Serialize)]
struct Answer<'a, C> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: &'a [C],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_fingerprint: Option<&'static str>,
    /// Chat only; `Some(None)` is written as null.
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_token_ids: Option<Option<&'a [u32]>>,
}

#[derive(Serialize)]
struct TextChoice<'a> {
    index: u32,
    text: &'a str,
    logprobs: Option<()>,
    finish_reason: Option<&'static str>,
    stop_reason: Option<()>,
    prompt_token_ids: Option<&'a [u32]>,
    token_ids: Option<&'a [u32]>,
}

#[derive(Serialize)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    content: &'a str,
}

#[derive(Serialize)]
struct DeltaChoice<'a> {
    index: u32,
    delta: Delta<'a>,
    logprobs: Option<()>,
    finish_reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_reason: Option<Option<()>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_ids: Option<Option<&'a [u32]>>,
}

#[derive(Serialize)]
struct MessageChoice<'a> {
    index: u32,
    message: Delta<'a>,
    logprobs: Option<()>,
    finish_reason: Option<&'static str>,
    stop_reason: Option<()>,
    token_ids: Option<&'a [u32]>,
}

fn reason(ending: Ending) -> &'static str {
    match ending {
        Ending::Stop => "stop",
        Ending::Length => "length",
    }
}

/// Writes one answer, streamed or whole.
pub struct Writer {
    route: Route,
    id: String,
    created_s: u64,
    model: String,
    prompt: Vec<u32>,
    include_usage: bool,
    continuous_usage: bool,
    return_token_ids: bool,
    tokens: Vec<u32>,
}

impl Writer {
    /// A writer for the answer to `work`. `number` makes the id, `created_s` is Unix time in seconds.
    pub fn new(route: Route, work: &Work, model: &str, number: u64, created_s: u64) -> Self {
        let prefix = match route {
            Route::Completions => "cmpl",
            Route::Chat => "chatcmpl",
        };
        Self {
            route,
            id: format!("{prefix}-{number:016x}"),
            created_s,
            model: model.to_owned(),
            prompt: work.row.prompt.clone(),
            include_usage: work.include_usage,
            continuous_usage: work.continuous_usage,
            return_token_ids: work.return_token_ids,
            tokens: Vec::new(),
        }
    }

    /// The events that one token adds to the stream, in order.
    pub fn events(&mut self, token: u32, ending: Option<Ending>) -> Vec<String> {
        let first = self.tokens.is_empty();
        let mut events = Vec::with_capacity(4);
        if first && self.route == Route::Chat {
            // Like vLLM, the role comes with the first token and not before.
            events.push(self.role_event());
        }
        self.tokens.push(token);
        events.push(self.token_event(token, ending, first));
        if ending.is_some() {
            if self.include_usage {
                events.push(self.event::<()>(&[], Some(self.usage()), Some(FINGERPRINT), None));
            }
            events.push(DONE.to_owned());
        }
        events
    }

    /// The whole answer at once.
    pub fn whole(&self, ending: Ending) -> String {
        let text: String = self.tokens.iter().map(|token| decode(*token)).collect();
        let (finish_reason, token_ids) =
            (Some(reason(ending)), self.return_token_ids.then_some(self.tokens.as_slice()));
        let prompt_token_ids = self.return_token_ids.then_some(self.prompt.as_slice());
        let (usage, fingerprint) = (Some(self.usage()), Some(FINGERPRINT));
        match self.route {
            Route::Completions => {
                let choice = TextChoice {
                    index: 0,
                    text: &text,
                    logprobs: None,
                    finish_reason,
                    stop_reason: None,
                    prompt_token_ids,
                    token_ids,
                };
                self.json("text_completion", &[choice], usage, fingerprint, None)
            }
            Route::Chat => {
                let message = Delta { role: Some("assistant"), content: &text };
                let choice =
                    MessageChoice { index: 0, message, logprobs: None, finish_reason, stop_reason: None, token_ids };
                self.json("chat.completion", &[choice], usage, fingerprint, Some(prompt_token_ids))
            }
        }
    }

    /// Takes a token for [`Writer::whole`].
    pub fn push(&mut self, token: u32) {
        self.tokens.push(token);
    }

    fn role_event(&self) -> String {
        let delta = Delta { role: Some("assistant"), content: "" };
        let choice =
            DeltaChoice { index: 0, delta, logprobs: None, finish_reason: None, stop_reason: None, token_ids: None };
        let prompt = self.return_token_ids.then_some(self.prompt.as_slice());
        self.event(&[choice], self.running_usage(), None, Some(prompt))
    }

    fn token_event(&self, token: u32, ending: Option<Ending>, first: bool) -> String {
        let ids = [token];
        let token_ids = self.return_token_ids.then_some(ids.as_slice());
        let finish_reason = ending.map(reason);
        match self.route {
            Route::Completions => {
                let choice = TextChoice {
                    index: 0,
                    text: decode(token),
                    logprobs: None,
                    finish_reason,
                    stop_reason: None,
                    prompt_token_ids: (first && self.return_token_ids).then_some(self.prompt.as_slice()),
                    token_ids,
                };
                self.event(&[choice], self.running_usage(), None, None)
            }
            Route::Chat => {
                let choice = DeltaChoice {
                    index: 0,
                    delta: Delta { role: None, content: decode(token) },
                    logprobs: None,
                    finish_reason,
                    stop_reason: ending.map(|_| None),
                    token_ids: Some(token_ids),
                };
                // Without a usage chunk to come, vLLM's last chat chunk carries the fingerprint.
                let fingerprint = (ending.is_some() && !self.include_usage).then_some(FINGERPRINT);
                self.event(&[choice], self.running_usage(), fingerprint, None)
            }
        }
    }

    fn usage(&self) -> Usage {
        let (prompt_tokens, completion_tokens) = (self.prompt.len(), self.tokens.len());
        Usage { prompt_tokens, total_tokens: prompt_tokens + completion_tokens, completion_tokens }
    }

    fn running_usage(&self) -> Option<Usage> {
        self.continuous_usage.then(|| self.usage())
    }

    fn event<C: Serialize>(
        &self,
        choices: &[C],
        usage: Option<Usage>,
        fingerprint: Option<&'static str>,
        prompt_token_ids: Option<Option<&[u32]>>,
    ) -> String {
        let object = match self.route {
            Route::Completions => "text_completion",
            Route::Chat => "chat.completion.chunk",
        };
        format!("data: {}\n\n", self.json(object, choices, usage, fingerprint, prompt_token_ids))
    }

    fn json<C: Serialize>(
        &self,
        object: &'static str,
        choices: &[C],
        usage: Option<Usage>,
        system_fingerprint: Option<&'static str>,
        prompt_token_ids: Option<Option<&[u32]>>,
    ) -> String {
        let (id, created, model) = (self.id.as_str(), self.created_s, self.model.as_str());
        let answer = Answer { id, object, created, model, choices, usage, system_fingerprint, prompt_token_ids };
        // Plain structs of numbers and texts always serialise.
        serde_json::to_string(&answer).unwrap_or_default()
    }
}

/// The events that end a stream whose engine failed: an error and the end, as vLLM sends them.
pub fn failure_events() -> [String; 2] {
    [format!("data: {}\n\n", ApiError::engine_dead().to_json()), DONE.to_owned()]
}

#[cfg(test)]
mod tests;
