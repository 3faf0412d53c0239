//! Owns the release archive: the agent with the dashboard in it, for every Linux whose glibc is new enough.
//! Must not know what the agent does.

use crate::paths;
use crate::python;
use crate::sh::{self, Sh};
use crate::stamp::Fingerprint;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};

/// Oldest glibc that the archive runs on: RHEL 8's and Debian 10's. NVML is loaded at run time, so it is not static.
const GLIBC: (u32, u32) = (2, 28);
/// Brings a linker and C compiler that can aim at an older glibc than this machine's.
const PACKAGES: [&str; 2] = ["cargo-zigbuild==0.24.1", "ziglang==0.17.1"];
/// What lies beside the program.
const PAPERS: [&str; 3] = ["README.md", "LICENSE", "CHANGELOG.md"];

/// The folder of the compiler's programs.
///
/// # Errors
/// When it cannot be installed.
fn toolchain() -> Result<PathBuf> {
    let mut inputs = Fingerprint::new();
    PACKAGES.iter().for_each(|package| inputs.add(package.as_bytes()));
    let name = format!("zig-{}", inputs.hex());
    let venv = python::environment(&name, "350 MB, a minute", |pip| pip.args(PACKAGES))?;
    Ok(venv.join("bin"))
}

/// Brings the compiler.
///
/// # Errors
/// When it cannot be installed.
pub fn bring_toolchain() -> Result<&'static str> {
    toolchain().map(|_| "is there")
}

/// Builds the agent for the old glibc and sees that it asks for nothing newer.
///
/// # Errors
/// When the build fails, or the program needs a newer glibc all the same.
pub fn build() -> Result<String> {
    Sh::new("cargo")
        .args(["zigbuild", "--locked", "--release", "--package", "tokenprism", "--target", &target_with_glibc()])
        .env("PATH", sh::path_with(&[toolchain()?])?)
        .run()?;
    let said = Sh::new("readelf").args(["--wide", "--version-info"]).arg(program()).output();
    let said = said.context("readelf cannot read the program that was built (apt-get install binutils)")?;
    let needed = newest_glibc(&said).context("the program that was built names no version of glibc")?;
    if needed > GLIBC {
        bail!("the program needs glibc {}.{}, newer than {}.{}", needed.0, needed.1, GLIBC.0, GLIBC.1);
    }
    Ok(format!("built, needs glibc {}.{}", needed.0, needed.1))
}

/// Packs the program and its papers, with a checksum beside the archive.
///
/// # Errors
/// When a file cannot be copied or packed.
pub fn pack() -> Result<String> {
    let name = format!("tokenprism-{}-{}-linux-gnu", env!("CARGO_PKG_VERSION"), std::env::consts::ARCH);
    let dist = paths::target().join("dist");
    let folder = dist.join(&name);
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    // The linker that aims at older systems leaves every symbol in.
    Sh::new("strip").arg_path("-o", &folder.join("tokenprism")).arg(program()).run()?;
    PAPERS.iter().try_for_each(|paper| copy(&paths::root().join(paper), &folder.join(paper)))?;
    let archive = format!("{name}.tar.gz");
    Sh::new("tar")
        .args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "-czf", &archive, &name])
        .dir(&dist)
        .run()?;
    let sum = Sh::new("sha256sum").arg(&archive).dir(&dist).output().context("sha256sum failed")?;
    let beside = dist.join(format!("{archive}.sha256"));
    std::fs::write(&beside, sum + "\n").with_context(|| format!("cannot write {}", beside.display()))?;
    Ok(dist.join(archive).display().to_string())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::copy(from, to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display())).map(drop)
}

fn target() -> String {
    format!("{}-unknown-linux-gnu", std::env::consts::ARCH)
}

fn target_with_glibc() -> String {
    format!("{}.{}.{}", target(), GLIBC.0, GLIBC.1)
}

fn program() -> PathBuf {
    paths::target().join(target()).join("release/tokenprism")
}

/// The newest version of glibc among the symbol versions that a program needs, as readelf prints them.
fn newest_glibc(said: &str) -> Option<(u32, u32)> {
    let version = |word: &str| {
        let mut numbers = word.strip_prefix("GLIBC_")?.split('.').map(|number| number.parse().ok());
        Some((numbers.next()??, numbers.next()??))
    };
    said.split_whitespace().filter_map(version).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_counts() {
        let said = "  0x0010:   Name: GLIBC_2.2.5  Flags: none  Version: 9\n  0x0020:   Name: GLIBC_2.28  Flags: none\n \
                    0x0030:   Name: GLIBC_2.4  Flags: none  Version: 3\n  000: 2 (GLIBC_2.14) GCC_3.0 GLIBC_PRIVATE";
        assert_eq!(newest_glibc(said), Some((2, 28)));
        assert_eq!(newest_glibc("nothing"), None);
        assert!((2, 4) < GLIBC && (2, 29) > GLIBC && (3, 0) > GLIBC);
    }
}
