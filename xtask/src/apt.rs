//! Owns installing Debian packages, as root or through a sudo that asks nothing.
//! Must not know what the packages are for.

use crate::paths::on_path;
use crate::sh::Sh;
use anyhow::{Result, bail};

/// Installs packages with apt-get.
///
/// # Errors
/// When there is no apt-get, no right to use it, or it fails; the sentence names the command to run by hand.
pub fn install(packages: &[&str]) -> Result<()> {
    let by_hand = format!("sudo apt-get update && sudo apt-get install -y {}", packages.join(" "));
    if on_path("apt-get").is_none() {
        bail!("there is no apt-get here; install {} with this system's own package manager", packages.join(", "));
    }
    let root = Sh::new("id").args(["-u"]).output().as_deref() == Some("0");
    if !root && Sh::new("sudo").args(["-n", "true"]).output().is_none() {
        bail!("installing packages needs root; run: {by_hand}");
    }
    let apt = |args: &[&str]| {
        let all: Vec<&str> = if root { Vec::new() } else { vec!["-n"] };
        let front = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-o", "Dpkg::Use-Pty=0"];
        let words: Vec<&str> = all.into_iter().chain(front).chain(args.iter().copied()).collect();
        if root { Sh::new(words[0]).args(&words[1..]).run() } else { Sh::new("sudo").args(&words).run() }
    };
    apt(&["update"])?;
    let install: Vec<&str> =
        ["install", "-y", "--no-install-recommends"].into_iter().chain(packages.iter().copied()).collect();
    apt(&install)
}
