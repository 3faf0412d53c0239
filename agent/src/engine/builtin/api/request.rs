//! Owns the reading of requests: JSON in, checked work for a row out.
//! Must not know the queue or the answer's bytes.

use serde::Deserialize;
use serde_json::Value;

use super::error::ApiError;
use crate::engine::builtin::batch::RowRequest;
use crate::engine::builtin::sample::Sampling;
use crate::engine::builtin::token::{VOCAB_SIZE, encode_chat, encode_text};

/// Tokens of a completion that names no number (vLLM's default).
const DEFAULT_MAX_TOKENS: usize = 16;

/// Which of the two routes a request came by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// `/v1/completions`
    Completions,
    /// `/v1/chat/completions`
    Chat,
}

/// What the server knows when it reads a request.
#[derive(Clone, Copy, Debug)]
pub struct Limits<'a> {
    /// The model's name.
    pub model: &'a str,
    /// Longest sequence in tokens.
    pub max_model_len: usize,
    /// Seed of a request that names none.
    pub default_seed: u64,
}

#[derive(Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
    continuous_usage_stats: Option<bool>,
}

#[derive(Deserialize)]
struct Message {
    role: String,
    content: Option<Value>,
}

#[derive(Deserialize)]
struct Body {
    model: Option<String>,
    prompt: Option<Value>,
    messages: Option<Vec<Message>>,
    max_tokens: Option<i64>,
    max_completion_tokens: Option<i64>,
    min_tokens: Option<i64>,
    temperature: Option<f64>,
    seed: Option<i64>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    ignore_eos: Option<bool>,
    return_token_ids: Option<bool>,
    n: Option<i64>,
    best_of: Option<i64>,
    top_p: Option<f64>,
    top_k: Option<i64>,
    min_p: Option<f64>,
    presence_penalty: Option<f64>,
    frequency_penalty: Option<f64>,
    repetition_penalty: Option<f64>,
    echo: Option<bool>,
    stop: Option<Value>,
    stop_token_ids: Option<Vec<i64>>,
    logprobs: Option<Value>,
    tools: Option<Vec<Value>>,
}

/// A request that has passed every check.
#[derive(Clone, Debug)]
pub struct Work {
    /// What to generate.
    pub row: RowRequest,
    /// Answer token by token.
    pub stream: bool,
    /// End the stream with a usage chunk.
    pub include_usage: bool,
    /// Put the usage so far on every chunk.
    pub continuous_usage: bool,
    /// Put token ids next to the text.
    pub return_token_ids: bool,
}

/// Reads a request body.
///
/// # Errors
/// With the answer that vLLM would give.
pub fn read(route: Route, body: &[u8], limits: Limits<'_>) -> Result<Work, ApiError> {
    let body: Body = serde_json::from_slice(body)
        .map_err(|error| ApiError::malformed(format!("The request body could not be read: {error}.")))?;
    if let Some(model) = body.model.as_deref().filter(|model| *model != limits.model) {
        return Err(ApiError::unknown_model(model, limits.model));
    }
    refuse_unsupported(&body)?;
    let prompt = match route {
        Route::Completions => read_prompt(body.prompt.as_ref())?,
        Route::Chat => read_messages(body.messages.as_deref())?,
    };
    let max_tokens = read_max_tokens(route, &body, prompt.len(), limits.max_model_len)?;
    let min_tokens = match body.min_tokens.unwrap_or(0) {
        min if min < 0 => return Err(invalid("min_tokens", format!("min_tokens must be at least 0, got {min}."))),
        min if min as usize > max_tokens => {
            let message = format!("min_tokens must be less than or equal to max_tokens={max_tokens}, got {min}.");
            return Err(invalid("min_tokens", message));
        }
        min => min as usize,
    };
    let temperature = body.temperature.unwrap_or(1.0);
    if !(0.0..=100.0).contains(&temperature) {
        let message = format!("temperature must be a number from 0 to 100, got {temperature}.");
        return Err(invalid("temperature", message));
    }
    let seed = body.seed.map_or(limits.default_seed, i64::cast_unsigned);
    let stream = body.stream.unwrap_or(false);
    if !stream && body.stream_options.is_some() {
        return Err(invalid("stream_options", "Stream options can only be defined when `stream=True`."));
    }
    let usage = |pick: fn(&StreamOptions) -> Option<bool>| body.stream_options.as_ref().and_then(pick).unwrap_or(false);
    let include_usage = usage(|options| options.include_usage);
    Ok(Work {
        row: RowRequest {
            prompt,
            max_tokens,
            min_tokens,
            ignore_eos: body.ignore_eos.unwrap_or(false),
            sampling: Sampling { temperature, seed },
        },
        stream,
        include_usage,
        continuous_usage: include_usage && usage(|options| options.continuous_usage_stats),
        return_token_ids: body.return_token_ids.unwrap_or(false),
    })
}

fn invalid(param: &'static str, message: impl Into<String>) -> ApiError {
    ApiError::bad_request(Some(param), message)
}

/// Refuses what would change the output and cannot be done here: ignoring it would answer another question.
fn refuse_unsupported(body: &Body) -> Result<(), ApiError> {
    let set = |value: &Option<Value>| match value {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::Array(items)) => !items.is_empty(),
        Some(_) => true,
    };
    let asked = [
        ("n", body.n.is_some_and(|n| n != 1)),
        ("best_of", body.best_of.is_some_and(|n| n != 1)),
        ("top_p", body.top_p.is_some_and(|p| p != 1.0)),
        ("top_k", body.top_k.is_some_and(|k| k > 0)),
        ("min_p", body.min_p.is_some_and(|p| p != 0.0)),
        ("presence_penalty", body.presence_penalty.is_some_and(|p| p != 0.0)),
        ("frequency_penalty", body.frequency_penalty.is_some_and(|p| p != 0.0)),
        ("repetition_penalty", body.repetition_penalty.is_some_and(|p| p != 1.0)),
        ("echo", body.echo == Some(true)),
        ("stop", set(&body.stop)),
        ("stop_token_ids", body.stop_token_ids.as_ref().is_some_and(|ids| !ids.is_empty())),
        ("logprobs", set(&body.logprobs)),
        ("tools", body.tools.as_ref().is_some_and(|tools| !tools.is_empty())),
    ];
    match asked.iter().find(|(_, asked)| *asked) {
        Some((name, _)) => {
            Err(invalid(name, format!("The built-in engine does not support `{name}` as given; leave it out.")))
        }
        None => Ok(()),
    }
}

fn read_prompt(prompt: Option<&Value>) -> Result<Vec<u32>, ApiError> {
    match prompt {
        Some(Value::String(text)) => Ok(encode_text(text)),
        Some(Value::Array(items)) => match items.as_slice() {
            [only @ (Value::String(_) | Value::Array(_))] => read_prompt(Some(only)),
            [Value::String(_) | Value::Array(_), ..] => {
                Err(invalid("prompt", "The built-in engine takes one prompt a request."))
            }
            [] => Err(invalid("prompt", "The prompt must hold at least one token.")),
            ids => ids.iter().map(read_token).collect(),
        },
        None | Some(Value::Null) => Err(invalid("prompt", "The request has no prompt.")),
        Some(_) => Err(invalid("prompt", "The prompt must be a text or a list of token ids.")),
    }
}

fn read_token(value: &Value) -> Result<u32, ApiError> {
    match value.as_u64() {
        Some(id) if id < VOCAB_SIZE as u64 => Ok(id as u32),
        Some(id) => {
            Err(invalid("prompt", format!("Token id {id} is out of vocabulary, which has {VOCAB_SIZE} tokens.")))
        }
        None => Err(invalid("prompt", "The prompt must be a text or a list of token ids (integers from 0).")),
    }
}

fn read_messages(messages: Option<&[Message]>) -> Result<Vec<u32>, ApiError> {
    let messages = messages.unwrap_or_default();
    if messages.is_empty() {
        return Err(invalid("messages", "The request has no messages."));
    }
    let contents =
        messages.iter().map(|message| read_content(message.content.as_ref())).collect::<Result<Vec<_>, _>>()?;
    let roles = messages.iter().map(|message| message.role.as_str());
    Ok(encode_chat(roles.zip(contents.iter().map(String::as_str))))
}

fn read_content(content: Option<&Value>) -> Result<String, ApiError> {
    match content {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Array(parts)) => parts
            .iter()
            .map(|part| part.get("text").and_then(Value::as_str))
            .collect::<Option<String>>()
            .ok_or_else(|| invalid("messages", "The built-in engine takes text parts only.")),
        Some(_) => Err(invalid("messages", "A message's content must be a text or a list of text parts.")),
    }
}

/// The messages are vLLM's: 0.32's, and for a sum over the limit those of the versions that refuse it (to 0.26).
fn read_max_tokens(route: Route, body: &Body, prompt: usize, limit: usize) -> Result<usize, ApiError> {
    if prompt > limit {
        return Err(invalid(
            "input_tokens",
            format!(
                "This model's maximum context length is {limit} tokens. However, your prompt contains {prompt} input \
                 tokens, which exceeds this limit even without any output tokens. Please reduce the length of the \
                 input prompt. (parameter=input_tokens, value={prompt})"
            ),
        ));
    }
    let room = limit - prompt;
    let max_tokens = match (body.max_completion_tokens.or(body.max_tokens), route) {
        (Some(asked), _) => asked,
        (None, Route::Completions) => DEFAULT_MAX_TOKENS as i64,
        (None, Route::Chat) => room as i64,
    };
    if max_tokens < 1 {
        let message =
            format!("max_tokens must be at least 1, got {max_tokens}. (parameter=max_tokens, value={max_tokens})");
        return Err(invalid("max_tokens", message));
    }
    match usize::try_from(max_tokens) {
        Ok(max_tokens) if max_tokens <= room => Ok(max_tokens),
        _ => Err(ApiError::bad_request(
            None,
            format!(
                "'max_tokens' or 'max_completion_tokens' is too large: {max_tokens}. This model's maximum context \
                 length is {limit} tokens and your request has {prompt} input tokens ({max_tokens} > {limit} - \
                 {prompt})."
            ),
        )),
    }
}

#[cfg(test)]
mod tests;
