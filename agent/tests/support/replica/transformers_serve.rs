//! Owns the replica of `transformers serve` 5.23 with a pinned model, as recorded.
//! Must not know other servers.

use super::ask::{Break, CREATED, Prompt, Request, Script, quoted};
use super::out::{Body, Out};
use super::{Server, State, uvicorn};
use serde_json::Value;
use std::io;
use std::sync::Mutex;

pub struct TransformersServe {
    pub model: String,
    /// The message with which a token fails; it goes into the stream as it is, quotes and all.
    pub failure: &'static str,
    /// The number of the token whose event shares a chunk of the transfer coding with the one before.
    pub together: Option<u32>,
    /// One thread computes, so that requests wait for one another.
    pub thread: Mutex<()>,
}

impl Default for TransformersServe {
    fn default() -> Self {
        let model = "/srv/mymodels/tinymodel".to_owned();
        Self { model, failure: "CUDA out of memory.", together: None, thread: Mutex::default() }
    }
}

const NUMBER: &str = "7a114f00-4687-4c6b-a96e-84e737fd9f06";

/// Fields that it takes, heeded or not; any other is refused.
const FIELDS: [&str; 15] = [
    "model",
    "prompt",
    "messages",
    "stream",
    "stream_options",
    "max_tokens",
    "temperature",
    "top_p",
    "stop",
    "seed",
    "n",
    "logprobs",
    "presence_penalty",
    "frequency_penalty",
    "generation_config",
];

impl Server for TransformersServe {
    fn answer(&self, request: &Request, state: &State, out: &mut Out) -> io::Result<()> {
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/health") => uvicorn::json(out, "200 OK", r#"{"status":"ok"}"#, &number()),
            // It looks into a cache folder that need not be there.
            ("GET", "/v1/models") => {
                let (kind, text) = ("text/plain; charset=utf-8", "Internal Server Error");
                let body = Body::Whole(Some(kind), text.len());
                let head = uvicorn::head("500 Internal Server Error", &body, "", out.closes);
                out.text(&format!("{head}{text}"))
            }
            ("POST", "/v1/completions" | "/v1/chat/completions") => self.complete(request, state, out),
            _ => detail(out, "404 Not Found", "Not Found"),
        }
    }
}

fn number() -> String {
    format!("x-request-id: {NUMBER}\r\n")
}

fn detail(out: &mut Out, status: &str, detail: &str) -> io::Result<()> {
    uvicorn::json(out, status, &format!(r#"{{"detail":{}}}"#, quoted(detail)), &number())
}

impl TransformersServe {
    fn complete(&self, request: &Request, state: &State, out: &mut Out) -> io::Result<()> {
        let Ok(Value::Object(body)) = request.json() else {
            return detail(out, "422 Unprocessable Entity", "There was an error parsing the body");
        };
        let unknown: Vec<String> =
            body.keys().filter(|key| !FIELDS.contains(&key.as_str())).map(|key| format!("'{key}'")).collect();
        if !unknown.is_empty() {
            let sentence = format!("Unexpected fields in the request: {{{}}}", unknown.join(", "));
            return detail(out, "422 Unprocessable Entity", &sentence);
        }
        let body = Value::Object(body);
        if let Some(wanted) = body["model"].as_str().filter(|wanted| *wanted != self.model) {
            let sentence = format!("Server is pinned to '{}'; requested '{wanted}'.", self.model);
            return detail(out, "400 Bad Request", &sentence);
        }
        let is_chat = request.path == "/v1/chat/completions";
        if !is_chat && !body["prompt"].is_string() {
            return detail(out, "400 Bad Request", "prompt must be a string.");
        }
        let _turn = self.thread.lock().unwrap();
        out.text(&uvicorn::head("200 OK", &Body::Stream, &number(), out.closes))?;
        self.stream(&body, is_chat, state, out)
    }

    /// No length is checked: whatever the model's positions, it goes on.
    fn stream(&self, body: &Value, is_chat: bool, state: &State, out: &mut Out) -> io::Result<()> {
        // A text that holds JSON, in place of the model's own configuration.
        let config: Value =
            body["generation_config"].as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let asked = body["max_tokens"].as_u64().or_else(|| config["max_new_tokens"].as_u64()).unwrap_or(1024) as u32;
        let ignores_eos = config["min_new_tokens"].as_u64().is_some_and(|least| least >= u64::from(asked));
        let prompt = Prompt::of(body);
        let tokens = prompt.tokens(state);
        let (mut made, mut reason, mut held) = (0, "length", String::new());
        if is_chat {
            // Before anything is computed.
            out.chunk(&self.event(true, r#""delta":{"role":"assistant"},"index":0"#, ""))?;
        }
        let broken = Script::of(&prompt, asked).play(state, ignores_eos, |token| {
            made = token.index;
            if token.is_eos {
                reason = "stop";
            }
            // A token without text gives no event.
            if token.text.is_empty() || token.is_eos {
                return Ok(());
            }
            let text = quoted(token.text);
            let choice = if is_chat {
                format!(r#""delta":{{"content":{text}}},"index":0"#)
            } else {
                format!(r#""index":0,"text":{text}"#)
            };
            held += &self.event(is_chat, &choice, "");
            if self.together == Some(token.index + 1) {
                return Ok(());
            }
            out.chunk(&std::mem::take(&mut held))
        })?;
        match broken {
            Some(Break::Lost) => {
                out.closes = true;
                return Ok(());
            }
            Some(Break::Failed | Break::Dead) => {
                out.chunk(&format!("data: {{\"error\": \"{}\"}}\n\n", self.failure))?
            }
            None => {
                let total = tokens + made;
                let usage = format!(
                    r#","usage":{{"completion_tokens":{made},"prompt_tokens":{tokens},"total_tokens":{total}}}"#
                );
                let choice = if is_chat {
                    format!(r#""delta":{{}},"index":0,"finish_reason":"{reason}""#)
                } else {
                    format!(r#""finish_reason":"{reason}","index":0,"text":"""#)
                };
                out.chunk(&self.event(is_chat, &choice, &usage))?;
            }
        }
        out.end()
    }

    fn event(&self, is_chat: bool, choice: &str, usage: &str) -> String {
        let object = if is_chat { "chat.completion.chunk" } else { "text_completion" };
        let model = quoted(&format!("{}@main", self.model));
        let print = if is_chat { r#","system_fingerprint":"""# } else { "" };
        format!(
            "data: {{\"id\":\"{NUMBER}\",\"choices\":[{{{choice}}}],\"created\":{CREATED},\"model\":{model},\
             \"object\":\"{object}\"{print}{usage}}}\n\n"
        )
    }
}
