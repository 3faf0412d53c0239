//! Owns where things lie: the repository, its build outputs, the shared tools.
//! Must not know what is done with them.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// Top of the repository that this program was started from.
pub fn root() -> PathBuf {
    // Cargo sets the variable at run time too, which stays right when a checkout is moved after the build.
    let manifest =
        std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    manifest.parent().map_or_else(|| manifest.clone(), Path::to_path_buf)
}

/// Cargo's target directory: the one that this program was built in.
pub fn target() -> PathBuf {
    std::env::current_exe()
        .ok()
        .and_then(|exe| Some(exe.parent()?.parent()?.to_path_buf()))
        .unwrap_or_else(|| root().join("target"))
}

/// The dashboard's folder.
pub fn web() -> PathBuf {
    root().join("web")
}

/// The built dashboard.
pub fn dist() -> PathBuf {
    web().join("dist")
}

/// Where Trunk, wasm-bindgen and the bench's peers live: outside the target directory, so that a clean build keeps them,
/// and shared by all clones, since they take minutes to build.
///
/// # Errors
/// When neither TOKENPRISM_TOOLS nor HOME is set.
pub fn tools() -> Result<PathBuf> {
    if let Some(dir) = std::env::var_os("TOKENPRISM_TOOLS").filter(|dir| !dir.is_empty()) {
        return std::path::absolute(PathBuf::from(dir)).context("TOKENPRISM_TOOLS is not a path");
    }
    let home = std::env::var_os("HOME").context(
        "neither TOKENPRISM_TOOLS nor HOME is set; set TOKENPRISM_TOOLS to a directory where Trunk may be installed",
    )?;
    Ok(PathBuf::from(home).join(".cache/tokenprism/tools"))
}

/// The first executable of that name on PATH.
pub fn on_path(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|dir| dir.join(name)).find(|path| is_executable(path))
}

/// Whether the path is a file that may be executed.
pub fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}
