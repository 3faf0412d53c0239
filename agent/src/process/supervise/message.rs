//! Owns what agent and supervisor say to each other: one JSON object a line, over one socket.
//! Must not know what either does about it.

use crate::process::docker::Container;
use crate::process::fsm::Ending;
use crate::process::kin::Identity;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// What a supervisor is to start. It comes over the socket and not in arguments, which everybody on the host may read,
/// and has no form for people: secrets are among its variables.
#[derive(Clone, Serialize, Deserialize)]
pub struct Engine {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Variables added to its environment.
    pub env: Vec<(String, String)>,
    /// What tells its processes from all others, in their environment.
    pub mark: String,
    /// Its container, where the program is docker.
    pub container: Option<Container>,
    /// From SIGTERM to SIGKILL where the agent is lost.
    pub drain: Duration,
    /// From the first SIGKILL until nothing is expected any more.
    pub grace: Duration,
}

/// What the agent says.
#[derive(Clone, Serialize, Deserialize)]
pub enum Order {
    /// Make the engine's first process, which waits.
    Prepare(Engine),
    /// It stands in the ledger: let its program run.
    Go,
    /// Ask it to end, within this drain limit.
    Terminate(Duration),
    /// Kill whatever is left.
    Kill,
}

/// What the supervisor says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Word {
    /// The first process is there and waits; it leads a session and a group of its own.
    Prepared(Identity),
    /// Its program runs.
    Running,
    /// Its program could not be started; the system's reason.
    Refused(String),
    /// Its first process ended.
    Exited(Ending),
    /// Nothing of it is left; the supervisor ends now.
    Emptied,
}
