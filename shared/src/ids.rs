//! Owns the identifiers of runs, studies, points, trials and requests.
//! Must not know how they are stored or drawn.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A run's id: `r` and 20 lower-case hexadecimal digits, the first 12 of them the creation time in Unix ms,
/// so that ids sort by age and two runs begun in one millisecond still differ.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct RunId(String);

/// A text that is not a run id.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("\"{0}\" is not a run id: expected r and 20 hexadecimal digits, as the list of runs shows them")]
pub struct InvalidRunId(String);

impl RunId {
    /// Makes an id from the creation time (Unix ms) and 32 random bits.
    #[must_use]
    pub fn new(created_unix_ms: u64, random: u32) -> Self {
        Self(format!("r{:012x}{random:08x}", created_unix_ms & 0xffff_ffff_ffff))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for RunId {
    type Error = InvalidRunId;

    fn try_from(text: String) -> Result<Self, InvalidRunId> {
        if is_stamped('r', &text) { Ok(Self(text)) } else { Err(InvalidRunId(text.chars().take(40).collect())) }
    }
}

impl From<RunId> for String {
    fn from(id: RunId) -> Self {
        id.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A study's id: `s` and 20 lower-case hexadecimal digits, made as a run's are.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct StudyId(String);

/// A text that is not a study id.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("\"{0}\" is not a study id: expected s and 20 hexadecimal digits, as the list of studies shows them")]
pub struct InvalidStudyId(String);

impl StudyId {
    /// Makes an id from the creation time (Unix ms) and 32 random bits.
    #[must_use]
    pub fn new(created_unix_ms: u64, random: u32) -> Self {
        Self(format!("s{:012x}{random:08x}", created_unix_ms & 0xffff_ffff_ffff))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for StudyId {
    type Error = InvalidStudyId;

    fn try_from(text: String) -> Result<Self, InvalidStudyId> {
        if is_stamped('s', &text) { Ok(Self(text)) } else { Err(InvalidStudyId(text.chars().take(40).collect())) }
    }
}

impl From<StudyId> for String {
    fn from(id: StudyId) -> Self {
        id.0
    }
}

impl fmt::Display for StudyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// True for this letter and 20 lower-case hexadecimal digits.
fn is_stamped(letter: char, text: &str) -> bool {
    let digits = text.strip_prefix(letter).unwrap_or("");
    digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// Index of an engine configuration within its plan.
pub type ConfigurationIndex = u32;
/// Index of a point within its run, in plan order.
pub type PointIndex = u32;
/// Index of a trial within its run, in execution order.
pub type TrialIndex = u32;
/// Number of a request within its run.
pub type RequestId = u64;
