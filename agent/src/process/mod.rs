//! Owns the life of a child process: start in a group of its own, its output by lines, and a certain end.
//! Must not know what the child does with its ports.

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child as TokioChild, ChildStdin, Command};
use tokio::sync::mpsc;

/// Longest line that is kept, bytes; the rest of it is cut.
const MAX_LINE_BYTES: usize = 2_000;
/// How long a child may take after SIGTERM before its group is killed.
const TERM_GRACE: Duration = Duration::from_secs(5);

/// What to start.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The program.
    pub program: PathBuf,
    /// Its arguments, a vector and never a shell line.
    pub args: Vec<OsString>,
    /// Variables added to its environment.
    pub env: Vec<(String, String)>,
}

/// Where a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Why a child could not be started or ended.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The operating system refused.
    #[error("{program} could not be started: {source}. Check that the file exists and may be executed.")]
    Spawn {
        /// The program.
        program: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// It never had a process id.
    #[error("{0} ended before it had a process id.")]
    NoPid(String),
}

/// A running child and its process group. Dropping it kills the group.
pub struct Child {
    child: TokioChild,
    group: Pid,
    /// Held open for as long as the agent lives: a child that reads end-of-file here knows that we are gone,
    /// even after kill -9.
    _lifeline: Option<ChildStdin>,
}

impl Child {
    /// Starts a child in its own process group; its lines arrive on the receiver, and it closes when both outputs
    /// have. Lines are dropped, oldest kept, where the receiver is not read.
    ///
    /// # Errors
    /// [`ProcessError`] where the program cannot be started.
    pub fn start(launch: &Launch) -> Result<(Self, mpsc::Receiver<(Source, String)>), ProcessError> {
        let program = launch.program.display().to_string();
        let mut child = Command::new(&launch.program)
            .args(&launch.args)
            .envs(launch.env.iter().map(|(k, v)| (k, v)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| ProcessError::Spawn { program: program.clone(), source })?;
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).ok_or(ProcessError::NoPid(program))?;
        let (lines, receiver) = mpsc::channel(1024);
        if let Some(stdout) = child.stdout.take() {
            tokio::spawn(forward(Source::Stdout, stdout, lines.clone()));
        }
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(forward(Source::Stderr, stderr, lines));
        }
        let lifeline = child.stdin.take();
        Ok((Self { child, group: Pid::from_raw(pid), _lifeline: lifeline }, receiver))
    }

    /// The process id, which is the group's id too.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.group.as_raw()
    }

    /// The exit status, where the child has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// SIGTERM to the group, five seconds of grace, SIGKILL to the group; returns when the child has been reaped.
    pub async fn stop(mut self) {
        self.signal(Signal::SIGTERM);
        if tokio::time::timeout(TERM_GRACE, self.child.wait()).await.is_err() {
            self.signal(Signal::SIGKILL);
            if let Err(error) = self.child.wait().await {
                tracing::error!(%error, pid = self.pid(), "a killed child could not be reaped");
            }
        }
    }

    fn signal(&self, signal: Signal) {
        // ESRCH means that the group is gone already, which is what the signal is for.
        if let Err(error) = killpg(self.group, signal)
            && error != nix::errno::Errno::ESRCH
        {
            tracing::warn!(%error, %signal, pid = self.pid(), "a signal could not be sent to a child's group");
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // A reaped child's id may belong to somebody else by now.
        if self.child.id().is_some() {
            self.signal(Signal::SIGKILL);
        }
    }
}

/// Sends an output's lines on until it closes.
async fn forward(source: Source, output: impl AsyncRead + Unpin, lines: mpsc::Sender<(Source, String)>) {
    let mut reader = BufReader::new(output);
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        match reader.read_until(b'\n', &mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        buffer.truncate(MAX_LINE_BYTES);
        let line = String::from_utf8_lossy(&buffer).trim_end().to_owned();
        // A reader that is gone or slow must not stop the child at a full pipe: the line is dropped.
        if let Err(error) = lines.try_send((source, line)) {
            tracing::debug!(%error, "a line of a child was dropped");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Launch {
        Launch { program: "/bin/sh".into(), args: vec!["-c".into(), script.into()], env: vec![] }
    }

    fn alive(pid: i32) -> bool {
        std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
    }

    #[tokio::test]
    async fn lines_of_both_outputs_arrive() {
        let (child, mut lines) = Child::start(&shell("echo out; echo err >&2")).unwrap();
        let mut got = Vec::new();
        while let Some(line) = lines.recv().await {
            got.push(line);
        }
        got.sort_by_key(|(_, text)| text.clone());
        assert_eq!(got, [(Source::Stderr, "err".into()), (Source::Stdout, "out".into())]);
        child.stop().await;
    }

    #[tokio::test]
    async fn a_child_that_ignores_sigterm_dies_with_its_own_children() {
        let script = "trap '' TERM; (trap '' TERM; echo $$; while :; do sleep 0.05; done) & echo $!; wait";
        let (child, mut lines) = Child::start(&shell(script)).unwrap();
        let (_, first) = lines.recv().await.unwrap();
        let inner: i32 = first.parse().unwrap();
        let outer = child.pid();
        drop(child);
        for _ in 0..200 {
            if !alive(inner) && !alive(outer) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{inner} or {outer} is alive after its group was killed");
    }

    #[tokio::test]
    async fn a_missing_program_is_named() {
        let launch = Launch { program: "/nonexistent/engine".into(), args: vec![], env: vec![] };
        let error = Child::start(&launch).err().unwrap().to_string();
        assert!(error.starts_with("/nonexistent/engine could not be started"), "{error}");
    }
}
