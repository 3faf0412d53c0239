//! Owns one run of a tool: a process of ours that watches it, a bounded time, a certain end of all its processes.
//! Must not know which tool it is.

use super::cpu::{CpuCurve, CpuSample, group_cpu_ns};
use crate::bench::clock::SharedClock;
use crate::bench::host;
use crate::cores;
use anyhow::{Context, ensure};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, getpgrp, getpid};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Time between two samples of CPU time: reading those of a few processes costs under a hundredth of that.
const SAMPLE_EVERY: Duration = Duration::from_millis(400);
/// What a tool prints goes to this file of its folder.
const OUTPUT: &str = "output.txt";
/// Lines of it that a failure shows.
const SHOWN_LINES: usize = 12;

/// What a supervisor is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Order {
    /// The tool's program and arguments.
    pub words: Vec<String>,
    /// Variables added to its environment.
    pub env: Vec<(String, String)>,
    /// Where it runs.
    pub folder: PathBuf,
    /// The core that it is bound to, with all its processes.
    pub core: Option<usize>,
    /// How long it may take, s.
    pub limit_s: u64,
}

/// What a supervisor saw.
#[derive(Debug, Serialize, Deserialize)]
struct Watched {
    samples: Vec<CpuSample>,
    /// How it ended, as the system says; absent where its time was over first.
    end: Option<String>,
    good: bool,
}

/// Runs a tool until it ends; its CPU time is what comes of it, beside its files.
///
/// # Errors
/// Where it cannot be started, fails, or takes too long: with the last lines that it printed.
pub(super) fn run(order: &Order) -> anyhow::Result<CpuCurve> {
    let mut supervisor = Command::new(std::env::current_exe()?)
        .args(["bench", "client", "--one-peer", &serde_json::to_string(order)?])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        // Its group is the tool's: what ends the group ends every process of the tool.
        .process_group(0)
        .spawn()
        .context("the process that watches a tool cannot be started")?;
    let group = Pid::from_raw(i32::try_from(supervisor.id())?);
    // Held open until the tool has ended: should this process be gone, its end tells the supervisor.
    let lifeline = supervisor.stdin.take();
    let mut said = Vec::new();
    let read = supervisor.stdout.take().map_or(Ok(0), |mut out| out.read_to_end(&mut said));
    // Before the supervisor is waited for, nobody else can have its number.
    end_group(group);
    supervisor.wait()?;
    drop(lifeline);
    read?;
    let watched: Watched = rmp_serde::from_slice(&said).context("the process that watches a tool gave no result")?;
    let end = watched.end.unwrap_or_else(|| format!("it took over {} s and was ended", order.limit_s));
    ensure!(watched.good, "{end}; it printed: {}", last_lines(&order.folder));
    Ok(CpuCurve::new(watched.samples))
}

/// Watches a tool in this process, which leads a group of its own, and writes what it saw to standard output.
///
/// # Errors
/// Where the tool cannot be started.
pub(super) fn supervise(order: &Order) -> anyhow::Result<()> {
    ensure!(getpgrp() == getpid(), "a tool is watched by a process that leads a group of its own");
    std::thread::spawn(|| {
        let mut byte = [0];
        while matches!(std::io::stdin().read(&mut byte), Ok(n) if n > 0) {}
        end_group(getpgrp());
    });
    if let Some(core) = order.core {
        cores::bind(core)?;
    }
    let watched = watch(order)?;
    std::io::stdout().write_all(&rmp_serde::to_vec(&watched)?)?;
    Ok(())
}

fn watch(order: &Order) -> anyhow::Result<Watched> {
    let clock = SharedClock::new()?;
    let (program, args) = order.words.split_first().context("a tool without a command")?;
    let output = File::create(order.folder.join(OUTPUT)).context("a tool's output cannot be kept")?;
    let mut tool = Command::new(program)
        .args(args)
        .envs(order.env.iter().map(|(name, value)| (name, value)))
        .current_dir(&order.folder)
        .stdin(Stdio::null())
        .stderr(output.try_clone()?)
        .stdout(output)
        .spawn()
        .with_context(|| format!("{program} cannot be started"))?;
    let (group, deadline) = (getpgrp(), Instant::now() + Duration::from_secs(order.limit_s));
    let mut samples = Vec::new();
    let status = loop {
        let ended = tool.try_wait()?;
        let cpu_ns = match ended {
            // Its processes are gone; what they used is with those that this process has waited for.
            Some(_) => host::children_cpu_ns()?,
            None => group_cpu_ns(group, getpid())?,
        };
        samples.push(CpuSample { at_ns: clock.now_ns(), cpu_ns });
        if ended.is_some() || Instant::now() > deadline {
            break ended;
        }
        std::thread::sleep(SAMPLE_EVERY);
    };
    let good = status.is_some_and(|status| status.success());
    Ok(Watched { samples, end: status.map(|status| format!("it ended with {status}")), good })
}

fn end_group(group: Pid) {
    // ESRCH means that the group is gone already, which is what the signal is for.
    if let Err(error) = killpg(group, Signal::SIGKILL)
        && error != nix::errno::Errno::ESRCH
    {
        tracing::warn!(%error, %group, "processes of a tool could not be ended");
    }
}

fn last_lines(folder: &Path) -> String {
    let text = std::fs::read(folder.join(OUTPUT)).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
}
