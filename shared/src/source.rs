//! Owns where a run comes from that another tool measured: the tool, its files, and whose definitions its figures follow.
//! Must not know any tool's format. Fields are only added; what a file does not say is absent.

use serde::{Deserialize, Serialize};

/// Where an imported run comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Source {
    /// The tool that measured.
    pub tool: String,
    /// Its version, where the files say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What the files call the engine or the way it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// The files that the run was made of.
    pub files: Vec<SourceFile>,
    /// Figures that follow another definition than ours, by their key in the registry of metrics.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub definitions: Vec<Definition>,
}

/// One file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SourceFile {
    /// Its name as it was handed in, folders included; no path of this host.
    pub name: String,
    /// Its length, bytes.
    pub bytes: u64,
    /// SHA-256 of its bytes, hexadecimal: the same file is not imported twice.
    pub sha256: String,
}

/// How a figure was computed, where not as here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Definition {
    /// The metric's key; `percentiles` for all percentiles.
    pub metric: String,
    /// What it is there, as a sentence.
    pub says: String,
}

impl Source {
    /// The tool's name where it is this one: a run that was exported and taken in again.
    pub const OWN: &str = "Tokenprism";

    /// True where the figures are our own, so that our rules have looked at all of them.
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.tool == Self::OWN
    }

    /// How a metric was computed, where not as here: what a comparison with our own figure must say beside it.
    #[must_use]
    pub fn definition(&self, metric: &str) -> Option<&str> {
        self.definitions
            .iter()
            .find(|definition| definition.metric == metric)
            .map(|definition| definition.says.as_str())
    }
}
