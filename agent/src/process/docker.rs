//! Owns what is said to docker: argument vectors that mark, find, end and remove our containers, and only ours.
//! Must not know what runs in a container.

use crate::secret::withheld;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

/// Label of every container that an agent starts; its value names the agent's data directory.
const LABEL: &str = "tokenprism.agent";

/// A container of ours. Its name is chosen before it exists, so that it can be found even where the command that
/// made it did not live to tell an id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// The docker command line.
    pub docker: PathBuf,
    /// Its name, random and never used again.
    pub name: String,
    /// Value of the label: whose it is.
    pub owner: String,
}

impl Container {
    /// A container of this owner's that does not exist yet.
    #[must_use]
    pub fn new(docker: PathBuf, owner: &str) -> Self {
        let name = format!("tokenprism-{:016x}", rand::random::<u64>());
        Self { docker, name, owner: owner.to_owned() }
    }

    /// Arguments of the docker command that runs it in the foreground; flags, image and the image's own arguments
    /// come from who knows the engine.
    #[must_use]
    pub fn run_args(&self, rest: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
        let ours = ["run", "--rm", "--name", &self.name, "--label", &self.label()].map(OsString::from);
        ours.into_iter().chain(rest).collect()
    }

    /// Arguments that ask it to end within the drain limit, after which docker kills it.
    pub(super) fn stop_args(&self, drain: Duration) -> [String; 4] {
        // Docker counts whole seconds; less than asked for would cut streams short. The long flag has two names by now.
        let seconds = drain.as_secs() + u64::from(drain.subsec_nanos() > 0);
        ["stop".into(), "-t".into(), seconds.to_string(), self.name.clone()]
    }

    /// Arguments that end and remove it at once.
    pub(super) fn remove_args(&self) -> [String; 3] {
        ["rm".into(), "--force".into(), self.name.clone()]
    }

    /// Arguments that list it, by id, where it exists in any state and is ours.
    pub(super) fn find_args(&self) -> [String; 8] {
        let (label, name) = (format!("label={}", self.label()), format!("name=^/{}$", self.name));
        ["ps", "--all", "--quiet", "--no-trunc", "--filter", &label, "--filter", &name].map(str::to_owned)
    }

    /// The host's addresses that docker forwards to it for a port of the host.
    pub(super) fn publishes(&self, port: u16) -> Result<bool, String> {
        let output = self.call(&["port", &self.name])?;
        Ok(forwards(&output, port))
    }

    /// Removes it where it exists and is ours; false where there was nothing to remove.
    pub(super) fn remove(&self) -> Result<bool, String> {
        let find = self.find_args();
        let ids = self.call(&find.each_ref().map(String::as_str))?;
        let ids: Vec<&str> = ids.split_whitespace().collect();
        for id in &ids {
            self.call(&["rm", "--force", id])?;
        }
        Ok(!ids.is_empty())
    }

    /// A command for docker, with arguments and no shell.
    pub(super) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.docker);
        command.args(args).stdin(Stdio::null());
        for name in withheld() {
            command.env_remove(name);
        }
        command
    }

    fn call(&self, args: &[&str]) -> Result<String, String> {
        let said = |output: &Output| String::from_utf8_lossy(&output.stderr).trim().to_owned();
        match self.command(args).output() {
            Ok(output) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            Ok(output) => Err(format!("docker {} failed: {}", args.join(" "), said(&output))),
            Err(error) => Err(format!("{} could not be run: {error}", self.docker.display())),
        }
    }

    fn label(&self) -> String {
        format!("{LABEL}={}", self.owner)
    }
}

/// Whether a list of forwarded ports, lines like `8000/tcp -> 127.0.0.1:8123`, has this port of the host.
fn forwards(list: &str, port: u16) -> bool {
    let host_port = |line: &str| line.split_once(" -> ")?.1.rsplit_once(':')?.1.trim().parse().ok();
    list.lines().filter_map(host_port).any(|host_port: u16| host_port == port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_argument_stands_alone() {
        let container = Container { docker: "docker".into(), name: "tokenprism-1".into(), owner: "abc".into() };
        let rest = ["--gpus", "device=0", "image:1", "--model", "a b; rm -rf /"].map(OsString::from);
        let expect = [
            "run",
            "--rm",
            "--name",
            "tokenprism-1",
            "--label",
            "tokenprism.agent=abc",
            "--gpus",
            "device=0",
            "image:1",
            "--model",
            "a b; rm -rf /",
        ];
        assert_eq!(container.run_args(rest), expect);
        assert_eq!(container.stop_args(Duration::from_millis(1500)), ["stop", "-t", "2", "tokenprism-1"]);
        assert_eq!(container.remove_args(), ["rm", "--force", "tokenprism-1"]);
        let filters = ["--filter", "label=tokenprism.agent=abc", "--filter", "name=^/tokenprism-1$"];
        assert_eq!(container.find_args()[4..], filters);
    }

    #[test]
    fn names_are_never_used_again() {
        let name = || Container::new("docker".into(), "a").name;
        assert_ne!(name(), name());
    }

    #[test]
    fn published_ports_are_read() {
        let list = "8000/tcp -> 127.0.0.1:8123\n8000/tcp -> [::1]:8123\n9000/tcp -> 0.0.0.0:9001\n";
        assert!(forwards(list, 8123) && forwards(list, 9001));
        assert!(!forwards(list, 8000) && !forwards("", 8123));
    }
}
