//! Owns the reading of one event of Text Generation Inference's `generate_stream`.
//! Must not know other events or time.

use super::facts::{EventFacts, finish_reason};
use super::json::{Count, TextBytes};
use super::types::Usage;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// Reads one event. Each token event is one token, also with speculation; the last has `generated_text`.
///
/// # Errors
/// When the data is not JSON or a key that matters has another shape than TGI gives it.
pub(super) fn read(data: &[u8]) -> Result<EventFacts, serde_json::Error> {
    let event: Event = serde_json::from_slice(data)?;
    let mut facts = EventFacts {
        is_recognised: event.token.is_some() || event.generated_text.is_some(),
        is_chunk: event.token.is_some(),
        is_last: event.generated_text.is_some(),
        ..EventFacts::default()
    };
    if let Some(token) = event.token {
        facts.token_ids = Some(1);
        facts.content_bytes = token.text.unwrap_or_default().0;
    }
    if let Some(details) = event.details {
        facts.finish_reason = details.finish_reason.as_deref().and_then(finish_reason);
        let usage = Usage {
            prompt_tokens: facts.count(details.input_length),
            completion_tokens: facts.count(details.generated_tokens),
            reasoning_tokens: None,
            cached_tokens: None,
        };
        facts.usage = Some(usage);
    }
    facts.look_for_error(data, event.error.is_some())?;
    Ok(facts)
}

#[derive(Deserialize)]
struct Event {
    token: Option<Token>,
    generated_text: Option<IgnoredAny>,
    details: Option<Details>,
    error: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Token {
    text: Option<TextBytes>,
}

#[derive(Deserialize)]
struct Details {
    finish_reason: Option<String>,
    generated_tokens: Option<Count>,
    input_length: Option<Count>,
}
