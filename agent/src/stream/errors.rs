//! Owns the reading of in-band errors: what counts as one, and its message, code and kind.
//! Must not know timing or tokens.

use super::types::StreamError;
use serde_json::Value;

const MAX_MESSAGE_BYTES: usize = 2048;
const MAX_KIND_BYTES: usize = 64;

/// At most `limit` bytes of `text`, cut at a character.
pub(super) fn clip(text: &str, limit: usize) -> String {
    let mut end = limit.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

/// A printable piece of a payload for a message.
pub(super) fn excerpt(payload: &[u8]) -> String {
    const EXCERPT_BYTES: usize = 120;
    let head = String::from_utf8_lossy(&payload[..payload.len().min(EXCERPT_BYTES)]);
    let more = if payload.len() > EXCERPT_BYTES { "…" } else { "" };
    let printable: String = head.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    format!("`{printable}{more}`")
}

/// The value of an `error` key: `null`, `false`, 0, `""`, `{}`, `[]` and objects of nothing else are no error.
pub(super) fn from_value(error: &Value) -> Option<StreamError> {
    if is_blank(error) {
        return None;
    }
    let text = |key: &str| error.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let number = |key: &str| {
        let value = error.get(key)?;
        value.as_i64().or_else(|| value.as_str()?.parse().ok())
    };
    let message = match error {
        Value::String(message) => message.clone(),
        _ => text("message").or_else(|| text("error")).map_or_else(|| error.to_string(), str::to_owned),
    };
    let word = |key: &str| text(key).filter(|word| word.parse::<i64>().is_err());
    let kind = text("type").or_else(|| text("error_type")).or_else(|| word("code"));
    Some(StreamError {
        message: clip(&message, MAX_MESSAGE_BYTES),
        code: number("code").or_else(|| number("http_status_code")),
        kind: kind.map(|kind| clip(kind, MAX_KIND_BYTES)),
    })
}

/// A whole event that is an error: `{"error": …}` with its neighbours, or, as older vLLM and SGLang write it, a
/// flat object that calls itself an error.
pub(super) fn from_event(event: &Value) -> Option<StreamError> {
    if let Some(error) = event.get("error") {
        let mut error = from_value(error)?;
        let kind = event.get("error_type").and_then(Value::as_str).filter(|kind| !kind.is_empty());
        error.kind = error.kind.or_else(|| kind.map(|kind| clip(kind, MAX_KIND_BYTES)));
        return Some(error);
    }
    let calls_itself = |key: &str| event.get(key).and_then(Value::as_str) == Some("error");
    if calls_itself("object") || calls_itself("type") { from_value(event) } else { None }
}

/// The data of an event named `error`, whatever its shape.
pub(super) fn from_named_event(data: &[u8]) -> StreamError {
    let value = serde_json::from_slice::<Value>(data).ok();
    value
        .as_ref()
        .and_then(|value| from_event(value).or_else(|| from_value(value)))
        .or_else(|| from_broken_json(data))
        .unwrap_or_else(|| StreamError {
            message: clip(&String::from_utf8_lossy(data), MAX_MESSAGE_BYTES),
            code: None,
            kind: None,
        })
}

/// transformers serve writes `{"error": "MESSAGE"}` without escaping the message, so that it need not be JSON.
pub(super) fn from_broken_json(data: &[u8]) -> Option<StreamError> {
    let text = String::from_utf8_lossy(data);
    let value = text.trim().strip_prefix('{')?.trim_start().strip_prefix("\"error\"")?.trim_start();
    let value = value.strip_prefix(':')?.trim_start();
    if ["null", "false", "0", "\"\"", "{}", "[]"].iter().any(|blank| value.starts_with(blank)) {
        return None;
    }
    let value = value.strip_suffix('}').unwrap_or(value).trim_end();
    let value = value.strip_prefix('"').unwrap_or(value);
    let message = value.strip_suffix('"').unwrap_or(value);
    Some(StreamError { message: clip(message, MAX_MESSAGE_BYTES), code: None, kind: None })
}

fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.iter().all(is_blank),
        Value::Object(members) => members.values().all(is_blank),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(event: &str, expect: Option<(&str, Option<i64>, Option<&str>)>) {
        let value: Value = serde_json::from_str(event).unwrap();
        let got = from_event(&value);
        let got = got.as_ref().map(|error| (error.message.as_str(), error.code, error.kind.as_deref()));
        assert_eq!(got, expect, "{event}");
    }

    #[test]
    fn every_engines_shape() {
        let vllm = r#"{"error": {"message": "gone", "type": "InternalServerError", "param": null, "code": 500}}"#;
        check(vllm, Some(("gone", Some(500), Some("InternalServerError"))));
        check(
            r#"{"error":"Model is overloaded","error_type":"overloaded"}"#,
            Some(("Model is overloaded", None, Some("overloaded"))),
        );
        check(r#"{"error":{"message":"m","http_status_code":422}}"#, Some(("m", Some(422), None)));
        check(r#"{"error":{"message":"m","code":"429"}}"#, Some(("m", Some(429), None)));
        check(r#"{"error":{"message":"m","code":"rate_limit"}}"#, Some(("m", None, Some("rate_limit"))));
        check(r#"{"object":"error","message":"m","type":"T","code":400}"#, Some(("m", Some(400), Some("T"))));
        check(r#"{"error":true}"#, Some(("true", None, None)));
    }

    #[test]
    fn blank_errors_are_none() {
        for blank in ["null", "{}", "\"\"", "0", "0.0", "false", "[]", r#"{"message":null,"code":0}"#] {
            check(&format!("{{\"error\":{blank}}}"), None);
        }
        check(r#"{"object":"text_completion","message":"m"}"#, None);
    }

    #[test]
    fn an_unescaped_message_is_still_an_error() {
        let broken = |data: &str| from_broken_json(data.as_bytes()).map(|error| error.message);
        assert_eq!(broken(r#"{"error": "bad "quoted" thing"}"#).as_deref(), Some(r#"bad "quoted" thing"#));
        assert_eq!(broken(r#"{ "error" : "cut of"#).as_deref(), Some("cut of"));
        assert_eq!(broken(r#"{"error": null, "choices": [{"#), None);
        assert_eq!(broken(r#"{"errors": "x"#), None);
    }

    #[test]
    fn long_messages_are_cut_at_a_character() {
        let error = from_named_event("é".repeat(5000).as_bytes());
        assert_eq!(error.message.len(), MAX_MESSAGE_BYTES);
        assert_eq!(from_named_event(&b"x".repeat(5000)).message.len(), MAX_MESSAGE_BYTES);
    }
}
