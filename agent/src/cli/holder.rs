//! Owns who works in a data directory: this command, or the agent that holds it and does the work then.
//! Must not know what the work is.

use super::DataArg;
use super::agent_file::AgentFile;
use crate::log::{DataDir, LogError};
use crate::remote::Agent;
use anyhow::Context;

/// Who holds a data directory; there is one at a time.
pub(super) enum Holder {
    /// This command, from now on.
    Us(DataDir),
    /// The agent that serves from it.
    Agent(Agent),
}

impl Holder {
    /// Takes the directory, or finds the agent that has it.
    ///
    /// # Errors
    /// Where another command has it, or it cannot be used.
    pub(super) fn of(data: &DataArg) -> anyhow::Result<Self> {
        match DataDir::lock(&data.data_dir) {
            Ok(data_dir) => Ok(Self::Us(data_dir)),
            Err(LogError::Locked { .. }) => {
                let agent = AgentFile::read(&data.data_dir).with_context(|| {
                    format!(
                        "another command works in {}; wait for it, or name another folder with --data",
                        data.data_dir.display()
                    )
                })?;
                Ok(Self::Agent(Agent::new(&agent.url, Some(agent.token))?))
            }
            Err(error) => Err(error.into()),
        }
    }
}
