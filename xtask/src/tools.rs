//! Owns Trunk, wasm-bindgen and wasm-split: the versions, where they are found, how they are built when they are not.
//! Must not know what they are used for.

use crate::paths;
use crate::sh::Sh;
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Trunk's version; 0.22 needs a newer compiler and builds slower.
const TRUNK: &str = "0.21.14";
/// wasm-split's version; it reads the marks that the crate wasm_split_helpers of Cargo.lock leaves.
const WASM_SPLIT: &str = "0.2.4";

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

/// Finds or builds wasm-split, which parts the linked program before wasm-bindgen sees it.
///
/// # Errors
/// When it has to be built and that fails.
pub fn wasm_split() -> Result<String> {
    bring("wasm_split_cli_support", "wasm-split-cli", WASM_SPLIT, "0", &["--locked", "--features", "build-binary"])
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

/// Folders of all three, to put on PATH.
///
/// # Errors
/// When one is not there.
pub fn folders() -> Result<Vec<PathBuf>> {
    let wasm_bindgen = folder("wasm-bindgen", &wasm_bindgen_version()?)?;
    Ok(vec![folder("trunk", TRUNK)?, wasm_bindgen, folder("wasm-split-cli", WASM_SPLIT)?])
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

/// Whether `PROGRAM --version` says that version; of a program that says none, whether cargo installed it from that one.
fn has_version(program: &Path, version: &str) -> bool {
    if !paths::is_executable(program) {
        return false;
    }
    match Sh::new(program).args(["--version"]).output() {
        Some(said) => says_version(&said, version),
        None => installed_beside(program).is_some_and(|(list, name)| lists_version(&list, &name, version)),
    }
}

/// Cargo's list of what it installed where a program lies, and the program's name.
fn installed_beside(program: &Path) -> Option<(String, String)> {
    let root = program.parent()?.parent()?;
    let list = Sh::new("cargo").args(["install", "--list"]).arg_path("--root", root).output()?;
    Some((list, program.file_name()?.to_str()?.to_owned()))
}

fn says_version(said: &str, version: &str) -> bool {
    said.split_whitespace().nth(1) == Some(version)
}

/// Whether a list names the program below a crate of that version.
fn lists_version(list: &str, program: &str, version: &str) -> bool {
    let mut of = "";
    list.lines().any(|line| {
        if !line.starts_with(' ') {
            of = line;
        }
        line.trim() == program && of.split(' ').nth(1) == Some(&format!("v{version}:"))
    })
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

    #[test]
    fn a_tool_that_does_not_say_its_version_is_looked_up() {
        let list = "splitter v0.2.4:\n    split\n    split-more\nother v1.0.0 (/here):\n    other";
        let check = |program: &str, version: &str, expect: bool| {
            assert_eq!(lists_version(list, program, version), expect, "{program} {version}");
        };
        check("split", "0.2.4", true);
        check("split-more", "0.2.4", true);
        check("split", "0.2.3", false);
        check("splitter", "0.2.4", false);
        check("other", "0.2.4", false);
    }
}
