//! Owns the exported form of a study: what it came to, and the form of each of its runs.
//! Must not know how a study is folded.

use super::RunForm;
use schemars::JsonSchema;
use serde::Serialize;
use shared::study::StudyView;

/// A study, or some runs together.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct StudyForm {
    /// Version of this form, 1.
    pub schema: u32,
    /// What the study came to; left out where runs are together for another reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub study: Option<StudyView>,
    /// Its runs in their order.
    pub runs: Vec<NamedRun>,
}

/// One run among others.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct NamedRun {
    /// Its place.
    pub index: u32,
    /// What it is called there.
    pub label: String,
    /// Its form.
    pub recorded: RunForm,
}

impl StudyForm {
    /// The form of a study and its runs.
    #[must_use]
    pub fn of(study: Option<StudyView>, runs: Vec<NamedRun>) -> Self {
        Self { schema: super::run::SCHEMA, study, runs }
    }

    /// The form as the bytes of a file.
    ///
    /// # Errors
    /// Where it cannot be encoded.
    pub fn bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}
