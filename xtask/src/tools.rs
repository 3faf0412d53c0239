//! Owns Trunk and wasm-bindgen: the versions, where they are found, how they are built when they are not.
//! Must not know what they are used for.

use crate::paths;
use crate::sh::Sh;
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Trunk's version; 0.22 needs a newer compiler and builds slower.
const TRUNK: &str = "0.21.14";

/// Finds or builds Trunk.
///
/// # Errors
/// When it has to be built and that fails.
pub fn trunk() -> Result<String> {
    // It copies files and calls other programs: not worth any optimisation, which is a third of its build. Without TLS
    // it cannot download tools behind our back, and builds faster still.
    bring("trunk", "trunk", TRUNK, "0", &["--locked", "--no-default-features"])
}

/// Finds or builds the wasm-bindgen command, whose version must equal the crate's exactly.
///
/// # Errors
/// When it has to be built and that fails, or Cargo.lock cannot be read.
pub fn wasm_bindgen() -> Result<String> {
    // Without --locked: the crate's own lock names a dependency that is no longer served.
    bring("wasm-bindgen-cli", "wasm-bindgen", &wasm_bindgen_version()?, "1", &["--no-default-features"])
}

/// The folder of a tool that is already there in the right version.
///
/// # Errors
/// When it is not there.
pub fn folder(program: &str, version: &str) -> Result<PathBuf> {
    let found =
        find(program, version)?.with_context(|| format!("{program} {version} is not there; run cargo xtask setup"))?;
    found.parent().map(Path::to_path_buf).with_context(|| format!("{} has no folder", found.display()))
}

/// Folders of both tools, to put on PATH.
///
/// # Errors
/// When one is not there.
pub fn folders() -> Result<Vec<PathBuf>> {
    Ok(vec![folder("trunk", TRUNK)?, folder("wasm-bindgen", &wasm_bindgen_version()?)?])
}

/// Version of the wasm-bindgen crate in Cargo.lock.
///
/// # Errors
/// When the lock cannot be read or lacks the crate.
pub fn wasm_bindgen_version() -> Result<String> {
    let lock = std::fs::read_to_string(paths::root().join("Cargo.lock")).context("cannot read Cargo.lock")?;
    locked_version(&lock, "wasm-bindgen").context("Cargo.lock does not name wasm-bindgen; restore it from git")
}

/// Version of a crate in the text of a Cargo.lock.
pub fn locked_version(lock: &str, name: &str) -> Option<String> {
    let line = format!("name = \"{name}\"");
    let mut lines = lock.lines().skip_while(|l| *l != line);
    lines.next()?;
    Some(lines.next()?.strip_prefix("version = \"")?.strip_suffix('"')?.to_owned())
}

fn find(program: &str, version: &str) -> Result<Option<PathBuf>> {
    let own = paths::tools()?.join("bin").join(program);
    Ok([Some(own), paths::on_path(program)].into_iter().flatten().find(|path| has_version(path, version)))
}

/// Whether `PROGRAM --version` says that version.
fn has_version(program: &Path, version: &str) -> bool {
    paths::is_executable(program)
        && Sh::new(program).args(["--version"]).output().is_some_and(|said| says_version(&said, version))
}

fn says_version(said: &str, version: &str) -> bool {
    said.split_whitespace().nth(1) == Some(version)
}

/// Makes the tools folder and locks it until the file is dropped: two clones may be set up at once, and the second
/// waits and then finds the tool.
///
/// # Errors
/// When the folder cannot be made or locked.
pub fn lock() -> Result<File> {
    let tools = paths::tools()?;
    std::fs::create_dir_all(&tools).with_context(|| format!("cannot create {}", tools.display()))?;
    let lock = File::create(tools.join("lock")).context("cannot create the lock of the tools folder")?;
    lock.lock().context("cannot lock the tools folder")?;
    Ok(lock)
}

fn bring(package: &str, program: &str, version: &str, opt_level: &str, options: &[&str]) -> Result<String> {
    if find(program, version)?.is_some() {
        return Ok(format!("{version} is there"));
    }
    let tools = paths::tools()?;
    let _lock = lock()?;
    if find(program, version)?.is_some() {
        return Ok(format!("{version} is there"));
    }
    println!("  building {package} {version} into {} (minutes, once on this machine)", tools.display());
    // A build folder of its own: an interrupted set-up goes on where it stopped.
    let build = tools.join("build");
    let exact = format!("={version}");
    Sh::new("cargo")
        .args(["install", package, "--version", &exact, "--force"])
        .args(options)
        .arg_path("--root", &tools)
        .arg_path("--target-dir", &build)
        // A tool that runs for seconds is not worth minutes of building.
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", opt_level)
        .env("CARGO_PROFILE_RELEASE_DEBUG", "0")
        .run()?;
    if !has_version(&tools.join("bin").join(program), version) {
        bail!("{program} was installed into {} but does not say that it is {version}", tools.display());
    }
    std::fs::remove_dir_all(&build).with_context(|| format!("cannot remove {}", build.display()))?;
    Ok(format!("{version} built"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_the_lock() {
        let lock = "[[package]]\nname = \"wasm-bindgen-macro\"\nversion = \"1\"\n\n[[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\n";
        assert_eq!(locked_version(lock, "wasm-bindgen").as_deref(), Some("0.2.130"));
        assert_eq!(locked_version(lock, "wasm"), None);
    }

    #[test]
    fn a_tool_of_another_version_does_not_count() {
        assert!(says_version("wasm-bindgen 0.2.130", "0.2.130"));
        assert!(says_version("wasm-bindgen 0.2.130 (abc)", "0.2.130"));
        assert!(!says_version("wasm-bindgen 0.2.13", "0.2.130"));
        assert!(!says_version("", "0.2.130"));
    }
}
