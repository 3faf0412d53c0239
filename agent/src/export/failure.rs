//! Owns why something cannot be exported, as sentences.
//! Must not know who reads them.

use crate::blob::BlobError;
use crate::log::LogError;
use crate::render::RenderError;
use shared::ids::RunId;

/// Why something cannot be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The log says no.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The records say no.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The run's creation cannot be read.
    #[error("The run {0} has no plan that this version can read, so there is nothing to export.")]
    Unreadable(RunId),
    /// Only an ended run is whole.
    #[error("The run {0} has not ended: an archive holds a run whole. Wait for its end, or cancel it.")]
    NotEnded(RunId),
    /// What this format is made of is not there.
    #[error("{of} cannot be exported as {format}: {why}")]
    Nothing {
        /// The run or study.
        of: String,
        /// The format's name.
        format: &'static str,
        /// Why, as a sentence.
        why: String,
    },
    /// A writer failed.
    #[error("The export could not be written: {0}. Check that the disk of the data directory has room.")]
    Write(#[from] std::io::Error),
    /// There was no turn to draw the plots.
    #[error(transparent)]
    Plots(#[from] RenderError),
    /// An encoder failed.
    #[error("The export could not be encoded: {0}.")]
    Encode(String),
}

impl From<serde_json::Error> for ExportError {
    fn from(error: serde_json::Error) -> Self {
        Self::Encode(error.to_string())
    }
}
