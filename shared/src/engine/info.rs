//! Owns what is known of an engine that answers: version, model, flags, hardware, capacity, how its start went.
//! Must not know how any of it was found out. Fields are only added; what is unknown is absent.

use super::gpu::Gpu;
use super::parameter::ParamValue;
use super::shape::ModelShape;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is known of an engine once it answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EngineInfo {
    /// Words that name it on every view.
    pub label: String,
    /// Its version, where it tells.
    pub version: Option<String>,
    /// The model that answers.
    pub model: String,
    /// Context limit, tokens, where it tells.
    pub context_tokens: Option<u32>,
    /// From spawn to the first generated token, ms; absent for a server that was not started by us.
    pub start_ms: Option<f64>,
    /// Which of the plan's engine configurations it runs.
    #[serde(default)]
    pub configuration: u32,
    /// Its parameters, as the plan gives them to this configuration.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, ParamValue>,
    /// Program and arguments as it was started; no secret stands in them. None for an attached server.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// The container's image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageInfo>,
    /// Precision of the weights, where it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dtype: Option<String>,
    /// Seed of the engine, where it was given one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<i64>,
    /// The GPU driver's version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// The GPUs that it may use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gpus: Vec<Gpu>,
    /// How many of them it computes on, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpus_used: Option<u32>,
    /// How its start went, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phases: Vec<StartPhase>,
    /// How much it can hold at once.
    #[serde(default, skip_serializing_if = "Capacity::is_unknown")]
    pub capacity: Capacity,
    /// The shape of its model, where that could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<ModelShape>,
    /// Why the shape is unknown, as a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_shape: Option<String>,
    /// Why its work for a token need not be what the shape says, as a sentence: it guesses tokens, computes everything anew,
    /// or nobody knows how it was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_work: Option<String>,
    /// True where it was started to keep what prompts begin with, so that it need not compute that again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub may_keep_prompts: bool,
}

/// A container's image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ImageInfo {
    /// As the plan names it.
    pub name: String,
    /// What it was in fact.
    pub digest: Option<String>,
}

/// A step of an engine's start. They come in this order; an engine may leave some out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The container's image is brought.
    Image,
    /// From the start of its process until it says something that is recognised: the program loads its own code.
    Process,
    /// The model is brought from elsewhere.
    Download,
    /// Weights are read.
    Weights,
    /// Code is compiled, memory is measured, graphs are captured.
    Compile,
    /// The server opens its port, and answers the first request.
    Serve,
    /// A phase that this version does not know.
    #[serde(other)]
    Unknown,
}

/// How far an engine's start is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Starting {
    /// The step that it is at.
    pub phase: Phase,
    /// How much of that is done, where its output says so.
    pub percent: Option<u8>,
}

impl Starting {
    /// What it does, in words: "downloading 43 %".
    #[must_use]
    pub fn words(&self) -> String {
        let step = match self.phase {
            Phase::Image => "image",
            Phase::Process => "program",
            Phase::Download => "downloading",
            Phase::Weights => "weights",
            Phase::Compile => "compiling",
            Phase::Serve => "first token",
            Phase::Unknown => "engine",
        };
        self.percent.map_or_else(|| step.to_owned(), |percent| format!("{step} {percent} %"))
    }
}

/// When a step of an engine's start began.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StartPhase {
    /// Which.
    pub phase: Phase,
    /// Since spawn, ms; it lasts until the next one begins, the last until the first generated token.
    pub begun_ms: f64,
}

/// How much an engine can hold at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Capacity {
    /// Tokens of the KV cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kv_tokens: Option<u64>,
    /// Tokens of one of its blocks, where memory is given in blocks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kv_block_tokens: Option<u32>,
    /// Bytes of the KV cache, where the engine measured its tensors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kv_bytes: Option<u64>,
    /// Requests that are worked on at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_running: Option<u32>,
    /// Requests that are taken at once, those that wait included; beyond it they are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_taken: Option<u32>,
}

impl Capacity {
    /// True where nothing is known.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }
}
