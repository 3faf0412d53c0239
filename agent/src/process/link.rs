//! Owns the agent's end of a supervisor: its process, the socket that holds it to us, and the engine's two outputs.
//! Must not know when an order is due.

use super::supervise::{Order, Word};
use crate::secret::withheld;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};

/// A supervisor. When this is dropped its socket closes, and it ends its engine by itself.
pub(super) struct Link {
    process: Child,
    orders: OwnedWriteHalf,
    words: Lines<BufReader<OwnedReadHalf>>,
}

/// The outputs of the engine and of whatever it starts.
pub(super) struct Outputs {
    pub stdout: ChildStdout,
    pub stderr: ChildStderr,
}

impl Link {
    /// Starts a supervisor, which waits for its first order.
    pub fn start(program: &Path) -> io::Result<(Self, Outputs)> {
        let (ours, theirs) = StdUnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let mut command = Command::new(program);
        // An engine inherits the rest, and what it needs of these it is given by name.
        for name in withheld() {
            command.env_remove(name);
        }
        let mut process = command
            .arg0("tokenprism")
            .arg("supervise")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // An interrupt from a terminal is for the agent, which then ends its engines in order.
            .process_group(0)
            .kill_on_drop(false)
            .spawn()?;
        let outputs = match (process.stdout.take(), process.stderr.take()) {
            (Some(stdout), Some(stderr)) => Outputs { stdout, stderr },
            _ => return Err(io::Error::other("its outputs were not opened")),
        };
        let (words, orders) = UnixStream::from_std(ours)?.into_split();
        Ok((Self { process, orders, words: BufReader::new(words).lines() }, outputs))
    }

    /// The supervisor's process id, until it has been waited for.
    pub fn pid(&self) -> Option<i32> {
        self.process.id().map(u32::cast_signed)
    }

    /// Gives an order. Where nobody is left to take it, the next word says so.
    pub async fn order(&mut self, order: &Order) {
        let given = async {
            let mut line = serde_json::to_vec(order)?;
            line.push(b'\n');
            self.orders.write_all(&line).await
        };
        if let Err(error) = given.await {
            tracing::debug!(%error, "a supervisor takes no orders any more");
        }
    }

    /// The next word; nothing where the supervisor is gone. May be dropped and asked again.
    pub async fn word(&mut self) -> Option<Word> {
        let line = self.words.next_line().await.ok()??;
        match serde_json::from_str(&line) {
            Ok(word) => Some(word),
            Err(error) => {
                tracing::error!(%error, line, "a supervisor said something else");
                None
            }
        }
    }

    /// Waits until the supervisor's process is gone, too.
    pub async fn ended(mut self, limit: Duration) {
        if tokio::time::timeout(limit, self.process.wait()).await.is_err() {
            tracing::warn!(pid = self.pid(), "a supervisor did not end with its engine");
        }
    }
}
