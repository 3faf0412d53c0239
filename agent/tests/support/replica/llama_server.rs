//! Owns the replica of llama.cpp's server, build 11434, as recorded, for tests that have no such program.
//! Must not know other servers.

use super::ask::{Break, CREATED, Prompt, Request, Script, quoted};
use super::out::Out;
use super::{Condition, Server, State};
use serde_json::{Value, json};
use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

#[derive(Clone)]
pub struct LlamaServer {
    pub model: String,
    /// Tokens of each slot.
    pub context: u32,
    pub slots: u32,
}

impl Default for LlamaServer {
    fn default() -> Self {
        Self { model: "tiny".into(), context: 512, slots: 2 }
    }
}

const ID: &str = "chatcmpl-FZMpavOVHocHrrbsA6FZwN8pVonzZzzV";

impl Server for LlamaServer {
    fn answer(&self, request: &Request, state: &State, out: &mut Out) -> io::Result<()> {
        if state.condition() == Condition::Loading {
            // The socket opens before the model is there.
            let body = r#"{"error":{"message":"Loading model","type":"unavailable_error","code":503}}"#;
            return json_answer(out, "503 Service Unavailable", body);
        }
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/health") => json_answer(out, "200 OK", r#"{"status":"ok"}"#),
            ("GET", "/props") => {
                let props = json!({"default_generation_settings": {"params": {}, "n_ctx": self.context},
                    "total_slots": self.slots, "model_alias": self.model, "build_info": "b0-unknown"});
                json_answer(out, "200 OK", &props.to_string())
            }
            ("GET", "/v1/models") => {
                let list = json!({"object": "list", "data": [{"id": self.model, "object": "model",
                    "owned_by": "llamacpp", "meta": {"n_ctx": self.context}}]});
                json_answer(out, "200 OK", &list.to_string())
            }
            ("GET", "/metrics") => {
                let text = self.metrics(state);
                let head = head("200 OK", "text/plain; version=0.0.4", Some(text.len()), out.closes);
                out.text(&format!("{head}{text}"))
            }
            ("POST", "/tokenize") => {
                let body = request.json().unwrap_or_default();
                let words = body["content"].as_str().unwrap_or_default().split_whitespace().count() as u32;
                json_answer(out, "200 OK", &json!({"tokens": (5_000..5_000 + words).collect::<Vec<u32>>()}).to_string())
            }
            ("POST", "/v1/completions" | "/v1/chat/completions") => self.answer_and_close(request, state, out),
            _ => {
                let body = r#"{"error":{"message":"File Not Found","type":"not_found_error","code":404}}"#;
                json_answer(out, "404 Not Found", body)
            }
        }
    }
}

fn head(status: &str, kind: &str, length: Option<usize>, closes: bool) -> String {
    let (buffer, length) = match length {
        Some(length) => ("", format!("Content-Length: {length}")),
        None => ("X-Accel-Buffering: no\r\n", "Transfer-Encoding: chunked".to_owned()),
    };
    let close = if closes { "Connection: close\r\n" } else { "Keep-Alive: timeout=5, max=100\r\n" };
    format!(
        "HTTP/1.1 {status}\r\nServer: llama.cpp\r\nAccess-Control-Allow-Origin: \r\n{buffer}Content-Type: {kind}\r\n\
         {length}\r\n{close}\r\n"
    )
}

fn json_answer(out: &mut Out, status: &str, body: &str) -> io::Result<()> {
    let head = head(status, "application/json; charset=utf-8", Some(body.len()), out.closes);
    out.text(&format!("{head}{body}"))
}

impl LlamaServer {
    fn metrics(&self, state: &State) -> String {
        let prompts = state.prompts_total.load(Ordering::SeqCst);
        let outputs = state.outputs_total.load(Ordering::SeqCst);
        [("prompt_tokens_total", prompts), ("prompt_tokens_cached_total", 0), ("tokens_predicted_total", outputs)]
            .iter()
            .map(|(name, value)| format!("# TYPE llamacpp:{name} counter\nllamacpp:{name} {value}\n"))
            .collect()
    }

    /// The answer, after which a stream's connection is closed whatever the head has promised. A little later than the real
    /// server does it, so that a request that follows at once is lost every time.
    fn answer_and_close(&self, request: &Request, state: &State, out: &mut Out) -> io::Result<()> {
        self.complete(request, state, out)?;
        if !out.closes {
            std::thread::sleep(Duration::from_millis(20));
            out.closes = true;
        }
        Ok(())
    }

    /// Any model's name is taken, and slots that are full let requests wait without a limit.
    fn complete(&self, request: &Request, state: &State, out: &mut Out) -> io::Result<()> {
        let body = request.json().unwrap_or_default();
        let (prompt, context) = (Prompt::of(&body), self.context);
        let tokens = prompt.tokens(state);
        if tokens >= context {
            let body = format!(
                r#"{{"error":{{"code":400,"message":"request ({tokens} tokens) exceeds the available context size ({context} tokens), try increasing it","type":"exceed_context_size_error","n_prompt_tokens":{tokens},"n_ctx":{context}}}}}"#
            );
            return json_answer(out, "400 Bad Request", &body);
        }
        // What does not fit is cut, without a word.
        let asked = body["max_tokens"].as_u64().map_or(u32::MAX, |asked| asked as u32).min(context - tokens);
        state.prompts_total.fetch_add(tokens.into(), Ordering::SeqCst);
        out.text(&head("200 OK", "text/event-stream", None, out.closes))?;
        self.stream(&body, &prompt, (tokens, asked), request.path == "/v1/chat/completions", state, out)
    }

    fn stream(
        &self,
        body: &Value,
        prompt: &Prompt,
        (tokens, asked): (u32, u32),
        is_chat: bool,
        state: &State,
        out: &mut Out,
    ) -> io::Result<()> {
        let (mut made, mut reason) = (0, "length");
        // The role travels with the first token.
        let mut first =
            if is_chat { self.chat(r#"{"role":"assistant","content":null}"#, None, "") } else { String::new() };
        let broken = Script::of(prompt, asked).play(state, body["ignore_eos"] == true, |token| {
            made = token.index;
            if token.is_eos {
                reason = "stop";
                return Ok(());
            }
            // A part of a character is held back.
            if token.text.is_empty() {
                return Ok(());
            }
            let event = if is_chat {
                self.chat(&format!("{{\"content\":{}}}", quoted(token.text)), None, "")
            } else {
                self.completion(token.text, None)
            };
            out.chunk(&format!("{}{event}", std::mem::take(&mut first)))
        })?;
        match broken {
            Some(Break::Lost) => {
                out.closes = true;
                return Ok(());
            }
            Some(Break::Failed | Break::Dead) => {
                // Without `[DONE]`.
                out.chunk(
                    "data: {\"error\":{\"code\":500,\"message\":\"Compute error.\",\"type\":\"server_error\"}}\n\n",
                )?;
                return out.end();
            }
            None => {}
        }
        let total = tokens + made;
        let usage = format!(
            r#","usage":{{"completion_tokens":{made},"prompt_tokens":{tokens},"total_tokens":{total},"prompt_tokens_details":{{"cached_tokens":0}}}}"#
        );
        let timings = format!(
            r#","timings":{{"cache_n":0,"prompt_n":{tokens},"prompt_ms":2.201,"prompt_per_token_ms":0.18,"prompt_per_second":5452.0,"predicted_n":{made},"predicted_ms":2.332,"predicted_per_token_ms":0.77,"predicted_per_second":1286.4}}"#
        );
        let with_usage = body["stream_options"]["include_usage"] == true;
        let last = match (is_chat, with_usage) {
            (true, true) => {
                let usage = self.chat_event("", &format!("{usage}{timings}"));
                format!("{}{usage}", self.chat("{}", Some(reason), ""))
            }
            (true, false) => self.chat("{}", Some(reason), &timings),
            (false, _) => self.completion("", Some((reason, &usage, &timings))),
        };
        out.chunk(&last)?;
        out.chunk("data: [DONE]\n\n")?;
        out.end()
    }

    /// The usage stands on the last chunk, asked for or not, and the chunk has a choice.
    fn completion(&self, text: &str, end: Option<(&str, &str, &str)>) -> String {
        let (text, model) = (quoted(text), quoted(&self.model));
        let (reason, usage, timings) = end.unwrap_or_default();
        let reason = if reason.is_empty() { "null".to_owned() } else { quoted(reason) };
        format!(
            "data: {{\"choices\":[{{\"text\":{text},\"index\":0,\"logprobs\":null,\"finish_reason\":{reason}}}],\
             \"created\":{CREATED},\"model\":{model},\"system_fingerprint\":\"b0-unknown\",\
             \"object\":\"text_completion\"{usage},\"id\":\"{ID}\"{timings}}}\n\n"
        )
    }

    fn chat(&self, delta: &str, reason: Option<&str>, more: &str) -> String {
        let reason = reason.map_or("null".to_owned(), quoted);
        self.chat_event(&format!(r#"{{"finish_reason":{reason},"index":0,"delta":{delta}}}"#), more)
    }

    fn chat_event(&self, choice: &str, more: &str) -> String {
        let model = quoted(&self.model);
        format!(
            "data: {{\"choices\":[{choice}],\"created\":{CREATED},\"id\":\"{ID}\",\"model\":{model},\
             \"system_fingerprint\":\"b0-unknown\",\"object\":\"chat.completion.chunk\"{more}}}\n\n"
        )
    }
}
