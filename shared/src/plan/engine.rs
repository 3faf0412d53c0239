//! Owns the engine's part of a plan: which kind, where, and its own parameters.
//! Must not know how an engine is started.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Which engine, and how it is reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnginePlan {
    /// Which kind.
    pub kind: EngineKind,
    /// Base URL of a server that is not started by us, without `/v1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Model id; by default the first one that the server lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// GPUs that the engine uses; needed for cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpus: Option<u32>,
    /// Parameters of the engine's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, ParamValue>,
}

/// The kinds of engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineKind {
    /// The small Llama in this binary: random weights on the CPU.
    Builtin,
    /// Any server with OpenAI's completions.
    OpenaiCompletions,
    /// Any server with OpenAI's chat completions.
    OpenaiChat,
    /// A server with the `generate_stream` route.
    GenerateStream,
}

impl EngineKind {
    /// The words that pages and tables show.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            EngineKind::Builtin => "built-in (random weights, CPU)",
            EngineKind::OpenaiCompletions => "OpenAI completions",
            EngineKind::OpenaiChat => "OpenAI chat",
            EngineKind::GenerateStream => "generate_stream",
        }
    }
}

/// A value of an engine parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ParamValue {
    /// true or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A text.
    Text(String),
}
