//! Owns who is told of an engine while it starts: its lines, and, once its process runs, where it can be watched.
//! Must not know who that is.

use crate::process::Condition;
use shared::engine::EngineInfo;
use tokio::sync::{mpsc, oneshot, watch};

/// An engine whose process was begun.
pub struct Begun {
    /// What is known of it so far: command, version, GPUs.
    pub info: EngineInfo,
    /// Where it will answer.
    pub url: String,
    /// How far it is.
    pub condition: watch::Receiver<Condition>,
}

/// Who is told of an engine's start.
pub struct Onlooker {
    lines: mpsc::Sender<String>,
    begun: Option<oneshot::Sender<Begun>>,
    info: EngineInfo,
}

impl From<mpsc::Sender<String>> for Onlooker {
    /// Somebody who only reads its lines.
    fn from(lines: mpsc::Sender<String>) -> Self {
        Self { lines, begun: None, info: EngineInfo::default() }
    }
}

impl Onlooker {
    /// Somebody who also watches how far it is.
    #[must_use]
    pub fn watching(lines: mpsc::Sender<String>, begun: oneshot::Sender<Begun>) -> Self {
        Self { begun: Some(begun), ..lines.into() }
    }

    /// The same, who will be told this with its beginning.
    pub(super) fn knowing(self, info: EngineInfo) -> Self {
        Self { info, ..self }
    }

    /// Its process was begun, to listen on this port of 127.0.0.1. Gives who reads its lines.
    pub(super) fn begun(self, port: u16, condition: watch::Receiver<Condition>) -> mpsc::Sender<String> {
        let begun = Begun { info: self.info, url: format!("http://127.0.0.1:{port}"), condition };
        if let Some(watches) = self.begun
            && watches.send(begun).is_err()
        {
            tracing::debug!("nobody watches an engine any more that is started");
        }
        self.lines
    }
}
