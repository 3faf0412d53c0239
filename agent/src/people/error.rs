//! Owns why something about people was refused, as sentences.
//! Must not know who reads them.

use crate::log::LogError;

/// Why a token or a share was not made or revoked.
#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    /// What was asked for cannot be.
    #[error("{0}")]
    Invalid(String),
    /// What is to be shared is not there.
    #[error("There is no {0} to share: it may have been deleted.")]
    NothingThere(String),
    /// As many as are kept are there.
    #[error("There are {most} {what} already, as many as are kept: revoke one that is not needed any more.")]
    TooMany {
        /// `tokens` or `shares`.
        what: &'static str,
        /// How many.
        most: usize,
    },
    /// The log did not take or give it.
    #[error(transparent)]
    Log(#[from] LogError),
}
