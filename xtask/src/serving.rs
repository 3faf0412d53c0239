//! Owns an agent that is tried from outside: where its data lies, its token, its start and its end.
//! Must not know what is tried.

use crate::paths;
use crate::sh::Sh;
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The agent's token: on loopback, for as long as a trial takes.
pub const TOKEN: &str = "trial-trial-trial-trial-trial-trial-trial";

/// The agent as it is tested.
pub fn program() -> PathBuf {
    paths::target().join("debug/tokenprism")
}

/// An empty folder for a trial, beside what is built.
///
/// # Errors
/// When what an earlier trial left there cannot be removed.
pub fn folder(name: &str) -> Result<PathBuf> {
    let folder = paths::target().join("xtask").join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

/// An agent that ends with this value.
pub struct Agent {
    /// Where it serves.
    pub url: String,
    process: Child,
}

impl Agent {
    /// Builds the agent and starts it on a free port of loopback.
    ///
    /// # Errors
    /// When the build fails, or it does not serve.
    pub fn start(data: &Path) -> Result<Self> {
        // As for the tests, one of which brings the program along: alone it would have other features of its libraries and
        // be compiled anew.
        Sh::new("cargo")
            .args(["test", "--no-run", "--locked", "--workspace", "--exclude", "tokenprism-web", "--test", "edge"])
            .run()?;
        let mut process = Command::new(program())
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .env("TOKENPRISM_TOKEN", TOKEN)
            .env("HF_HUB_OFFLINE", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("the agent cannot be started")?;
        let out = process.stdout.take().context("the agent has no output")?;
        let mut lines = BufReader::new(out).lines().map_while(|line| line.ok());
        let url = lines.find_map(|line| line.strip_prefix("Tokenprism serves on ").map(str::to_owned));
        std::thread::spawn(move || lines.for_each(drop));
        match url {
            Some(url) => Ok(Self { url, process }),
            None => {
                drop(process.kill().and_then(|()| process.wait()));
                bail!("the agent did not start; see above")
            }
        }
    }

    /// It has outlived all of that.
    ///
    /// # Errors
    /// When it has not.
    pub fn still_serves(mut self) -> Result<()> {
        match self.process.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("the agent ended ({status})"),
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // SIGTERM, so that no engine is left behind.
        let told = Command::new("kill").arg(self.process.id().to_string()).status();
        if let Err(error) = told.and_then(|_| self.process.wait()) {
            eprintln!("the agent could not be ended: {error}");
        }
    }
}
