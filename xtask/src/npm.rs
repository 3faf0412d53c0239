//! Owns the npm side of the dashboard: the packages of web/package-lock.json and the ECharts bundle.
//! Must not know Trunk, nor what is drawn.

use crate::paths;
use crate::sh::Sh;
use crate::stamp::{Fingerprint, Stamp};
use anyhow::{Context, Result};
use std::path::PathBuf;

/// The bundle that the page loads and that the agent draws pictures with.
pub fn echarts_bundle() -> PathBuf {
    paths::web().join("vendor/echarts.min.js")
}

/// Folder of esbuild and wasm-opt.
pub fn programs() -> PathBuf {
    paths::web().join("node_modules/.bin")
}

/// Installs exactly what the lock says.
///
/// # Errors
/// When npm fails.
pub fn install() -> Result<String> {
    let web = paths::web();
    let mut inputs = Fingerprint::new();
    for name in ["package.json", "package-lock.json", ".npmrc"] {
        inputs.add_path(&web.join(name), &[])?;
    }
    // npm's own account of what it installed stands for the whole folder, which is slow to read.
    let stamp = Stamp::new("npm", inputs, web.join("node_modules/.package-lock.json"));
    if stamp.is_fresh()? && paths::is_executable(&programs().join("esbuild")) {
        return Ok("packages are there".into());
    }
    // No package here needs its install script.
    Sh::new("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]).dir(&web).run()?;
    stamp.keep()?;
    Ok("packages installed".into())
}

/// Bundles the used part of ECharts into one classic script.
///
/// # Errors
/// When esbuild fails.
pub fn bundle_echarts() -> Result<String> {
    let web = paths::web();
    let mut inputs = Fingerprint::new();
    for name in ["package.json", "package-lock.json", "echarts"] {
        inputs.add_path(&web.join(name), &[])?;
    }
    let stamp = Stamp::new("echarts", inputs, echarts_bundle());
    if stamp.is_fresh()? {
        return Ok("bundle is there".into());
    }
    Sh::new("npm").args(["run", "--silent", "echarts"]).dir(&web).run()?;
    stamp.keep()?;
    let size = std::fs::metadata(echarts_bundle()).context("esbuild wrote no web/vendor/echarts.min.js")?.len();
    Ok(format!("{} kB bundled", size / 1000))
}
