//! Owns the reading of one event of OpenAI's completions and chat streams, in every engine's dialect.
//! Must not know other events or time.

use super::facts::{EventFacts, finish_reason};
use super::json::{Count, ListLen, TextBytes};
use super::types::{FinishReason, Usage};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// Reads one event.
///
/// # Errors
/// When the data is not JSON or a key that matters has another shape than any known engine gives it.
pub(super) fn read(data: &[u8]) -> Result<EventFacts, serde_json::Error> {
    let event: Event = serde_json::from_slice(data)?;
    let choices = event.choices.unwrap_or_default();
    let mut facts = EventFacts {
        is_recognised: choices.was_list || event.usage.is_some(),
        is_chunk: choices.count > 0,
        content_bytes: choices.content_bytes,
        reasoning_bytes: choices.reasoning_bytes,
        tool_bytes: choices.tool_bytes,
        token_ids: choices.token_ids,
        has_other_choice: choices.has_other,
        finish_reason: choices.finish_reason,
        ..EventFacts::default()
    };
    if let Some(usage) = event.usage {
        usage.tell(&mut facts);
    }
    if let Some(timings) = event.timings {
        facts.fallback_usage = Some(timings.usage());
    }
    facts.look_for_error(data, event.error.is_some())?;
    Ok(facts)
}

#[derive(Deserialize)]
struct Event {
    choices: Option<Choices>,
    usage: Option<UsageObject>,
    timings: Option<Timings>,
    error: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct UsageObject {
    prompt_tokens: Option<Count>,
    completion_tokens: Option<Count>,
    reasoning_tokens: Option<Count>,
    completion_tokens_details: Option<CompletionDetails>,
    prompt_tokens_details: Option<PromptDetails>,
}

#[derive(Deserialize)]
struct CompletionDetails {
    reasoning_tokens: Option<Count>,
}

#[derive(Deserialize)]
struct PromptDetails {
    cached_tokens: Option<Count>,
}

impl UsageObject {
    fn tell(self, facts: &mut EventFacts) {
        let reasoning = self.completion_tokens_details.and_then(|details| details.reasoning_tokens);
        let usage = Usage {
            prompt_tokens: facts.count(self.prompt_tokens),
            completion_tokens: facts.count(self.completion_tokens),
            reasoning_tokens: facts.count(reasoning.or(self.reasoning_tokens)),
            cached_tokens: facts.count(self.prompt_tokens_details.and_then(|details| details.cached_tokens)),
        };
        facts.usage = Some(usage);
    }
}

/// llama.cpp's account of its work, on the last chunk whether or not usage was asked for.
#[derive(Deserialize)]
struct Timings {
    cache_n: Option<Count>,
    prompt_n: Option<Count>,
    predicted_n: Option<Count>,
}

impl Timings {
    fn usage(&self) -> Usage {
        let count = |count: Option<Count>| match count {
            Some(Count::Of(tokens)) => Some(tokens),
            _ => None,
        };
        let (cached, fresh) = (count(self.cache_n), count(self.prompt_n));
        Usage {
            prompt_tokens: fresh.zip(cached).and_then(|(fresh, cached)| fresh.checked_add(cached)),
            completion_tokens: count(self.predicted_n),
            reasoning_tokens: None,
            cached_tokens: cached,
        }
    }
}

#[derive(Deserialize)]
struct Choice {
    index: Option<u32>,
    text: Option<TextBytes>,
    delta: Option<Delta>,
    token_ids: Option<ListLen>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Delta {
    content: Option<TextBytes>,
    refusal: Option<TextBytes>,
    // vLLM 0.12 and 0.13 send both spellings with the same text.
    reasoning: Option<TextBytes>,
    reasoning_content: Option<TextBytes>,
    tool_calls: Option<ToolCalls>,
    function_call: Option<Function>,
}

#[derive(Deserialize)]
struct ToolCall {
    function: Option<Function>,
}

#[derive(Deserialize)]
struct Function {
    arguments: Option<TextBytes>,
}

impl ToolCall {
    fn argument_bytes(&self) -> u32 {
        self.function.as_ref().map_or(0, |function| bytes(function.arguments))
    }
}

fn bytes(text: Option<TextBytes>) -> u32 {
    text.unwrap_or_default().0
}

/// All choices of an event added up while they are read, so that no list is built.
#[derive(Debug, Default)]
struct Choices {
    was_list: bool,
    count: u32,
    content_bytes: u32,
    reasoning_bytes: u32,
    tool_bytes: u32,
    token_ids: Option<u32>,
    has_other: bool,
    finish_reason: Option<FinishReason>,
}

impl Choices {
    fn add(&mut self, choice: Choice) {
        let add = |sum: &mut u32, more: u32| *sum = sum.saturating_add(more);
        add(&mut self.count, 1);
        add(&mut self.content_bytes, bytes(choice.text));
        if let Some(delta) = choice.delta {
            add(&mut self.content_bytes, bytes(delta.content));
            add(&mut self.content_bytes, bytes(delta.refusal));
            add(&mut self.reasoning_bytes, bytes(delta.reasoning).max(bytes(delta.reasoning_content)));
            add(&mut self.tool_bytes, delta.tool_calls.map_or(0, |calls| calls.argument_bytes));
            add(&mut self.tool_bytes, delta.function_call.map_or(0, |function| bytes(function.arguments)));
        }
        if let Some(ListLen(ids)) = choice.token_ids {
            self.token_ids = Some(self.token_ids.unwrap_or(0).saturating_add(ids));
        }
        self.has_other |= choice.index.is_some_and(|index| index > 0);
        if let Some(word) = choice.finish_reason {
            self.finish_reason = finish_reason(&word).or(self.finish_reason.take());
        }
    }
}

impl<'de> Deserialize<'de> for Choices {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Sum;
        impl<'de> Visitor<'de> for Sum {
            type Value = Choices;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of choices")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Choices, A::Error> {
                let mut choices = Choices { was_list: true, ..Choices::default() };
                while let Some(choice) = items.next_element()? {
                    choices.add(choice);
                }
                Ok(choices)
            }
        }
        deserializer.deserialize_seq(Sum)
    }
}

/// Tool calls of a delta: a list, or the single object that TGI 2 writes.
#[derive(Debug)]
struct ToolCalls {
    argument_bytes: u32,
}

impl<'de> Deserialize<'de> for ToolCalls {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Sum;
        impl<'de> Visitor<'de> for Sum {
            type Value = ToolCalls;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of tool calls")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<ToolCalls, A::Error> {
                let mut argument_bytes = 0u32;
                while let Some(call) = items.next_element::<ToolCall>()? {
                    argument_bytes = argument_bytes.saturating_add(call.argument_bytes());
                }
                Ok(ToolCalls { argument_bytes })
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<ToolCalls, A::Error> {
                let call = ToolCall::deserialize(MapAccessDeserializer::new(members))?;
                Ok(ToolCalls { argument_bytes: call.argument_bytes() })
            }
        }
        deserializer.deserialize_any(Sum)
    }
}
