//! Owns the replicas of Text Generation Inference: 3.3 as its router was recorded, 2.0 as its source says.
//! Must not know other servers.

use super::ask::{Break, CREATED, Prompt, Request, Script, Token, quoted};
use super::out::Out;
use super::{Condition, Server, State};
use serde_json::Value;
use std::io;
use std::sync::atomic::Ordering;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// Its HTTP library wrote no space behind `data:`, and only its own routes are played.
    V2,
    V3,
}

#[derive(Clone)]
pub struct Tgi {
    pub version: Version,
    pub model: String,
    pub max_input: u32,
    pub max_total: u32,
    /// `--api-key` was given: what generates needs it, what tells does not.
    pub needs_key: bool,
}

impl Default for Tgi {
    fn default() -> Self {
        let model = "tiny-org/tiny-llama".to_owned();
        Self { version: Version::V3, model, max_input: 1024, max_total: 2048, needs_key: false }
    }
}

const LAYERS: &str = "vary: origin, access-control-request-method, access-control-request-headers\r\n\
                      access-control-allow-origin: *\r\n";
const DATE: &str = "date: Wed, 25 Nov 2026 03:43:57 GMT\r\n";
const PRINT: &str = "3.3.6-dev0-native";
/// Tokens that are generated without a look at what was asked for.
const RUN: u32 = 1024;

impl Server for Tgi {
    fn answer(&self, request: &Request, state: &State, out: &mut Out) -> io::Result<()> {
        let is_dead = state.condition() == Condition::Dead;
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/health" | "/ping" | "/") if is_dead => {
                json(out, "503 Service Unavailable", r#"{"error":"unhealthy","error_type":"healthcheck"}"#)
            }
            ("GET", "/health" | "/ping" | "/") => empty(out, "200 OK", None),
            ("GET", "/info") => json(out, "200 OK", &self.info()),
            ("GET", "/v1/models") if self.version == Version::V3 => {
                let model = quoted(&self.model);
                let model = format!(r#"{{"id":{model},"object":"model","created":0,"owned_by":{model}}}"#);
                json(out, "200 OK", &format!(r#"{{"object":"list","data":[{model}]}}"#))
            }
            // Nothing is counted before the first request.
            ("GET", "/metrics") => match state.outputs_total.load(Ordering::SeqCst) {
                0 => empty(out, "200 OK", Some("text/plain; charset=utf-8")),
                n => plain(out, "200 OK", &format!("# TYPE tgi_request_count counter\ntgi_request_count {n}\n\n")),
            },
            ("POST", "/generate_stream" | "/v1/completions" | "/v1/chat/completions") if self.needs_key => {
                empty(out, "401 Unauthorized", None)
            }
            ("POST", "/generate_stream") => self.generate(request, state, out),
            ("POST", "/v1/completions" | "/v1/chat/completions") if self.version == Version::V3 => {
                self.generate(request, state, out)
            }
            _ => empty(out, "404 Not Found", None),
        }
    }
}

/// A head in the order of hyper and the layers around the routes.
fn head(status: &str, kind: Option<&str>, length: usize, closes: bool) -> String {
    let kind = kind.map(|kind| format!("content-type: {kind}\r\n")).unwrap_or_default();
    let close = if closes { "connection: close\r\n" } else { "" };
    let length = format!("content-length: {length}\r\n");
    // A body of nothing has its length set last.
    let (first, second) = if length.ends_with(": 0\r\n") { (close, &*length) } else { (&*length, close) };
    format!("HTTP/1.1 {status}\r\n{kind}{LAYERS}{first}{second}{DATE}\r\n")
}

fn empty(out: &mut Out, status: &str, kind: Option<&str>) -> io::Result<()> {
    out.text(&head(status, kind, 0, out.closes))
}

fn json(out: &mut Out, status: &str, body: &str) -> io::Result<()> {
    out.text(&format!("{}{body}", head(status, Some("application/json"), body.len(), out.closes)))
}

fn plain(out: &mut Out, status: &str, body: &str) -> io::Result<()> {
    out.text(&format!("{}{body}", head(status, Some("text/plain; charset=utf-8"), body.len(), out.closes)))
}

/// Why a request is not computed, and the word for the kind of error.
struct Refusal(String, &'static str);

impl Tgi {
    fn info(&self) -> String {
        let (model, input, total) = (quoted(&self.model), self.max_input, self.max_total);
        match self.version {
            Version::V3 => format!(
                r#"{{"model_id":{model},"model_sha":null,"model_pipeline_tag":null,"max_concurrent_requests":128,"max_best_of":2,"max_stop_sequences":4,"max_input_tokens":{input},"max_total_tokens":{total},"validation_workers":2,"max_client_batch_size":4,"router":"text-generation-router","version":"3.3.6-dev0","sha":"dfb3fbe78e0d1d69251bd33065591c61bafdfaa8","docker_label":null}}"#
            ),
            Version::V2 => format!(
                r#"{{"model_id":{model},"model_sha":null,"model_dtype":"torch.float16","model_device_type":"cuda","model_pipeline_tag":null,"max_concurrent_requests":128,"max_best_of":2,"max_stop_sequences":4,"max_input_length":{input},"max_total_tokens":{total},"waiting_served_ratio":0.3,"max_batch_total_tokens":16000,"max_waiting_tokens":20,"validation_workers":2,"version":"2.0.4","sha":null,"docker_label":null}}"#
            ),
        }
    }

    fn generate(&self, request: &Request, state: &State, out: &mut Out) -> io::Result<()> {
        let body = match request.json() {
            Ok(body) => body,
            Err(error) if error.is_eof() => {
                let at = format!("EOF while parsing a value at line 1 column {}", request.body.len());
                let sentence = format!("Failed to parse the request body as JSON: inputs: {at}");
                return plain(out, "400 Bad Request", &sentence);
            }
            Err(error) => {
                return plain(out, "400 Bad Request", &format!("Failed to parse the request body as JSON: {error}"));
            }
        };
        let route = Route::of(&request.path);
        if let Some(missing) = route.missing(&body) {
            let at = format!("line 1 column {}", request.body.len());
            let sentence = format!("Failed to deserialize the JSON body into the target type: {missing} at {at}");
            return plain(out, "422 Unprocessable Entity", &sentence);
        }
        let prompt = Prompt::of(&body);
        // The template puts the rest around a chat's text.
        let template = if route == Route::Chat { 24 } else { 0 };
        let characters = prompt.text().chars().count() + template;
        let closes = if out.closes { "connection: close\r\n" } else { "" };
        out.text(&format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n\
             x-compute-type: gpu+optimized\r\nx-compute-characters: {characters}\r\nx-accel-buffering: no\r\n\
             {LAYERS}{closes}transfer-encoding: chunked\r\n{DATE}\r\n"
        ))?;
        match self.length(&body, &prompt, route, state) {
            Ok(wanted) => self.stream(&body, &prompt, wanted, route, state, out),
            // Whatever is wrong, the stream has begun well.
            Err(refusal) => self.fail(&refusal, route, out),
        }
    }

    /// Tokens that are generated. Room is looked at first, so that a bad request to a full server is told that it is full.
    fn length(&self, body: &Value, prompt: &Prompt, route: Route, state: &State) -> Result<u32, Refusal> {
        if state.condition() == Condition::Full {
            return Err(Refusal("Model is overloaded".into(), "overloaded"));
        }
        if state.condition() == Condition::Dead {
            let cause = "error trying to connect: Connection refused (os error 111)";
            return Err(Refusal(format!("Request failed during generation: Server error: {cause}"), "generation"));
        }
        let invalid = |what: String| Refusal(format!("Input validation error: {what}"), "validation");
        let native = &body["parameters"];
        if route == Route::Native {
            // OpenAI's routes take 0 for greedy.
            let is_zero = native["temperature"].as_f64().is_some_and(|t| t <= 0.0);
            if is_zero {
                return Err(invalid("`temperature` must be strictly positive".into()));
            }
            if native["top_p"].as_f64().is_some_and(|p| p <= 0.0 || p >= 1.0) {
                return Err(invalid("`top_p` must be > 0.0 and < 1.0".into()));
            }
        }
        let (input, most) = (prompt.tokens(state), self.max_total);
        let asked = native["max_new_tokens"].as_u64().or_else(|| body["max_tokens"].as_u64());
        let asked = asked.map_or(most.saturating_sub(input), |asked| asked as u32);
        if asked == 0 {
            return Err(invalid("`max_new_tokens` must be strictly positive".into()));
        }
        let seen = asked.min(RUN);
        if input + seen > most {
            return Err(invalid(format!(
                "`inputs` tokens + `max_new_tokens` must be <= {most}. Given: {input} `inputs` tokens and {seen} \
                 `max_new_tokens`"
            )));
        }
        if input > self.max_input {
            let most = self.max_input;
            return Err(invalid(format!("`inputs` must have less than {most} tokens. Given: {input}")));
        }
        state.prompts_total.fetch_add(input.into(), Ordering::SeqCst);
        // Runs of this many tokens, and the last of them is not cut.
        Ok(if asked > RUN { asked.div_ceil(RUN) * RUN } else { asked })
    }

    fn fail(&self, Refusal(message, kind): &Refusal, route: Route, out: &mut Out) -> io::Result<()> {
        let message = quoted(message);
        if route == Route::Native {
            self.event(out, &format!(r#"{{"error":{message},"error_type":"{kind}"}}"#))?;
        } else {
            // The number is the same for every error.
            self.event(out, &format!(r#"{{"error":{{"message":{message},"http_status_code":422}}}}"#))?;
            self.event(out, "[DONE]")?;
        }
        out.end()
    }

    fn event(&self, out: &mut Out, data: &str) -> io::Result<()> {
        let space = if self.version == Version::V2 { "" } else { " " };
        out.upper_chunk(&format!("data:{space}{data}\n\n"))
    }

    /// `ignore_eos` in any spelling is passed over: the route's own field cannot be reached from outside.
    fn stream(
        &self,
        body: &Value,
        prompt: &Prompt,
        wanted: u32,
        route: Route,
        state: &State,
        out: &mut Out,
    ) -> io::Result<()> {
        if prompt.told("keepalive").is_some() {
            // What 15 s of silence bring.
            out.upper_chunk(":\n\n")?;
        }
        let input = prompt.tokens(state);
        let (mut made, mut text) = (0, String::new());
        let broken = Script::of(prompt, wanted).play(state, false, |token| {
            made = token.index;
            // What is special stands in the event and not in the text.
            text += if token.is_eos { "" } else { token.text };
            let data = match route {
                Route::Native => native(&token, &text, body["parameters"]["details"] == true, input),
                Route::Completions => self.completion(&token, input),
                Route::Chat => self.chat(&token),
            };
            self.event(out, &data)
        })?;
        let failed =
            |cause: &str| Refusal(format!("Request failed during generation: Server error: {cause}"), "generation");
        match broken {
            Some(Break::Failed) => {
                return self.fail(&failed("CUDA error: an illegal memory access was encountered"), route, out);
            }
            Some(Break::Dead) => return self.fail(&failed("transport error"), route, out),
            Some(Break::Lost) => {
                out.closes = true;
                return Ok(());
            }
            None => {}
        }
        let wants_usage = body["stream_options"]["include_usage"] == true;
        if route == Route::Chat && wants_usage {
            let (begin, usage) = (self.chat_begin(), usage(input, made));
            self.event(out, &format!("{begin}\"choices\":[],\"usage\":{usage}}}"))?;
        }
        if route != Route::Native {
            self.event(out, "[DONE]")?;
        }
        out.end()
    }

    /// The reason is an empty text until the last chunk, whose keys stand in another order, with the usage among them.
    fn completion(&self, token: &Token, input: u32) -> String {
        let (text, model) = (quoted(token.text), quoted(&self.model));
        let choice =
            |reason: &str| format!(r#"[{{"index":0,"text":{text},"logprobs":null,"finish_reason":"{reason}"}}]"#);
        let begin = format!(r#"{{"object":"text_completion","id":"","created":{CREATED}"#);
        if token.is_last {
            let (choice, usage) =
                (choice(if token.is_eos { "eos_token" } else { "length" }), usage(input, token.index));
            format!(r#"{begin},"model":{model},"system_fingerprint":"{PRINT}","choices":{choice},"usage":{usage}}}"#)
        } else {
            format!(r#"{begin},"choices":{},"model":{model},"system_fingerprint":"{PRINT}"}}"#, choice(""))
        }
    }

    fn chat(&self, token: &Token) -> String {
        let reason = match (token.is_last, token.is_eos) {
            (true, true) => "\"stop\"",
            (true, false) => "\"length\"",
            (false, _) => "null",
        };
        let (begin, text) = (self.chat_begin(), quoted(token.text));
        format!(
            r#"{begin}"choices":[{{"index":0,"delta":{{"role":"assistant","content":{text}}},"logprobs":null,"finish_reason":{reason}}}],"usage":null}}"#
        )
    }

    fn chat_begin(&self) -> String {
        let model = quoted(&self.model);
        format!(
            r#"{{"object":"chat.completion.chunk","id":"","created":{CREATED},"model":{model},"system_fingerprint":"{PRINT}","#
        )
    }
}

fn usage(input: u32, made: u32) -> String {
    let total = input + made;
    format!(r#"{{"prompt_tokens":{input},"completion_tokens":{made},"total_tokens":{total}}}"#)
}

fn native(token: &Token, all: &str, with_details: bool, input: u32) -> String {
    let (index, id, text, special) = (token.index, token.id, quoted(token.text), token.is_eos);
    let end = if token.is_last {
        let reason = if token.is_eos { "eos_token" } else { "length" };
        let details = if with_details {
            format!(r#"{{"finish_reason":"{reason}","generated_tokens":{index},"seed":null,"input_length":{input}}}"#)
        } else {
            "null".to_owned()
        };
        format!(r#""generated_text":{},"details":{details}"#, quoted(all))
    } else {
        r#""generated_text":null,"details":null"#.to_owned()
    };
    format!(r#"{{"index":{index},"token":{{"id":{id},"text":{text},"logprob":-1.8295,"special":{special}}},{end}}}"#)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Route {
    Native,
    Completions,
    Chat,
}

impl Route {
    fn of(path: &str) -> Self {
        match path {
            "/v1/completions" => Self::Completions,
            "/v1/chat/completions" => Self::Chat,
            _ => Self::Native,
        }
    }

    /// What its body lacks or has in the wrong shape. Prompts of token ids are no prompts here.
    fn missing(self, body: &Value) -> Option<&'static str> {
        match self {
            Self::Native if !body["inputs"].is_string() => Some("missing field `inputs`"),
            Self::Completions if !body["prompt"].is_string() => {
                Some("data did not match any variant of untagged enum Prompt")
            }
            Self::Chat if !body["messages"].is_array() => Some("missing field `messages`"),
            _ => None,
        }
    }
}
