//! Owns the engine's part of a plan: which kind, how it is reached, its own parameters, and which of them vary.
//! Must not know how an engine is started.

use crate::engine::{EngineKind, Launch, ParamValue};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Which engine, and how it is reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct EnginePlan {
    /// Which kind.
    pub kind: EngineKind,
    /// How the agent starts it; absent for a server that runs already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launch: Option<Launch>,
    /// Base URL of a server that is not started by us, without `/v1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Model id, or a folder on the agent's host; by default the first one that a running server lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Name that a started server gives the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served_name: Option<String>,
    /// Program and first arguments in place of the kind's own; a vector, never a shell line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// Folder of the virtual environment that the engine is installed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub venv: Option<String>,
    /// The container's image, with a tag or digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Folder on the agent's host that downloaded models are kept in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_cache: Option<String>,
    /// Port on 127.0.0.1 that a started engine serves on; a free one where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// How long a start may take until the first generated token, s; half an hour where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_limit_s: Option<f64>,
    /// GPUs that the engine uses, how many or which; needed for cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpus: Option<Gpus>,
    /// Type of the GPUs of a server that is not started by us.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu: Option<String>,
    /// Parameters of the engine's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, ParamValue>,
    /// Parameters that vary, each with its values: their product gives the engine's configurations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub vary: BTreeMap<String, Vec<ParamValue>>,
    /// In which order configurations are measured.
    #[serde(default, skip_serializing_if = "Order::is_default")]
    pub order: Order,
    /// Arguments that follow all others, as they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extra_args: Vec<String>,
    /// Names of variables or secrets that a started engine gets beside `HF_TOKEN`; never their values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pass_env: Vec<String>,
    /// Name of the variable or secret that holds the API key of a running server; never the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<String>,
    /// Headers for a running server, each with the name of the variable or secret that holds its value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
}

impl EnginePlan {
    /// A kind of engine and nothing else.
    #[must_use]
    pub fn of(kind: EngineKind) -> Self {
        Self {
            kind,
            launch: None,
            url: None,
            model: None,
            served_name: None,
            command: Vec::new(),
            venv: None,
            image: None,
            model_cache: None,
            port: None,
            ready_limit_s: None,
            gpus: None,
            gpu: None,
            params: BTreeMap::new(),
            vary: BTreeMap::new(),
            order: Order::default(),
            extra_args: Vec::new(),
            pass_env: Vec::new(),
            api_key: None,
            headers: BTreeMap::new(),
        }
    }
}

/// GPUs, how many or which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged, expecting = "gpus are a number, or a list of indices or of UUIDs")]
pub enum Gpus {
    /// This many.
    Count(u32),
    /// These, in the order of the PCI bus.
    Indices(Vec<u32>),
    /// These, whatever their order.
    Uuids(Vec<String>),
}

impl Gpus {
    /// How many.
    #[must_use]
    pub fn count(&self) -> u32 {
        let listed = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        match self {
            Gpus::Count(n) => *n,
            Gpus::Indices(list) => listed(list.len()),
            Gpus::Uuids(list) => listed(list.len()),
        }
    }
}

/// In which order configurations are measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// All trials of one, then all of the next: as few starts as there are configurations.
    #[default]
    Blocked,
    /// Each repeat holds every configuration, so that drift does not favour one; a start for each.
    Interleaved,
}

impl Order {
    fn is_default(&self) -> bool {
        *self == Order::default()
    }
}
