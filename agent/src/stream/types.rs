//! Owns the words in which a decoded stream is described: arrivals, usage, finish, error, anomalies.
//! Must not know how the bytes spelled them.

use serde::{Deserialize, Serialize};

/// How the server spells a streamed answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// `POST /v1/completions` with `stream: true`.
    #[serde(rename = "openai_completions")]
    OpenAiCompletions,
    /// `POST /v1/chat/completions` with `stream: true`.
    #[serde(rename = "openai_chat")]
    OpenAiChat,
    /// `POST /generate_stream` of Hugging Face Text Generation Inference.
    TgiGenerateStream,
}

/// Which channel the output of a chunk came on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// Text meant for the reader; wins when a chunk carries several channels.
    Content,
    /// Text of a reasoning model's thinking.
    Reasoning,
    /// Arguments of a tool call.
    ToolCall,
    /// No text at all, but the server says that a token was made.
    CountOnly,
}

/// One chunk that carries generated output.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Arrival {
    /// When the read that completed the event returned, on the caller's clock, ns.
    pub t_ns: u64,
    /// The channel of the output.
    pub channel: Channel,
    /// Tokens in this chunk when the server says: length of its token ids, else growth of its running
    /// usage count, else absent. A TGI token event is one token. The first arrival's value is n₁.
    pub tokens: Option<u32>,
    /// UTF-8 bytes of output text in this chunk, all channels together.
    pub text_bytes: u32,
}

/// Where the per-chunk token counts of a stream came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CountSource {
    /// Every output chunk named its token ids.
    TokenIds,
    /// Every output chunk has a count, at least one of them as growth of the running usage.
    ContinuousUsage,
    /// At least one output chunk has no count, or there was none.
    Unknown,
}

/// The server's own account of tokens: for each figure the greatest value that any event stated.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Prompt tokens, template included.
    pub prompt_tokens: Option<u32>,
    /// Output tokens, reasoning included. Absent when the server only ever said 0 beside output.
    pub completion_tokens: Option<u32>,
    /// Output tokens spent on reasoning.
    pub reasoning_tokens: Option<u32>,
    /// Prompt tokens taken from a cache.
    pub cached_tokens: Option<u32>,
}

/// Why the server stopped generating.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// The requested length or the context limit was reached.
    Length,
    /// An end-of-sequence token or a stop string.
    Stop,
    /// The model called a tool.
    ToolCalls,
    /// Any other word of the server, at most 64 bytes of it.
    Other(String),
}

/// An error that the server reported inside a stream that had begun with success.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StreamError {
    /// The server's message, at most 2 KiB.
    pub message: String,
    /// The server's numeric code, when it gave one.
    pub code: Option<i64>,
    /// The server's word for the kind of error, when it gave one.
    pub kind: Option<String>,
}

/// Something about a stream that makes its figures doubtful without making it a failure.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Anomaly {
    /// The running completion count went down; the greatest value is kept.
    UsageDecreased,
    /// A usage figure was not a whole number from 0 to 2³² − 1; it is taken as absent.
    UsageUnreadable,
    /// More reasoning tokens than completion tokens.
    ReasoningExceedsCompletion,
    /// Fewer completion tokens than chunks with text; a count of zero is taken as absent.
    UsageBelowChunks,
    /// The token ids of the chunks do not add up to the completion count.
    TokenIdsDisagree,
    /// Choices beyond the first were streamed; their output is counted into the same timeline.
    SeveralChoices,
    /// An event that is JSON but has no choices, token, usage or error.
    UnrecognisedEvent,
    /// Events came after the one that ends the stream.
    DataAfterDone,
    /// The body ended inside an event.
    TruncatedTail,
}

/// What a stream amounted to, once its body has ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StreamSummary {
    /// Why generation stopped; absent when the server did not say.
    pub finish_reason: Option<FinishReason>,
    /// The server said that generation is over: a finish reason, or TGI's event with `generated_text`
    /// (which has no reason unless the request asked for details). Not implied by `[DONE]`.
    pub finished: bool,
    /// The server's token counts, when it gave any.
    pub usage: Option<Usage>,
    /// The first error reported in-band.
    pub error: Option<StreamError>,
    /// `[DONE]` or TGI's final event was seen.
    pub done_seen: bool,
    /// A sentence about the first event that could not be read, with an excerpt.
    pub malformed: Option<String>,
    /// Chunks that carried output, which is how many arrivals were reported.
    pub output_chunks: u32,
    /// Sum of token ids, when every output chunk named its own.
    pub token_ids_total: Option<u32>,
    /// Where the arrivals' `tokens` came from.
    pub count_source: CountSource,
    /// Doubts, each kind once, in a fixed order.
    pub anomalies: Vec<Anomaly>,
    /// UTF-8 bytes of output text, all channels together.
    pub text_bytes: u64,
    /// When the first output that is not reasoning arrived (text or tool-call arguments), ns.
    pub first_visible_ns: Option<u64>,
}

impl StreamSummary {
    /// True where the server's own token counts contradict each other.
    #[must_use]
    pub fn counts_in_doubt(&self) -> bool {
        self.anomalies.iter().any(|anomaly| match anomaly {
            Anomaly::UsageDecreased
            | Anomaly::UsageUnreadable
            | Anomaly::ReasoningExceedsCompletion
            | Anomaly::UsageBelowChunks
            | Anomaly::TokenIdsDisagree
            | Anomaly::SeveralChoices => true,
            Anomaly::UnrecognisedEvent | Anomaly::DataAfterDone | Anomaly::TruncatedTail => false,
        })
    }
}
