//! Owns how a request for work is written in each protocol, and how equal work is asked for.
//! Must not know sockets or prompts' origin.

use crate::stream::Protocol;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// What a request says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// Text.
    Text(String),
    /// Token ids, for engines that take them: exact lengths.
    TokenIds(Vec<u32>),
    /// A conversation up to now; one text where the protocol has no messages, which grows from turn to turn.
    Messages(Vec<Message>),
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who says it.
    pub role: Role,
    /// The text.
    pub content: String,
}

/// Who says a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Instructions before the conversation.
    System,
    /// The one who asks.
    User,
    /// The model.
    Assistant,
}

/// Between two messages of a conversation that is sent as one text.
const BETWEEN_MESSAGES: &str = "\n\n";

/// One request's work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The prompt.
    pub prompt: Prompt,
    /// Tokens asked for.
    pub output_tokens: u32,
    /// Go on past the end-of-sequence token.
    pub ignore_eos: bool,
}

/// How much beyond the plain protocol a server accepts, found out by its probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Extras {
    /// Only what the protocol defines; the length cannot be forced.
    None,
    /// `generation_config`, a JSON text that says how many tokens at least; all else that is unknown is refused.
    GenerationConfig,
    /// `ignore_eos`.
    ForcedLength,
    /// `ignore_eos` and token ids for each chunk.
    TokenIds,
}

impl Extras {
    /// From most to least, the order in which a probe tries them.
    pub const ORDER: [Extras; 4] = [Extras::TokenIds, Extras::ForcedLength, Extras::GenerationConfig, Extras::None];

    /// True where a length can be forced.
    #[must_use]
    pub fn force_length(self) -> bool {
        self != Extras::None
    }
}

/// How requests are written for one engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestShape {
    /// The protocol.
    pub protocol: Protocol,
    /// The model's id.
    pub model: String,
    /// What it accepts.
    pub extras: Extras,
    /// The server may begin with what it kept of earlier prompts; else it is told not to, where it takes that.
    pub keeps_prompts: bool,
}

impl RequestShape {
    /// The request's path.
    #[must_use]
    pub fn path(protocol: Protocol) -> &'static str {
        match protocol {
            Protocol::OpenAiCompletions => "/v1/completions",
            Protocol::OpenAiChat => "/v1/chat/completions",
            Protocol::TgiGenerateStream => "/generate_stream",
        }
    }

    /// The request's body.
    #[must_use]
    pub fn body(&self, ask: &Ask) -> Bytes {
        let body = match self.protocol {
            Protocol::TgiGenerateStream => {
                // This server has no way to force a length: the run carries the caveat.
                let parameters = json!({"max_new_tokens": ask.output_tokens, "do_sample": false, "details": true});
                json!({"inputs": prompt(&ask.prompt), "parameters": parameters})
            }
            Protocol::OpenAiCompletions => {
                let mut body = self.openai(ask);
                body.insert("prompt".into(), prompt(&ask.prompt));
                Value::Object(body)
            }
            Protocol::OpenAiChat => {
                let mut body = self.openai(ask);
                let messages = match &ask.prompt {
                    Prompt::Messages(messages) => json!(messages),
                    one => json!([{"role": Role::User, "content": prompt(one)}]),
                };
                body.insert("messages".into(), messages);
                Value::Object(body)
            }
        };
        Bytes::from(body.to_string())
    }

    fn openai(&self, ask: &Ask) -> Map<String, Value> {
        let mut body = Map::new();
        body.insert("model".into(), json!(self.model));
        body.insert("max_tokens".into(), json!(ask.output_tokens));
        // Without it some servers sample with the model's own defaults.
        body.insert("temperature".into(), json!(0));
        body.insert("stream".into(), json!(true));
        body.insert("stream_options".into(), json!({"include_usage": true}));
        if self.extras == Extras::GenerationConfig && ask.ignore_eos {
            let n = ask.output_tokens;
            let config = json!({"max_new_tokens": n, "min_new_tokens": n, "do_sample": false});
            body.insert("generation_config".into(), json!(config.to_string()));
        }
        if !self.keeps_prompts {
            body.insert("cache_prompt".into(), json!(false));
        }
        if self.extras >= Extras::ForcedLength && ask.ignore_eos {
            body.insert("ignore_eos".into(), json!(true));
        }
        if self.extras >= Extras::TokenIds {
            body.insert("return_token_ids".into(), json!(true));
        }
        body
    }
}

fn prompt(prompt: &Prompt) -> Value {
    match prompt {
        Prompt::Text(text) => json!(text),
        Prompt::TokenIds(ids) => json!(ids),
        Prompt::Messages(messages) => {
            let said: Vec<&str> = messages.iter().map(|message| message.content.as_str()).collect();
            json!(said.join(BETWEEN_MESSAGES))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(protocol: Protocol, extras: Extras, prompt: Prompt) -> Value {
        let shape = RequestShape { protocol, model: "m".into(), extras, keeps_prompts: true };
        serde_json::from_slice(&shape.body(&Ask { prompt, output_tokens: 7, ignore_eos: true })).unwrap()
    }

    fn check(protocol: Protocol, extras: Extras, expect: Value) {
        assert_eq!(body(protocol, extras, Prompt::Text("hi".into())), expect);
    }

    #[test]
    fn a_conversation_is_messages_in_a_chat_and_else_one_text_that_grows() {
        let said = [(Role::System, "Be brief."), (Role::User, "Why?"), (Role::Assistant, "So."), (Role::User, "Oh.")];
        let messages = |n: usize| {
            let said = said[..n].iter().map(|(role, text)| Message { role: *role, content: (*text).to_owned() });
            Prompt::Messages(said.collect())
        };
        let chat = body(Protocol::OpenAiChat, Extras::None, messages(2));
        assert_eq!(
            chat["messages"],
            json!([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}])
        );
        let text = |n| body(Protocol::OpenAiCompletions, Extras::None, messages(n))["prompt"].clone();
        assert_eq!(text(2), "Be brief.\n\nWhy?");
        assert_eq!(text(4), "Be brief.\n\nWhy?\n\nSo.\n\nOh.");
        let native = body(Protocol::TgiGenerateStream, Extras::None, messages(2));
        assert_eq!(native["inputs"], "Be brief.\n\nWhy?");
    }

    #[test]
    fn bodies() {
        check(
            Protocol::OpenAiCompletions,
            Extras::TokenIds,
            json!({"model": "m", "prompt": "hi", "max_tokens": 7, "temperature": 0, "stream": true, "ignore_eos": true,
                   "return_token_ids": true, "stream_options": {"include_usage": true}}),
        );
        check(
            Protocol::OpenAiChat,
            Extras::None,
            json!({"model": "m", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 7, "temperature": 0,
                   "stream": true, "stream_options": {"include_usage": true}}),
        );
        // As a real server of Transformers took it: see the captures.
        check(
            Protocol::OpenAiCompletions,
            Extras::GenerationConfig,
            json!({"model": "m", "prompt": "hi", "max_tokens": 7, "temperature": 0, "stream": true,
                   "stream_options": {"include_usage": true},
                   "generation_config": "{\"do_sample\":false,\"max_new_tokens\":7,\"min_new_tokens\":7}"}),
        );
        check(
            Protocol::TgiGenerateStream,
            Extras::None,
            json!({"inputs": "hi", "parameters": {"max_new_tokens": 7, "do_sample": false, "details": true}}),
        );
    }

    #[test]
    fn a_server_that_keeps_prompts_is_told_not_to() {
        let ask = Ask { prompt: Prompt::Text("hi".into()), output_tokens: 7, ignore_eos: true };
        let told = |keeps_prompts: bool| {
            let extras = Extras::ForcedLength;
            let shape =
                RequestShape { protocol: Protocol::OpenAiCompletions, model: "m".into(), extras, keeps_prompts };
            serde_json::from_slice::<Value>(&shape.body(&ask)).unwrap()["cache_prompt"].clone()
        };
        assert_eq!((told(true), told(false)), (Value::Null, json!(false)));
    }
}
