//! Owns the load tools that the bench compares us with: their versions, and virtual environments that hold them.
//! Must not know how they are run.

use crate::paths;
use crate::sh::Sh;
use crate::tools;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};

/// A tool that pip installs.
struct Peer {
    program: &'static str,
    version: &'static str,
    /// The package, without the version.
    package: &'static str,
    /// What it needs to measure, where that is less than what it says it needs: then it is installed beside them alone.
    needs: &'static [&'static str],
    /// What it weighs, installed.
    size: &'static str,
}

const PEERS: &[Peer] = &[
    Peer { program: "guidellm", version: "0.8.1", package: "guidellm", needs: &[], size: "6 GB" },
    Peer { program: "aiperf", version: "0.13.0", package: "aiperf", needs: &[], size: "1 GB" },
    // All that it says it needs are twice as many GB, most of them for GPUs: `bench serve` imports these.
    Peer {
        program: "vllm",
        version: "0.25.1",
        package: "vllm",
        needs: &[
            "aiohttp",
            "cachetools",
            "cbor2",
            "cloudpickle",
            "fastapi",
            "llguidance",
            "model-hosting-container-standards",
            "msgspec",
            "numpy",
            "openai",
            "openai-harmony",
            "pandas",
            "partial-json-parser",
            "pillow",
            "prometheus_client",
            "psutil",
            "py-cpuinfo",
            "pybase64",
            "python-multipart",
            "pyzmq",
            "regex",
            "requests",
            "torch",
            "tqdm",
            "transformers",
            "uvicorn",
            "uvloop",
            "watchfiles",
            "xgrammar",
        ],
        size: "6 GB",
    },
];

/// Brings those that the arguments of a bench do not name themselves; what comes of it are the arguments that name them.
/// Nothing where no comparison is asked for: by `bench client --peers` or by `bench parity`.
///
/// # Errors
/// When one has to be installed and that fails.
pub fn bring(args: &[String]) -> Result<Vec<String>> {
    let compares = args.iter().any(|arg| arg == "--peers") || args.first().is_some_and(|bench| bench == "parity");
    if !compares || args.iter().any(|arg| arg == "--page-only") {
        return Ok(Vec::new());
    }
    let missing = PEERS.iter().filter(|peer| !names(args, peer.program));
    missing.map(|peer| Ok(format!("--peer-command={}={}", peer.program, install(peer)?.display()))).collect()
}

/// Whether the arguments say how that tool is started.
fn names(args: &[String], program: &str) -> bool {
    let command = format!("{program}=");
    let after = args.windows(2).any(|pair| pair[0] == "--peer-command" && pair[1].starts_with(&command));
    after || args.iter().any(|arg| arg.strip_prefix("--peer-command=").is_some_and(|rest| rest.starts_with(&command)))
}

/// The tool's program, in a virtual environment of its own beside the other tools.
fn install(peer: &Peer) -> Result<PathBuf> {
    let _lock = tools::lock()?;
    let folder = paths::tools()?.join("peers").join(format!("{}-{}", peer.program, peer.version));
    let program = folder.join("bin").join(peer.program);
    if is_installed(&folder, peer) {
        return Ok(program);
    }
    println!("  installing {} {} into {} ({}, minutes, once)", peer.program, peer.version, folder.display(), peer.size);
    // What an interrupted installation left is of no use.
    Sh::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&folder)
        .run()
        .context("the load tools to compare with need Python 3.10 or newer with venv (apt-get install python3-venv)")?;
    let wanted = format!("{}=={}", peer.package, peer.version);
    let pip = || Sh::new(folder.join("bin/pip")).args(["install", "--quiet", "--disable-pip-version-check"]);
    if peer.needs.is_empty() {
        pip().arg(&wanted).run()?;
    } else {
        pip().args(peer.needs).run()?;
        pip().args(["--no-deps", &wanted]).run()?;
    }
    if !is_installed(&folder, peer) {
        bail!("{} was installed, but its environment does not say that it is {}", program.display(), peer.version);
    }
    Ok(program)
}

/// Whether the tool's program is there and its environment has that version. It is not asked itself: one of them looks for
/// a GPU first.
fn is_installed(folder: &Path, peer: &Peer) -> bool {
    let asked = format!("import importlib.metadata as m; print(m.version({:?}))", peer.package);
    let said = || Sh::new(folder.join("bin/python")).args(["-c", &asked]).output();
    paths::is_executable(&folder.join("bin").join(peer.program)) && said().as_deref() == Some(peer.version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_that_the_user_names_is_not_brought() {
        let check = |args: &[&str], expect: bool| {
            let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
            assert_eq!(names(&args, "aiperf"), expect, "{args:?}");
        };
        check(&["client", "--peers", "--peer-command", "aiperf=/opt/aiperf"], true);
        check(&["client", "--peer-command=aiperf=aiperf", "--peers"], true);
        check(&["client", "--peers", "--peer-command", "vllm=aiperf=1"], false);
        check(&["client", "--peers"], false);
    }

    #[test]
    fn nothing_is_installed_where_no_comparison_is_asked_for() {
        for args in [&["client"][..], &["viewers"], &["parity", "--page-only"]] {
            let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
            assert!(bring(&args).unwrap().is_empty(), "{args:?}");
        }
    }
}
