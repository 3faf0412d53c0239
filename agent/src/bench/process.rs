//! Owns the processes that a bench starts: the pacing server, and an agent; each ends with its value.
//! Must not know what is measured.

use crate::remote::Agent;
use anyhow::{Context, bail};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Token of an agent that a bench starts: on loopback, for a minute, and known to this file alone.
const TOKEN: &str = "bench-bench-bench-bench-bench-bench";

/// A pacing server in its own process, which ends with this value.
pub(super) struct Pacer {
    /// Where it listens.
    pub addr: SocketAddr,
    process: Child,
}

impl Pacer {
    /// Starts it, bound to a core where one is named; both times 0 is full speed. It shows the file as its page of metrics.
    pub fn start(
        ttft_ms: f64,
        gap_ms: f64,
        chunks_per_write: u32,
        core: Option<usize>,
        page: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["pacer", "--until-stdin-closes"]);
        command.arg(format!("--ttft-ms={ttft_ms}")).arg(format!("--gap-ms={gap_ms}"));
        command.arg(format!("--chunks-per-write={chunks_per_write}"));
        if let Some(core) = core {
            command.arg(format!("--core={core}"));
        }
        if let Some(page) = page {
            command.arg("--metrics-page").arg(page);
        }
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the pacing server's process cannot be started")?;
        match first_line(&mut process, "")?.trim().parse() {
            Ok(addr) => Ok(Self { addr, process }),
            Err(_) => {
                end(&mut process);
                bail!("the pacing server did not start; see above")
            }
        }
    }
}

impl Drop for Pacer {
    fn drop(&mut self) {
        end(&mut self.process);
    }
}

/// Ends a process of the bench.
pub(super) fn end(process: &mut Child) {
    if let Err(error) = process.kill().and_then(|()| process.wait()) {
        tracing::warn!(%error, "a process of the bench could not be ended");
    }
}

/// The first line of a process's output that begins with a prefix, without it; empty where the output ends before.
/// The pipe stays with the process, which may print more.
fn first_line(process: &mut Child, prefix: &str) -> anyhow::Result<String> {
    let Some(out) = process.stdout.as_mut() else { return Ok(String::new()) };
    for line in BufReader::new(out).lines() {
        if let Some(rest) = line?.strip_prefix(prefix) {
            return Ok(rest.to_owned());
        }
    }
    Ok(String::new())
}

/// An agent in its own process.
pub(super) struct Serving {
    /// How to talk to it.
    pub agent: Agent,
    process: Child,
    _data: tempfile::TempDir,
}

impl Serving {
    /// Starts it.
    pub fn start() -> anyhow::Result<Self> {
        Self::over(tempfile::tempdir().context("no folder can be made for the agent's log")?)
    }

    /// Starts it with what is in a folder, which ends with this value.
    pub fn over(data: tempfile::TempDir) -> anyhow::Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data.path())
            .env("TOKENPRISM_TOKEN", TOKEN)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("the agent's process cannot be started")?;
        let url = first_line(&mut process, "Tokenprism serves on ")?;
        if url.is_empty() {
            end(&mut process);
            bail!("the agent did not start; see above");
        }
        Ok(Self { agent: Agent::new(&url, Some(TOKEN.to_owned()))?, process, _data: data })
    }
}

impl Serving {
    /// Memory of the agent that is in RAM, bytes; nothing where the system does not tell.
    pub fn resident_bytes(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        end(&mut self.process);
    }
}
