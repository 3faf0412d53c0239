//! Owns what is to be ended with an engine: nothing, a process and its group, or a container and its client.
//! Must not know how an engine was started or what it serves.

use super::tool::{DOCKER_LIMIT, docker};
use crate::process::Child;
use std::process::ExitStatus;
use std::time::Duration;

/// What ends with an engine.
pub(super) enum Life {
    /// It was there before us.
    Attached,
    /// A process of ours.
    Process(Child),
    /// A container of ours; the client carries its output, and signals on to it.
    Container {
        /// The client. It must end after the container, or its output would be lost.
        client: Child,
        /// The container.
        container: Container,
    },
}

impl Life {
    /// How the engine ended, where it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        match self {
            Life::Attached => None,
            Life::Process(child) | Life::Container { client: child, .. } => child.ended(),
        }
    }

    /// The process that leads the group of a native engine.
    pub fn pid(&self) -> Option<i32> {
        if let Life::Process(child) = self { Some(child.pid()) } else { None }
    }

    /// Ends it and waits until it is gone.
    pub async fn stop(self) {
        match self {
            Life::Attached => {}
            Life::Process(child) => child.stop().await,
            Life::Container { client, mut container } => {
                container.stop().await;
                client.stop().await;
                container.remove().await;
            }
        }
    }
}

/// A container by its name. Dropped without having been removed, it is removed in the background.
pub(super) struct Container {
    name: String,
    grace: Duration,
    is_gone: bool,
}

impl Container {
    /// The container of this name, with so much time to end when it is asked to.
    pub fn new(name: String, grace: Duration) -> Self {
        Self { name, grace, is_gone: false }
    }

    async fn stop(&self) {
        let seconds = self.grace.as_secs().to_string();
        docker(&["stop", "--time", &seconds, &self.name], self.grace + DOCKER_LIMIT).await;
    }

    async fn remove(&mut self) {
        // Usually gone by itself; a client that was killed before could not see to it.
        docker(&["rm", "--force", &self.name], DOCKER_LIMIT).await;
        self.is_gone = true;
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if self.is_gone {
            return;
        }
        let name = std::mem::take(&mut self.name);
        let removed = std::process::Command::new("docker")
            .args(["rm", "--force", &name])
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn();
        match removed {
            // Waited for elsewhere, so that no zombie stays.
            Ok(mut child) => drop(std::thread::spawn(move || child.wait())),
            Err(error) => tracing::error!(%error, name, "a container could not be removed"),
        }
    }
}
