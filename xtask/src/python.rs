//! Owns Python: the one of this machine for tests that need nothing else, and an environment with torch and Transformers.
//! Must not know what the tests prove.

use crate::paths;
use crate::sh::Sh;
use crate::stamp::Fingerprint;
use crate::tools;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// Oldest version that the tests run on.
const OLDEST: (u32, u32) = (3, 11);
/// Names the environment of the opt-in tests; the agent and they read the same variable.
pub const VENV: &str = "TOKENPRISM_VENV";

/// The baseline's folder.
fn baseline() -> PathBuf {
    paths::root().join("baseline")
}

/// Runs the baseline's tests that need Python alone; says why where there is none that can.
///
/// # Errors
/// When a test fails.
pub fn test_front() -> Result<String> {
    let python = Path::new("python3");
    match version(python) {
        Some(found) if found >= OLDEST => unittest(python, "tests/front").map(|()| "passed".into()),
        Some((major, minor)) => {
            Ok(format!("skipped: python3 is {major}.{minor}, but {}.{} or newer is needed", OLDEST.0, OLDEST.1))
        }
        None => Ok("skipped: there is no python3 on PATH".into()),
    }
}

/// Runs all of the baseline's tests in an environment.
///
/// # Errors
/// When a test fails.
pub fn test_all(venv: &Path) -> Result<()> {
    let python = venv.join("bin/python");
    unittest(&python, "tests/front")?;
    unittest(&python, "tests/model")
}

/// The environment with the versions of baseline/constraints.txt, made where it is not there: gigabytes, once a machine.
///
/// # Errors
/// When Python or pip fails.
pub fn transformers() -> Result<PathBuf> {
    let mut inputs = Fingerprint::new();
    for name in ["requirements.txt", "constraints.txt"] {
        inputs.add_path(&baseline().join(name), &[])?;
    }
    let name = format!("transformers-{}", inputs.hex());
    environment(&name, "gigabytes", &["-r", "requirements.txt", "-c", "constraints.txt"])
}

/// The environment of that name beside the other tools, made where it is not there; `packages` are pip's arguments, files
/// among them being the baseline's.
///
/// # Errors
/// When Python or pip fails.
pub fn environment(name: &str, size: &str, packages: &[&str]) -> Result<PathBuf> {
    let _lock = tools::lock()?;
    let venv = paths::tools()?.join(name);
    // Written last: an environment that was interrupted while it was made is made anew.
    let complete = venv.join("complete");
    if !complete.exists() {
        println!("  making {} ({size}, minutes, once on this machine)", venv.display());
        Sh::new("python3").args(["-m", "venv"]).arg_path("--clear", &venv).run()?;
        Sh::new(venv.join("bin/python"))
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .args(packages)
            .dir(&baseline())
            .run()?;
        std::fs::write(&complete, "").with_context(|| format!("cannot write {}", complete.display()))?;
    }
    Ok(venv)
}

fn unittest(python: &Path, folder: &str) -> Result<()> {
    Sh::new(python)
        .args(["-m", "unittest", "discover", "-s", folder, "-t", "."])
        // A folder of compiled files would end up in the agent's binary.
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .dir(&baseline())
        .run()
}

fn version(python: &Path) -> Option<(u32, u32)> {
    parse(&Sh::new(python).args(["--version"]).output()?)
}

/// `Python 3.11.2` is (3, 11).
fn parse(said: &str) -> Option<(u32, u32)> {
    let mut numbers = said.strip_prefix("Python ")?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_python() {
        assert_eq!(parse("Python 3.11.2"), Some((3, 11)));
        assert_eq!(parse("Python 3.13.0rc1"), Some((3, 13)));
        assert_eq!(parse("Python 2"), None);
        assert_eq!(parse(""), None);
        assert!((3, 9) < OLDEST && OLDEST <= (4, 0));
    }
}
