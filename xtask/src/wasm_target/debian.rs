//! Owns the way without rustup's server: Debian's newer compiler, and a wasm standard library built from its sources.
//! Must not know when it is needed.

use super::{TARGET, has_target};
use crate::apt;
use crate::paths;
use crate::sh::Sh;
use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

const RUSTC: &str = "/usr/bin/rustc";
const CARGO: &str = "/usr/bin/cargo";
/// Name under which rustup knows Debian's compiler.
const TOOLCHAIN: &str = "debian";
/// Kept in the target's library folder: the compiler that built it.
const STAMP: &str = "tokenprism-built-by";

/// Whether Debian's compiler is there with a wasm library that it built itself.
pub fn is_ready() -> bool {
    let Ok(sysroot) = sysroot() else { return false };
    let built_by = std::fs::read_to_string(library(&sysroot).join(STAMP)).unwrap_or_default();
    !built_by.is_empty() && Some(built_by) == version() && has_target(RUSTC) && (!has_rustup() || is_linked())
}

/// Environment that makes cargo use Debian's compiler.
pub fn environment() -> Vec<(&'static str, OsString)> {
    if has_rustup() {
        vec![("RUSTUP_TOOLCHAIN", TOOLCHAIN.into())]
    } else {
        vec![("CARGO", CARGO.into()), ("RUSTC", RUSTC.into())]
    }
}

/// Installs the packages, builds the library, tells rustup.
///
/// # Errors
/// When a package cannot be installed (root is needed) or the build fails.
pub fn bring() -> Result<String> {
    if is_ready() {
        return Ok("is there, by Debian's compiler".into());
    }
    apt::install(&["rustc-web", "cargo-web", "rust-web-src", "rust-web-clippy", "rustfmt-web"])?;
    let verbose = Sh::new(RUSTC).args(["-vV"]).output().context("Debian's rustc does not start")?;
    let host = field(&verbose, "host").context("`rustc -vV` names no host")?;
    let llvm = field(&verbose, "LLVM version")
        .and_then(|version| version.split('.').next())
        .context("`rustc -vV` names no LLVM")?;
    let lld = format!("lld-{llvm}");
    apt::install(&[&lld])?;

    let sysroot = sysroot()?;
    let bin = sysroot.join("lib/rustlib").join(host).join("bin");
    std::fs::create_dir_all(&bin).with_context(|| format!("cannot create {}; this needs root", bin.display()))?;
    link(&PathBuf::from("/usr/bin").join(&lld), &bin.join("rust-lld"))?;
    build_library(&library(&sysroot))?;
    if has_rustup() {
        Sh::new("rustup").args(["toolchain", "link", TOOLCHAIN, "/usr"]).run()?;
    }
    if !has_target(RUSTC) {
        bail!("the wasm library was built, but {RUSTC} does not find it in {}", library(&sysroot).display());
    }
    Ok("by Debian's compiler".into())
}

/// Builds the standard library through an empty crate and copies it to where the compiler looks.
fn build_library(library: &Path) -> Result<()> {
    let scratch = paths::target().join("xtask/wasm-std");
    if scratch.exists() {
        std::fs::remove_dir_all(&scratch).with_context(|| format!("cannot remove {}", scratch.display()))?;
    }
    std::fs::create_dir_all(scratch.join("src")).with_context(|| format!("cannot create {}", scratch.display()))?;
    let manifest = "[package]\nname = \"nothing\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n[workspace]\n";
    std::fs::write(scratch.join("Cargo.toml"), manifest).context("cannot write the empty crate")?;
    std::fs::write(scratch.join("src/lib.rs"), "#![no_std]\n").context("cannot write the empty crate")?;
    let std = "-Zbuild-std=std,panic_abort,panic_unwind,test";
    Sh::new(CARGO)
        .args(["build", "--release", std, "--target", TARGET, "--target-dir", "target"])
        .dir(&scratch)
        // The unstable option works on a stable compiler only so; the library comes from that compiler's own sources.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTC", RUSTC)
        .env("RUSTFLAGS", "-Cembed-bitcode=yes")
        .env_remove("RUSTUP_TOOLCHAIN")
        .run()?;
    std::fs::create_dir_all(library)
        .with_context(|| format!("cannot create {}; this needs root", library.display()))?;
    remove_libraries(library)?;
    let built = scratch.join("target").join(TARGET).join("release/deps");
    for entry in std::fs::read_dir(&built).with_context(|| format!("cannot read {}", built.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if is_part_of_std(&name) {
            std::fs::copy(&path, library.join(&name)).with_context(|| format!("cannot copy {name}"))?;
        }
    }
    std::fs::write(library.join(STAMP), version().unwrap_or_default()).context("cannot write the stamp")?;
    std::fs::remove_dir_all(&scratch).with_context(|| format!("cannot remove {}", scratch.display()))
}

/// Libraries of an older compiler beside the new ones would be found twice.
fn remove_libraries(library: &Path) -> Result<()> {
    for entry in std::fs::read_dir(library).with_context(|| format!("cannot read {}", library.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rlib") {
            std::fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}

/// Whether a built file belongs to the standard library, not to the empty crate.
fn is_part_of_std(name: &str) -> bool {
    name.ends_with(".rlib") && !name.starts_with("libnothing")
}

fn link(to: &Path, at: &Path) -> Result<()> {
    if at.symlink_metadata().is_ok() {
        return Ok(());
    }
    std::os::unix::fs::symlink(to, at).with_context(|| format!("cannot link {}; this needs root", at.display()))
}

fn sysroot() -> Result<PathBuf> {
    Sh::new(RUSTC).args(["--print", "sysroot"]).output().map(PathBuf::from).context("Debian's rustc is not installed")
}

fn library(sysroot: &Path) -> PathBuf {
    sysroot.join("lib/rustlib").join(TARGET).join("lib")
}

fn version() -> Option<String> {
    Sh::new(RUSTC).args(["-V"]).output()
}

fn has_rustup() -> bool {
    paths::on_path("rustup").is_some()
}

fn is_linked() -> bool {
    let list = Sh::new("rustup").args(["toolchain", "list"]).output().unwrap_or_default();
    list.lines().any(|line| line.split_whitespace().next() == Some(TOOLCHAIN))
}

/// `host: x86_64-unknown-linux-gnu` of `rustc -vV`.
fn field<'a>(verbose: &'a str, name: &str) -> Option<&'a str> {
    verbose.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_the_compilers_version() {
        let verbose =
            "rustc 1.96.0\nbinary: rustc\nhost: x86_64-unknown-linux-gnu\nrelease: 1.96.0\nLLVM version: 22.1.2\n";
        assert_eq!(field(verbose, "host"), Some("x86_64-unknown-linux-gnu"));
        assert_eq!(field(verbose, "LLVM version"), Some("22.1.2"));
        assert_eq!(field(verbose, "LLVM"), None);
    }

    #[test]
    fn the_empty_crate_is_left_out() {
        assert!(is_part_of_std("libstd-0123.rlib"));
        assert!(!is_part_of_std("libnothing-0123.rlib"));
        assert!(!is_part_of_std("libstd-0123.rmeta"));
    }
}
