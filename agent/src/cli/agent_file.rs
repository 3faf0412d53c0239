//! Owns the file by which commands on this host find the serving agent: its URL and token, readable by its owner only.
//! Must not know what is said to the agent.

use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// How to reach the serving agent of a data directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentFile {
    /// Base URL.
    pub url: String,
    /// Admin token.
    pub token: String,
    /// Process id.
    pub pid: u32,
}

fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("agent.json")
}

impl AgentFile {
    /// Writes the file with mode 0600, so that no other user of the host reads the token.
    ///
    /// # Errors
    /// Where the data directory cannot be written.
    pub fn write(&self, data_dir: &Path) -> anyhow::Result<()> {
        let path = path(data_dir);
        remove(data_dir);
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("{} could not be written; is the data directory writable?", path.display()))?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        Ok(())
    }

    /// Reads the file; nothing where no agent left one.
    #[must_use]
    pub fn read(data_dir: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(path(data_dir)).ok()?).ok()
    }
}

/// Removes the file; it being gone is what is wanted.
pub fn remove(data_dir: &Path) {
    if let Err(error) = std::fs::remove_file(path(data_dir))
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(%error, "the agent's file could not be removed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn only_the_owner_reads_the_token() {
        let dir = tempfile::tempdir().unwrap();
        let file = AgentFile { url: "http://127.0.0.1:1".into(), token: "t".into(), pid: 7 };
        file.write(dir.path()).unwrap();
        let mode = std::fs::metadata(path(dir.path())).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(AgentFile::read(dir.path()), Some(file));
        remove(dir.path());
        assert_eq!(AgentFile::read(dir.path()), None);
    }
}
