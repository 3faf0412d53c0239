//! Owns the sentences with which an engine is refused.
//! Must not know how engines are reached.

use super::adapter::Refused;
use super::life::EngineDeath;
use crate::process::ProcessError;
use crate::secret::SecretError;
use std::io;
use std::path::PathBuf;

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
    /// Nothing answers there, but on this host's other address.
    #[error("No server answers at {url} ({reason}), but something listens at {there}: give that as engine.url.")]
    Elsewhere {
        /// The base URL.
        url: String,
        /// The system's reason.
        reason: String,
        /// The other URL.
        there: String,
    },
    /// No encrypted connection comes about.
    #[error("No encrypted connection to {url}: {reason}.")]
    Tls {
        /// The base URL.
        url: String,
        /// What is wrong and what to do.
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
    /// It did not come to its first token.
    #[error(transparent)]
    NotStarted(#[from] EngineDeath),
    /// It came to its first token, and nobody knows what it is: a fault of this program.
    #[error("The engine answered, but what it answered was lost, which is a fault of this program.")]
    Unidentified,
    /// The baseline's files cannot be written.
    #[error("The baseline's files could not be written below {folder} ({source}). Check the data directory and its disk.", folder = folder.display())]
    BaselineFiles {
        /// Where they belong.
        folder: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
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
    /// A header cannot be sent.
    #[error("The header {0} cannot be sent: its name, or what the variable or secret holds, is no text of a header.")]
    Header(String),
    /// The host has not what the plan wants.
    #[error("The plan wants {wanted}, but this host has {}.", if has.is_empty() { "none" } else { has.as_str() })]
    Gpus {
        /// What is wanted.
        wanted: String,
        /// What there is.
        has: String,
    },
    /// This kind is not started by the agent.
    #[error("{0} cannot be started by the agent in this way: give the url of a server that runs already.")]
    NotLaunched(&'static str),
    /// The program is not there.
    #[error(
        "{program} was not found, so {kind} could not be started: install it, or say where it is with engine.venv or \
         engine.command."
    )]
    NotInstalled {
        /// The program.
        program: String,
        /// The kind of engine.
        kind: &'static str,
    },
    /// The version does not know an argument.
    #[error("{0}")]
    Flag(String),
    /// A secret is not there.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The process could not be started.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// Our own program could not be found to start the built-in engine from.
    #[error("The built-in engine could not be started: this program's own file was not found ({0}).")]
    OwnProgram(io::Error),
    /// The command is empty.
    #[error("The engine's command is empty: name its program in engine.command.")]
    NoProgram,
}

impl From<Refused> for EngineError {
    fn from(refused: Refused) -> Self {
        EngineError::Flag(refused.0)
    }
}

/// What an error means of an engine that starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OfAStart {
    /// It is not there yet.
    Usual,
    /// It answers; what it says may change in a moment.
    ForAWhile,
    /// It will not change.
    Final,
}

impl EngineError {
    /// What it means of an engine that we have just started. Models that load, lists that are still empty and routes
    /// that are not there yet come right by themselves; a key or an argument does not.
    pub(super) fn of_a_start(&self) -> OfAStart {
        match self {
            EngineError::Unreachable { .. } | EngineError::Refused { status: 503, .. } => OfAStart::Usual,
            EngineError::Refused { status: 404 | 408 | 425 | 429 | 500..=599, .. }
            | EngineError::UnknownModel { .. }
            | EngineError::NoToken { .. } => OfAStart::ForAWhile,
            _ => OfAStart::Final,
        }
    }
}
