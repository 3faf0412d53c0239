//! Owns a disk of a few pages for one program, by a file system in memory that only that program sees.
//! Must not know what is stored on it.
#![allow(clippy::unwrap_used, reason = "test support fails by panicking")]

use std::path::Path;
use std::process::Command;

/// A program whose folder `dir` is a disk of that many KiB; nothing where the system lets nobody mount.
pub fn on_a_small_disk(dir: &Path, kib: u32, program: &str) -> Option<Command> {
    let private = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "sh", "-c", script]).arg(dir);
        command
    };
    let mount = format!("mount -t tmpfs -o size={kib}k tmpfs \"$0\"");
    if !private(&mount).status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: this system lets no user mount a disk of their own");
        return None;
    }
    let mut command = private(&format!("{mount} && exec \"$@\""));
    command.arg(program);
    Some(command)
}
