//! Owns the protocol-free account of one event, which every dialect fills in.
//! Must not know what came before the event.

use super::errors;
use super::json::Count;
use super::types::{FinishReason, StreamError, Usage};

/// What one event says, in words that all protocols share.
#[derive(Debug, Default, PartialEq)]
pub(super) struct EventFacts {
    /// The event has a place for output: choices that are not empty, or a token.
    pub(super) is_chunk: bool,
    /// UTF-8 bytes of visible text.
    pub(super) content_bytes: u32,
    /// UTF-8 bytes of reasoning.
    pub(super) reasoning_bytes: u32,
    /// UTF-8 bytes of tool-call arguments.
    pub(super) tool_bytes: u32,
    /// Token ids named by the chunk.
    pub(super) token_ids: Option<u32>,
    /// Usage that stands on the event.
    pub(super) usage: Option<Usage>,
    /// A usage figure was no count.
    pub(super) has_unreadable_usage: bool,
    /// Output tokens by a second account of the server, taken when it gives no usage.
    pub(super) fallback_usage: Option<Usage>,
    /// Why generation stopped.
    pub(super) finish_reason: Option<FinishReason>,
    /// The event ends the stream by itself.
    pub(super) is_last: bool,
    /// It speaks of a choice other than the first.
    pub(super) has_other_choice: bool,
    /// An error in the event.
    pub(super) error: Option<StreamError>,
    /// At least one key was understood.
    pub(super) is_recognised: bool,
}

impl EventFacts {
    /// The event has a place for output and says nothing else.
    pub(super) fn is_mere_chunk(&self) -> bool {
        let Self { content_bytes, reasoning_bytes, token_ids, .. } = *self;
        *self
            == Self {
                is_chunk: true,
                is_recognised: true,
                content_bytes,
                reasoning_bytes,
                token_ids,
                ..Self::default()
            }
    }

    /// A figure of the usage; one that is no count is noted.
    pub(super) fn count(&mut self, count: Option<Count>) -> Option<u32> {
        match count? {
            Count::Of(tokens) => Some(tokens),
            Count::Unreadable => {
                self.has_unreadable_usage = true;
                None
            }
        }
    }

    /// Reads the event once more, for an error: where it has one, or nothing else was understood.
    pub(super) fn look_for_error(&mut self, data: &[u8], has_key: bool) -> Result<(), serde_json::Error> {
        if has_key || !self.is_recognised {
            self.is_recognised |= has_key;
            self.error = errors::from_event(&serde_json::from_slice(data)?);
        }
        Ok(())
    }
}

/// The server's word for the end; an empty one (TGI's completions) is none.
pub(super) fn finish_reason(word: &str) -> Option<FinishReason> {
    match word {
        "" => None,
        "length" => Some(FinishReason::Length),
        "stop" | "eos_token" | "stop_sequence" => Some(FinishReason::Stop),
        "tool_calls" | "function_call" => Some(FinishReason::ToolCalls),
        other => Some(FinishReason::Other(errors::clip(other, 64))),
    }
}
