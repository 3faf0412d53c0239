//! Owns what a machine must bring: C compiler, make, Node and npm; each missing one is named with its command.
//! Must not know how anything is built.

use crate::paths::on_path;
use crate::sh::Sh;
use anyhow::{Result, bail};

/// Oldest major version of Node that runs the npm packages.
const NODE_MAJOR: u32 = 18;

/// One program that must be on PATH.
struct Needed {
    program: &'static str,
    why: &'static str,
    install: &'static str,
}

const NEEDED: &[Needed] = &[
    Needed {
        program: "cc",
        why: "a C compiler: SQLite, zstd and ring are C, and Rust links with it",
        install: "sudo apt-get install -y build-essential",
    },
    Needed {
        program: "make",
        why: "make: build scripts of C dependencies may call it",
        install: "sudo apt-get install -y build-essential",
    },
    Needed {
        program: "node",
        why: "Node 18 or newer: bundles ECharts and compresses the dashboard",
        install: "sudo apt-get install -y nodejs",
    },
    Needed { program: "npm", why: "npm: brings ECharts, esbuild and wasm-opt", install: "sudo apt-get install -y npm" },
];

/// Checks all of them and names every one that is missing, not only the first.
///
/// # Errors
/// When one is missing, or Node is too old.
pub fn check() -> Result<String> {
    let missing = missing(|program| on_path(program).is_some());
    if !missing.is_empty() {
        bail!("this machine lacks what set-up cannot bring by itself\n{}", missing.join("\n"));
    }
    let node = Sh::new("node").args(["--version"]).output().unwrap_or_default();
    match major(&node) {
        Some(version) if version >= NODE_MAJOR => Ok(format!("C compiler, make, Node {node}, npm")),
        _ => bail!(
            "Node is {}, but {NODE_MAJOR} or newer is needed; Debian 12 and Ubuntu 24.04 have it \
             (sudo apt-get install -y nodejs npm), elsewhere take it from nodejs.org",
            if node.is_empty() { "broken" } else { &node }
        ),
    }
}

/// A line for each missing program.
fn missing(there: impl Fn(&str) -> bool) -> Vec<String> {
    let absent = NEEDED.iter().filter(|needed| !there(needed.program));
    absent.map(|needed| format!("  {}\n    install it with: {}", needed.why, needed.install)).collect()
}

/// `v20.20.2` is 20.
fn major(version: &str) -> Option<u32> {
    version.trim_start_matches('v').split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_missing_program_is_named_with_its_command() {
        assert!(missing(|_| true).is_empty());
        let lines = missing(|program| program != "cc" && program != "npm");
        assert_eq!(lines.len(), 2);
        assert!(lines[0].contains("C compiler") && lines[0].contains("apt-get install -y build-essential"));
        assert!(lines[1].contains("apt-get install -y npm"));
    }

    #[test]
    fn node_versions() {
        assert_eq!(major("v20.20.2"), Some(20));
        assert_eq!(major("v9.1.0"), Some(9));
        assert_eq!(major(""), None);
    }
}
