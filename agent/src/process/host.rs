//! Owns what engines of one data directory need of the host: the ledger, the program that watches them, their devices.
//! Must not know a single engine.

use super::docker::Container;
use super::error::ProcessError;
use super::ledger::{Ledger, Reaped};
use super::memory::{DeviceMemory, Only};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The running program's own file, even where it has been replaced on disk.
const OWN_PROGRAM: &str = "/proc/self/exe";

/// Where engines are started. Cloning gives another handle.
#[derive(Clone)]
pub struct Host {
    pub(super) ledger: Ledger,
    pub(super) supervisor: PathBuf,
    pub(super) memory: Option<Arc<dyn DeviceMemory>>,
}

impl Host {
    /// Opens the ledger of a data directory whose lock the caller holds, and ends what an earlier agent left there.
    /// Blocks while that dies.
    ///
    /// # Errors
    /// [`ProcessError::Ledger`] where the ledger cannot be read or made.
    pub fn open(data_dir: &Path) -> Result<(Self, Vec<Reaped>), ProcessError> {
        let (ledger, reaped) = Ledger::open(data_dir)?;
        Ok((Self { ledger, supervisor: OWN_PROGRAM.into(), memory: None }, reaped))
    }

    /// Another program than the running one watches engines: one whose `supervise` command is this room's.
    #[must_use]
    pub fn with_supervisor(mut self, program: impl Into<PathBuf>) -> Self {
        self.supervisor = program.into();
        self
    }

    /// Devices whose memory engines hold, and must give back.
    #[must_use]
    pub fn with_memory(mut self, memory: Arc<dyn DeviceMemory>) -> Self {
        self.memory = Some(memory);
        self
    }

    /// The same for an engine that uses these devices, by id, and no others: what happens on those is none of its own.
    #[must_use]
    pub fn on_devices(&self, ids: Vec<String>) -> Self {
        let memory = self.memory.clone().map(|of| Arc::new(Only { of, ids }) as Arc<dyn DeviceMemory>);
        Self { memory, ..self.clone() }
    }

    /// A container that does not exist yet, marked as this data directory's.
    #[must_use]
    pub fn container(&self, docker: impl Into<PathBuf>) -> Container {
        Container::new(docker.into(), self.ledger.owner())
    }
}
