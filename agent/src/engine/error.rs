//! Owns the sentences with which an engine is refused.
//! Must not know how engines are reached.

/// Why an engine cannot be measured.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Nothing answers.
    #[error("No server answers at {url}: {reason}. Check that it runs and that the address and port are right.")]
    Unreachable {
        /// The base URL.
        url: String,
        /// The system's reason.
        reason: String,
    },
    /// It answers, but not as an engine does.
    #[error("{url} answered {status}: {message}")]
    Refused {
        /// The URL that was asked.
        url: String,
        /// HTTP status.
        status: u16,
        /// The server's words, or what to do.
        message: String,
    },
    /// The model is not there.
    #[error("The server at {url} does not serve the model \"{wanted}\". It serves: {available}.")]
    UnknownModel {
        /// The base URL.
        url: String,
        /// The model of the plan.
        wanted: String,
        /// What it lists.
        available: String,
    },
    /// It did not come to its first token; why, and what to do.
    #[error("The engine did not start. {0}")]
    NotStarted(String),
    /// It answered, but produced nothing.
    #[error("The server at {url} accepted a request but generated nothing: {reason}")]
    NoToken {
        /// The base URL.
        url: String,
        /// What the stream held.
        reason: String,
    },
    /// The URL cannot be used.
    #[error("{url} is not a URL that can be measured: {reason}.")]
    Url {
        /// The URL.
        url: String,
        /// Why.
        reason: String,
    },
    /// The process could not be started.
    #[error(transparent)]
    Process(#[from] crate::process::ProcessError),
    /// Our own program could not be found to start the built-in engine from.
    #[error("The built-in engine could not be started: this program's own file was not found ({0}).")]
    OwnProgram(std::io::Error),
}
