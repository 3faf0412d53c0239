//! Owns the workload's part of a plan: what the engine is asked, and how long prompts and outputs are.
//! Must not know how a prompt is made.

use super::Lengths;
use serde::{Deserialize, Serialize};

/// What the engine is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WorkloadPlan {
    /// Length of synthetic prompts, tokens. One of this, `prompts` and `file`; none of them where a trace is played.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<Lengths>,
    /// Shipped prompts: `all`, or the name of a task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompts: Option<String>,
    /// A file on the agent's host: `.txt` as the shipped prompts, `.jsonl` with a prompt a line, `.json` in ShareGPT's
    /// form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Tokens asked for; absent where a trace is played, whose own lengths hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<Lengths>,
    /// Tokens that groups of synthetic prompts begin with in common: a prefix cache is used on purpose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<PrefixPlan>,
    /// Conversations of several turns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions: Option<SessionPlan>,
    /// Equal work: the engine goes on past its end-of-sequence token.
    #[serde(default = "yes")]
    pub ignore_eos: bool,
    /// A nonce a request, or a session, so that no prefix cache helps unasked.
    #[serde(default = "yes")]
    pub nonce: bool,
    /// Seed of everything random in prompts, arrivals and order.
    #[serde(default)]
    pub seed: u64,
}

/// Shared prefixes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PrefixPlan {
    /// Groups; requests take them in turn.
    pub groups: u32,
    /// Length of each group's prefix, tokens; `input_tokens` come after it.
    pub tokens: u32,
}

/// Conversations: each turn's prompt holds the turns before it. What the engine said is replaced by a planned reply
/// of the planned length, so that every engine gets the same work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SessionPlan {
    /// Turns of each synthetic conversation, or most turns that are taken of one from a file.
    pub turns: u32,
    /// Pause between an answer's end and the next turn, s.
    #[serde(default)]
    pub think_s: f64,
}

impl WorkloadPlan {
    /// True where the plan wants a prefix cache to help.
    #[must_use]
    pub fn reuses_prefixes(&self) -> bool {
        self.prefix.is_some() || self.sessions.is_some() || !self.nonce
    }
}

fn yes() -> bool {
    true
}
