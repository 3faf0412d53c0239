//! Owns the replica of vLLM: 0.32 as recorded, and what earlier versions did otherwise, as their source says.
//! Must not know other servers.

use super::ask::{Break, CREATED, Prompt, Request, Script, quoted};
use super::out::{Body, Out};
use super::{Condition, Server, State, uvicorn};
use serde_json::{Value, json};
use std::io;
use std::sync::atomic::Ordering;

#[derive(Clone)]
pub struct Vllm {
    pub version: (u32, u32, u32),
    pub model: String,
    pub context: u32,
    /// `--max-num-queued-reqs` was given, so that a full server refuses.
    pub refuses: bool,
    /// `--sse-keep-alive-interval` was given.
    pub keeps_alive: bool,
    /// Blocks of its KV cache, one of which is never given.
    pub blocks: u32,
}

/// Tokens of a block.
const BLOCK: u32 = 16;

impl Default for Vllm {
    fn default() -> Self {
        Self {
            version: (0, 32, 0),
            model: "tiny".into(),
            context: 512,
            refuses: false,
            keeps_alive: false,
            blocks: 512,
        }
    }
}

const VARY: &str = "vary: Origin\r\n";
const ID: &str = "8a8290a369e71271";
const FINGERPRINT: &str = "vllm-0.32.0-9d0c6757";

impl Server for Vllm {
    fn answer(&self, request: &Request, state: &State, out: &mut Out) -> io::Result<()> {
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/health") => {
                let status = if state.condition() == Condition::Dead { "503 Service Unavailable" } else { "200 OK" };
                out.text(&uvicorn::head(status, &Body::Whole(None, 0), VARY, out.closes))
            }
            ("GET", "/version") => {
                let (major, minor, patch) = self.version;
                uvicorn::json(out, "200 OK", &format!(r#"{{"version":"{major}.{minor}.{patch}"}}"#), VARY)
            }
            ("GET", "/v1/models") => uvicorn::json(out, "200 OK", &self.models(), VARY),
            ("GET", "/metrics") => {
                let text = self.metrics(state);
                let kind = Some("text/plain; version=1.0.0; charset=utf-8");
                let head = uvicorn::head("200 OK", &Body::Whole(kind, text.len()), VARY, out.closes);
                out.text(&format!("{head}{text}"))
            }
            ("POST", "/tokenize") => uvicorn::json(out, "200 OK", &self.tokenised(request), VARY),
            ("POST", "/v1/completions" | "/v1/chat/completions") => self.complete(request, state, out),
            _ => uvicorn::json(out, "404 Not Found", r#"{"detail":"Not Found"}"#, VARY),
        }
    }
}

impl Vllm {
    fn models(&self) -> String {
        let (model, context) = (quoted(&self.model), self.context);
        format!(
            r#"{{"object":"list","data":[{{"id":{model},"object":"model","created":{CREATED},"owned_by":"vllm","root":"/srv/mymodels/tinymodel","parent":null,"max_model_len":{context},"permission":[{{"id":"modelperm-9f366f28bb0aa640","object":"model_permission","created":{CREATED},"allow_create_engine":false,"allow_sampling":true,"allow_logprobs":true,"allow_search_indices":false,"allow_view":true,"allow_fine_tuning":false,"organization":"*","group":null,"is_blocking":false}}]}}]}}"#
        )
    }

    fn tokenised(&self, request: &Request) -> String {
        let body = request.json().unwrap_or_default();
        let words = Prompt::of(&body).text().split_whitespace().count() as u32;
        let tokens: Vec<u32> = (0..words).map(|word| 5_000 + word).collect();
        json!({"count": words, "max_model_len": self.context, "tokens": tokens, "token_strs": null}).to_string()
    }

    /// Names by version; the values are the replica's own.
    fn metrics(&self, state: &State) -> String {
        let labels = format!(r#"engine="0",model_name="{}""#, self.model);
        let prompts = state.prompts_total.load(Ordering::SeqCst) as f64;
        let outputs = state.outputs_total.load(Ordering::SeqCst) as f64;
        let mut text = String::new();
        let mut sample = |kind: &str, name: &str, value: f64| {
            text += &format!("# HELP vllm:{name} As the server says.\n# TYPE vllm:{name} {kind}\n");
            text += &format!("vllm:{name}{{{labels}}} {value:?}\n");
        };
        sample("gauge", "num_requests_running", state.under_way.load(Ordering::SeqCst).into());
        sample("counter", "prompt_tokens_total", prompts);
        sample("counter", "generation_tokens_total", outputs);
        if self.version < (0, 12, 0) {
            sample("gauge", "gpu_cache_usage_perc", 0.0);
            sample("counter", "gpu_prefix_cache_queries_total", prompts);
            sample("counter", "gpu_prefix_cache_hits_total", 0.0);
        } else {
            sample("counter", "prefix_cache_queries_total", prompts);
            sample("counter", "prefix_cache_hits_total", 0.0);
        }
        let used: u32 = state.held().iter().map(|tokens| tokens.div_ceil(BLOCK)).sum();
        sample("gauge", "kv_cache_usage_perc", f64::from(used) / f64::from(self.blocks - 1));
        let (blocks, tokens) = (self.blocks, self.blocks * BLOCK);
        let size =
            if self.version >= (0, 26, 0) { format!("kv_cache_size_tokens=\"{tokens}\",") } else { String::new() };
        let labels = format!("block_size=\"{BLOCK}\",{size}num_gpu_blocks=\"{blocks}\",engine=\"0\"");
        text + &format!("vllm:cache_config_info{{{labels}}} 1.0\n")
    }

    fn complete(&self, request: &Request, state: &State, out: &mut Out) -> io::Result<()> {
        let Ok(body) = request.json() else {
            let message = "1 validation error:\n  {'type': 'json_invalid', 'loc': 'body.1', 'msg': 'JSON decode error', \
                           'input': '<dict of 0 items>', 'ctx': {'error': 'Expecting property name enclosed in double \
                           quotes'}}";
            return self.refuse(out, "400 Bad Request", message, "Bad Request", "\"body.1\"");
        };
        if let Some(wanted) = body["model"].as_str().filter(|wanted| *wanted != self.model) {
            let message = format!("The model `{wanted}` does not exist. Valid aliases: {}.", self.model);
            return self.refuse(out, "404 Not Found", &message, "NotFoundError", "\"model\"");
        }
        let prompt = Prompt::of(&body);
        let tokens = prompt.tokens(state);
        let wanted = match self.length(&body, tokens) {
            Ok(wanted) => wanted,
            Err((message, field)) => {
                return self.refuse(out, "400 Bad Request", &message, "BadRequestError", &quoted(field));
            }
        };
        if state.condition() == Condition::Full && self.refuses {
            let message = "The engine is currently busy and cannot accept new requests. Please try again later or on a \
                           different instance.";
            return self.refuse(out, "503 Service Unavailable", message, "Service Unavailable", "null");
        }
        state.prompts_total.fetch_add(tokens.into(), Ordering::SeqCst);
        out.text(&uvicorn::head("200 OK", &Body::Stream, VARY, out.closes))?;
        if self.keeps_alive {
            out.chunk(": keep-alive\n\n")?;
        }
        let is_chat = request.path == "/v1/chat/completions";
        Stream { server: self, body: &body, prompt, tokens, is_chat }.write(wanted, state, out)
    }

    /// Tokens that are generated, or why not. Up to 0.26 what does not fit is refused, from 0.32 on it is cut.
    fn length(&self, body: &Value, prompt: u32) -> Result<u32, (String, &'static str)> {
        let context = self.context;
        let asked = body["max_tokens"].as_u64().or_else(|| body["max_completion_tokens"].as_u64());
        let asked = asked.map_or(16, |asked| asked as u32);
        if asked > context {
            let message = format!(
                "max_tokens={asked} cannot be greater than max_model_len={context}. Please request \
                                   fewer output tokens. (parameter=max_tokens, value={asked})"
            );
            return Err((message, "max_tokens"));
        }
        if prompt > context {
            let message = format!(
                "This model's maximum context length is {context} tokens. However, your prompt contains {prompt} input \
                 tokens, which exceeds this limit even without any output tokens. Please reduce the length of the input \
                 prompt. (parameter=input_tokens, value={prompt})"
            );
            return Err((message, "input_tokens"));
        }
        if prompt == context {
            let message = "max_tokens must be at least 1, got 0. (parameter=max_tokens, value=0)";
            return Err((message.to_owned(), "max_tokens"));
        }
        if prompt + asked > context && self.version <= (0, 26, 0) {
            return Err((format!("'max_tokens' or 'max_completion_tokens' is too large: {asked}."), "max_tokens"));
        }
        Ok(asked.min(context - prompt))
    }

    /// An error before the stream: nested since 0.10, flat before.
    fn refuse(&self, out: &mut Out, status: &str, message: &str, kind: &str, param: &str) -> io::Result<()> {
        let (message, kind, code) = (quoted(message), quoted(kind), &status[..3]);
        let body = if self.version < (0, 10, 0) {
            format!(r#"{{"object":"error","message":{message},"type":{kind},"param":null,"code":{code}}}"#)
        } else {
            format!(r#"{{"error":{{"message":{message},"type":{kind},"param":{param},"code":{code}}}}}"#)
        };
        uvicorn::json(out, status, &body, VARY)
    }
}

/// One answer under way.
struct Stream<'a> {
    server: &'a Vllm,
    body: &'a Value,
    prompt: Prompt,
    tokens: u32,
    is_chat: bool,
}

impl Stream<'_> {
    fn write(&self, wanted: u32, state: &State, out: &mut Out) -> io::Result<()> {
        let options = &self.body["stream_options"];
        let (with_usage, running) = (options["include_usage"] == true, options["continuous_usage_stats"] == true);
        let interval = self.body["stream_interval"].as_u64().unwrap_or(1) as u32;
        let (mut text, mut ids, mut made, mut finish) = (String::new(), Vec::new(), 0, "length");
        let script = Script::of(&self.prompt, wanted);
        let holding = state.hold(self.tokens);
        let ignores_eos = self.body["ignore_eos"] == true;
        let broken = script.play(state, ignores_eos, |token| {
            made = token.index;
            holding.grows_to(self.tokens + made);
            // The end of the text is a token without one.
            text += if token.is_eos { "" } else { token.text };
            ids.push(token.id);
            if token.is_eos {
                finish = "stop";
            }
            // The first and the last never wait for others.
            if made > 1 && !token.is_last && (made - 1) % interval != 0 {
                return Ok(());
            }
            if made == 1 && self.is_chat {
                out.chunk(&self.role(running))?;
            }
            let usage = running.then_some(made);
            let finish = token.is_last.then_some(finish);
            out.chunk(&self.chunk(&text, &ids, made == ids.len() as u32, finish, usage, with_usage))?;
            text.clear();
            ids.clear();
            Ok(())
        })?;
        match broken {
            Some(Break::Lost) => {
                out.closes = true;
                return Ok(());
            }
            Some(Break::Failed | Break::Dead) => out.chunk(DEATH)?,
            None if with_usage => out.chunk(&self.usage(made))?,
            None => {}
        }
        out.chunk("data: [DONE]\n\n")?;
        out.end()
    }

    /// What every chunk begins with.
    fn begin(&self) -> String {
        let (prefix, object) =
            if self.is_chat { ("chatcmpl", "chat.completion.chunk") } else { ("cmpl", "text_completion") };
        let model = quoted(&self.server.model);
        format!(r#"data: {{"id":"{prefix}-{ID}","object":"{object}","created":{CREATED},"model":{model},"#)
    }

    /// A chat's first chunk, which comes with the first token and carries none.
    fn role(&self, running: bool) -> String {
        let usage = if running { self.running(0) } else { String::new() };
        format!(
            "{}\"choices\":[{{\"index\":0,\"delta\":{{\"role\":\"assistant\",\"content\":\"\"}},\"logprobs\":null,\
             \"finish_reason\":null}}]{usage},\"prompt_token_ids\":null,\"prompt_text\":null}}\n\n",
            self.begin()
        )
    }

    fn chunk(
        &self,
        text: &str,
        ids: &[u32],
        is_first: bool,
        finish: Option<&str>,
        usage: Option<u32>,
        with_usage: bool,
    ) -> String {
        let (text, ended) = (quoted(text), finish.is_some());
        let finish = finish.map_or("null".to_owned(), quoted);
        let with_ids = self.body["return_token_ids"] == true;
        let token_ids = if with_ids { json!(ids).to_string() } else { "null".to_owned() };
        let usage = usage.map(|made| self.running(made)).unwrap_or_default();
        let choice = if self.is_chat {
            let stop = if ended { ",\"stop_reason\":null" } else { "" };
            format!(
                r#""delta":{{"content":{text}}},"logprobs":null,"finish_reason":{finish}{stop},"token_ids":{token_ids}"#
            )
        } else {
            let prompt = match &self.prompt {
                Prompt::Ids(prompt) if with_ids && is_first => json!(prompt).to_string(),
                Prompt::Text(_) if with_ids && is_first => json!(vec![7; self.tokens as usize]).to_string(),
                _ => "null".to_owned(),
            };
            format!(
                r#""text":{text},"logprobs":null,"finish_reason":{finish},"stop_reason":null,"prompt_token_ids":{prompt},"token_ids":{token_ids}"#
            )
        };
        // It stands on the last chunk, whichever that is.
        let last =
            if ended && !with_usage { format!(",\"system_fingerprint\":\"{FINGERPRINT}\"") } else { String::new() };
        format!("{}\"choices\":[{{\"index\":0,{choice}}}]{usage}{last}}}\n\n", self.begin())
    }

    fn running(&self, made: u32) -> String {
        let (prompt, total) = (self.tokens, self.tokens + made);
        format!(
            r#","usage":{{"prompt_tokens":{prompt},"total_tokens":{total},"completion_tokens":{made},"completion_tokens_details":null}}"#
        )
    }

    fn usage(&self, made: u32) -> String {
        let (prompt, total) = (self.tokens, self.tokens + made);
        format!(
            "{}\"choices\":[],\"usage\":{{\"prompt_tokens\":{prompt},\"total_tokens\":{total},\
             \"completion_tokens\":{made}}},\"system_fingerprint\":\"{FINGERPRINT}\"}}\n\n",
            self.begin()
        )
    }
}

/// What every open stream says when the engine's process is gone; Python's own JSON, with spaces.
const DEATH: &str = "data: {\"error\": {\"message\": \"EngineCore encountered an issue. See stack trace (above) for the \
                     root cause.\", \"type\": \"InternalServerError\", \"param\": null, \"code\": 500}}\n\n";
