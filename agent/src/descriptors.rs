//! Owns room for open files: the limit, and the kernel's table of them.
//! Must not know what is opened.

use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::close;
use std::io;

/// For everything else that a process holds open: files, children, viewers.
const OTHERS: u64 = 1_024;

/// Makes room for this many connections and all else, as far as the hard limit allows. Where that is not enough, the
/// connections that cannot be opened say so.
///
/// The kernel's table of open files doubles when it is full, and in a process of several threads the call that meets
/// the end of it then waits for every core: 8 to 28 ms were seen. So the table grows here, before anything is timed.
pub fn make_room(connections: u32) {
    let needed = u64::from(connections) + OTHERS;
    if let Err(error) = raise_limit(needed).and_then(grow_table) {
        tracing::warn!(%error, needed, "room for open files could not be made");
    }
}

/// Raises the soft limit; the answer is how many of those needed it now allows.
fn raise_limit(needed: u64) -> io::Result<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let wanted = needed.min(hard);
    if soft < wanted {
        setrlimit(Resource::RLIMIT_NOFILE, wanted, hard)?;
    }
    Ok(wanted)
}

/// A descriptor with the highest number makes the table as long as that; it stays so when the descriptor is closed.
fn grow_table(length: u64) -> io::Result<()> {
    let highest = i32::try_from(length.saturating_sub(1)).unwrap_or(i32::MAX);
    Ok(close(fcntl(io::stderr(), FcntlArg::F_DUPFD_CLOEXEC(highest))?)?)
}
