//! Owns the replica of SGLang 0.5.23, from its source: no recording of a running server exists, only chat chunks that its
//! own formatter made. Must not know other servers.

use super::ask::{Break, CREATED, Prompt, Request, Script, quoted};
use super::out::{Body, Out};
use super::{Condition, Server, State, uvicorn};
use serde_json::{Value, json};
use std::io;
use std::sync::atomic::Ordering;

#[derive(Clone)]
pub struct Sglang {
    pub model: String,
    pub context: u32,
    /// `--enable-metrics` was given; without it there is no such route.
    pub counts: bool,
    /// `--allow-auto-truncate` was given: what is too long is cut and not refused.
    pub truncates: bool,
}

impl Default for Sglang {
    fn default() -> Self {
        Self { model: "meta-llama/Llama-2-7b-chat-hf".into(), context: 512, counts: true, truncates: false }
    }
}

impl Server for Sglang {
    fn answer(&self, request: &Request, state: &State, out: &mut Out) -> io::Result<()> {
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/health" | "/health_generate" | "/ready") => {
                let warms_up = matches!(state.condition(), Condition::Loading | Condition::Dead);
                let status = if warms_up { "503 Service Unavailable" } else { "200 OK" };
                out.text(&uvicorn::head(status, &Body::Whole(None, 0), "", out.closes))
            }
            ("GET", "/server_info") => {
                let info = json!({"model_path": self.model, "max_running_requests": 256, "version": "0.5.23"});
                uvicorn::json(out, "200 OK", &info.to_string(), "")
            }
            ("GET", "/v1/models") => {
                let model = json!({"id": self.model, "object": "model", "owned_by": "sglang", "root": self.model,
                    "max_model_len": self.context});
                uvicorn::json(out, "200 OK", &json!({"object": "list", "data": [model]}).to_string(), "")
            }
            ("GET", "/metrics") if self.counts => {
                let text = self.metrics(state);
                let kind = Some("text/plain; version=0.0.4; charset=utf-8");
                let head = uvicorn::head("200 OK", &Body::Whole(kind, text.len()), "", out.closes);
                out.text(&format!("{head}{text}"))
            }
            ("POST", "/v1/completions" | "/v1/chat/completions") => self.complete(request, state, out),
            _ => uvicorn::json(out, "404 Not Found", r#"{"detail":"Not Found"}"#, ""),
        }
    }
}

impl Sglang {
    fn metrics(&self, state: &State) -> String {
        let labels = format!(r#"engine_type="unified",model_name="{}",pp_rank="0",tp_rank="0""#, self.model);
        let prompts = state.prompts_total.load(Ordering::SeqCst) as f64;
        let outputs = state.outputs_total.load(Ordering::SeqCst) as f64;
        [
            ("num_running_reqs", "gauge", "", 0.0),
            ("token_usage", "gauge", "", 0.0),
            ("max_total_num_tokens", "gauge", "", 8192.0),
            ("prompt_tokens_total", "counter", ",is_streaming=\"true\"", prompts),
            ("generation_tokens_total", "counter", ",is_streaming=\"true\"", outputs),
            ("cached_tokens_total", "counter", ",cache_source=\"device\"", 0.0),
        ]
        .iter()
        .map(|(name, kind, more, value)| {
            format!("# TYPE sglang:{name} {kind}\nsglang:{name}{{{labels}{more}}} {value:?}\n")
        })
        .collect()
    }

    fn complete(&self, request: &Request, state: &State, out: &mut Out) -> io::Result<()> {
        let Ok(body) = request.json() else {
            return refuse(out, "400 Bad Request", "Invalid JSON", "BadRequestError");
        };
        let (prompt, context) = (Prompt::of(&body), self.context);
        let tokens = prompt.tokens(state);
        let asked = body["max_tokens"].as_u64().map_or(16, |asked| asked as u32);
        let (total, bad) = (tokens + asked, "400 Bad Request");
        if tokens >= context && !self.truncates {
            let message =
                format!("The input ({tokens} tokens) is longer than the model's context length ({context} tokens).");
            return refuse(out, bad, &message, "BadRequestError");
        }
        if total > context && !self.truncates {
            let message = format!(
                "Requested token count exceeds the model's maximum context length of {context} tokens. You requested a \
                 total of {total} tokens."
            );
            return refuse(out, bad, &message, "BadRequestError");
        }
        out.text(&uvicorn::head("200 OK", &Body::Stream, "", out.closes))?;
        if state.condition() == Condition::Full {
            // Before the head it was only validated: that the queue is full shows later.
            out.chunk(&error("The request queue is full.", "ServiceUnavailable", 503))?;
            out.chunk("data: [DONE]\n\n")?;
            return out.end();
        }
        state.prompts_total.fetch_add(tokens.into(), Ordering::SeqCst);
        let is_chat = request.path == "/v1/chat/completions";
        let wanted = asked.min(context.saturating_sub(tokens).max(1));
        self.stream(&body, &prompt, (tokens, wanted), is_chat, state, out)
    }

    fn stream(
        &self,
        body: &Value,
        prompt: &Prompt,
        (tokens, wanted): (u32, u32),
        is_chat: bool,
        state: &State,
        out: &mut Out,
    ) -> io::Result<()> {
        let mut made = 0;
        let broken = Script::of(prompt, wanted).play(state, body["ignore_eos"] == true, |token| {
            made = token.index;
            let text = if token.is_eos { "" } else { token.text };
            let reason = token.is_last.then_some(if token.is_eos { "stop" } else { "length" });
            if !is_chat {
                let ids = (body["return_token_ids"] == true).then_some(token.id);
                return out.chunk(&self.completion(text, ids, reason));
            }
            if made == 1 {
                out.chunk(&self.chat(",\"role\":\"assistant\",\"content\":\"\"", None))?;
            }
            out.chunk(&self.chat(&format!(",\"content\":{}", quoted(text)), None))?;
            // The reason comes by itself, without a token.
            if reason.is_some() { out.chunk(&self.chat("", reason)) } else { Ok(()) }
        })?;
        match broken {
            Some(Break::Lost) => {
                out.closes = true;
                return Ok(());
            }
            Some(Break::Failed | Break::Dead) => {
                out.chunk(&error("CUDA out of memory.", "InternalServerError", 500))?
            }
            None if body["stream_options"]["include_usage"] == true => {
                let total = tokens + made;
                let usage = format!(
                    "\"choices\":[],\"usage\":{{\"prompt_tokens\":{tokens},\"total_tokens\":{total},\
                     \"completion_tokens\":{made},\"prompt_tokens_details\":null,\"reasoning_tokens\":0}}"
                );
                out.chunk(&format!("{}{usage}}}\n\n", self.begin(is_chat)))?;
            }
            None => {}
        }
        out.chunk("data: [DONE]\n\n")?;
        out.end()
    }

    fn begin(&self, is_chat: bool) -> String {
        let object = if is_chat { "chat.completion.chunk" } else { "text_completion" };
        let model = quoted(&self.model);
        format!(r#"data: {{"id":"8f0c","object":"{object}","created":{CREATED},"model":{model},"#)
    }

    fn chat(&self, delta: &str, reason: Option<&str>) -> String {
        let reason = reason.map_or("null".to_owned(), quoted);
        format!(
            "{}\"choices\":[{{\"index\":0,\"delta\":{{\"reasoning_content\":null{delta}}},\"logprobs\":null,\
             \"finish_reason\":{reason},\"matched_stop\":null}}]}}\n\n",
            self.begin(true)
        )
    }

    fn completion(&self, text: &str, id: Option<u32>, reason: Option<&str>) -> String {
        let (text, reason) = (quoted(text), reason.map_or("null".to_owned(), quoted));
        let ids = id.map(|id| format!(",\"token_ids\":[{id}]")).unwrap_or_default();
        format!(
            "{}\"choices\":[{{\"index\":0,\"text\":{text},\"logprobs\":null,\"finish_reason\":{reason},\
             \"matched_stop\":null{ids}}}],\"usage\":null}}\n\n",
            self.begin(false)
        )
    }
}

/// An error before the stream is flat.
fn refuse(out: &mut Out, status: &str, message: &str, kind: &str) -> io::Result<()> {
    let (message, kind, code) = (quoted(message), quoted(kind), &status[..3]);
    let body = format!(r#"{{"object":"error","message":{message},"type":{kind},"param":null,"code":{code}}}"#);
    uvicorn::json(out, status, &body, "")
}

/// An error within the stream is nested.
fn error(message: &str, kind: &str, code: u32) -> String {
    let (message, kind) = (quoted(message), quoted(kind));
    format!(
        "data: {{\"error\":{{\"object\":\"error\",\"message\":{message},\"type\":{kind},\"param\":null,\"code\":{code}}}}}\n\n"
    )
}
