//! Owns how a kind of engine is told of: how it may be reached, and what it can be started with.
//! Must not know the engines.

use crate::engine::{EngineKind, Launch, Parameter};
use serde::{Deserialize, Serialize};

/// One kind of engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EngineRow {
    /// Which.
    pub kind: EngineKind,
    /// The words that name it.
    pub label: String,
    /// How the agent can start it; in no way where it starts it by itself, or only attaches it.
    pub launches: Vec<Launch>,
    /// A server of this kind that runs already can be measured.
    pub by_url: bool,
    /// Its parameters; none of one that is only attached.
    pub parameters: Vec<Parameter>,
}
