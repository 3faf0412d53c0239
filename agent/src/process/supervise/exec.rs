//! Owns the engine's first process until its program runs: its own session, the tie to its supervisor, and the wait
//! for the word that it stands in the ledger.
//! Must not know what the program does.

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::unistd::{dup2_stdin, getppid, setsid};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Exit code where the program could not be started, as shells have it.
const NOT_STARTED: u8 = 127;

/// Arguments of the hidden command.
#[derive(clap::Args, Debug)]
pub struct ExecArgs {
    /// Process id of the supervisor.
    #[arg(long)]
    supervisor: i32,
    /// The program and its arguments.
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// Becomes the engine when the supervisor says so. Comes back only where that fails; standard input then takes the
/// reason to the supervisor.
#[must_use]
pub fn exec(args: &ExecArgs) -> u8 {
    match prepare(args.supervisor) {
        Ok(Some(mut gate)) => {
            let mut words = args.command.iter();
            let program = words.next().cloned().unwrap_or_default();
            let error = Command::new(program).args(words).exec();
            // The supervisor may be gone by now, and with it the one who wants to know.
            if let Err(unheard) = gate.write_all(error.to_string().as_bytes()) {
                tracing::debug!(%unheard, %error, "an engine was not started");
            }
            NOT_STARTED
        }
        Ok(None) => NOT_STARTED,
        Err(error) => {
            tracing::error!(%error, "an engine's first process could not be prepared");
            NOT_STARTED
        }
    }
}

/// The gate, open; nothing where the supervisor let go of it.
fn prepare(supervisor: i32) -> io::Result<Option<UnixStream>> {
    setsid()?;
    // The supervisor takes signals from a descriptor, and what it blocks for that is inherited.
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?;
    // If the supervisor is killed, so is this process, its program by then: signals on a parent's death outlive exec.
    set_pdeathsig(Signal::SIGKILL)?;
    if getppid().as_raw() != supervisor {
        return Ok(None);
    }
    // The copy closes when the program starts, which tells the supervisor that it did.
    let mut gate = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut word = [0];
    let opened = gate.read(&mut word)? == 1;
    dup2_stdin(File::open("/dev/null")?)?;
    Ok(opened.then_some(gate))
}
