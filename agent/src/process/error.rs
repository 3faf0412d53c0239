//! Owns the sentences with which the room refuses.
//! Must not know who reads them.

use std::path::{Path, PathBuf};

/// Why an engine was not launched, or could not be kept account of.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// Somebody listens there.
    #[error("Port {port} is held by {holder}. End that, or give the engine another port.")]
    PortTaken {
        /// The port.
        port: u16,
        /// Who holds it, as words.
        holder: String,
    },
    /// The system gives no port.
    #[error("No port of 127.0.0.1 is free for an engine ({0}).")]
    NoPort(std::io::Error),
    /// The ledger of engines cannot be read or written.
    #[error("The list of started engines, {path}, cannot be {what} ({source}). Engines are not started without it, for nobody would end them. Check the data directory and its disk.", path = path.display())]
    Ledger {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// The system's reason.
        source: std::io::Error,
    },
}

impl ProcessError {
    pub(super) fn ledger(path: &Path, what: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Ledger { path, what, source }
    }
}
