//! Owns building the dashboard into web/dist: Trunk, the program in parts, no inline script, brotli copies.
//! Must not know what the dashboard shows, nor how the agent serves it.

mod budget;
mod scripts;
mod split;

use crate::npm;
use crate::paths;
use crate::prerequisites;
use crate::sh::{self, Sh};
use crate::stamp::{Fingerprint, Stamp};
use crate::steps::Steps;
use crate::tools;
use crate::wasm_target;
use anyhow::Result;

/// The six steps that bring what building needs.
///
/// # Errors
/// When one fails.
pub fn setup(steps: &mut Steps) -> Result<()> {
    steps.run("Prerequisites", prerequisites::check)?;
    steps.run("Wasm target", wasm_target::bring)?;
    steps.run("Trunk", tools::trunk)?;
    steps.run("wasm-bindgen", tools::wasm_bindgen)?;
    steps.run("wasm-split", tools::wasm_split)?;
    steps.run("npm packages", npm::install)
}

/// The nine steps from nothing to web/dist.
///
/// # Errors
/// When one fails.
pub fn prepare(steps: &mut Steps) -> Result<()> {
    setup(steps)?;
    steps.run("ECharts", npm::bundle_echarts)?;
    steps.run("Rust dependencies", fetch)?;
    steps.run("Dashboard (wasm)", build)
}

/// Trunk builds offline, so that it downloads no tool behind our back; the crates come first.
fn fetch() -> Result<&'static str> {
    Sh::new("cargo").args(["fetch", "--quiet", "--locked"]).run()?;
    Ok("are there")
}

/// Builds the dashboard unless nothing has changed since.
///
/// # Errors
/// When Trunk, parting or compression fails, or Trunk's page is not as expected.
fn build() -> Result<&'static str> {
    let stamp = Stamp::new("dist", inputs()?, paths::dist());
    if stamp.is_fresh()? {
        return Ok("is built");
    }
    let mut front = vec![npm::programs()];
    front.extend(tools::folders()?);
    let path = sh::path_with(&front)?;
    Sh::new("trunk")
        .args(["build", "--release", "--cargo-profile", split::PROFILE, "--features", "split", "--offline"])
        .env("PATH", &path)
        .envs(&wasm_target::environment())
        // Trunk takes NO_COLOR=1, as some terminals set it, for a broken option.
        .env_remove("NO_COLOR")
        .run()?;
    split::split(&path)?;
    scripts::move_into_files()?;
    Sh::new("node").args(["web/scripts/compress.mjs", "web/dist"]).run()?;
    budget::check()?;
    stamp.keep()?;
    Ok("built")
}

/// Everything that the dashboard is made of.
fn inputs() -> Result<Fingerprint> {
    let root = paths::root();
    let mut inputs = Fingerprint::new();
    inputs.add_path(&paths::web(), &["dist", "node_modules", "vendor", "target"])?;
    inputs.add_path(&root.join("shared"), &["target"])?;
    inputs.add_path(&npm::echarts_bundle(), &[])?;
    let made_by = ["xtask/src/dashboard", "xtask/src/tools.rs"];
    let settings = [".cargo/config.toml", "Cargo.toml", "Cargo.lock", "Trunk.toml", "rust-toolchain.toml"];
    for name in made_by.iter().chain(&settings) {
        inputs.add_path(&root.join(name), &[])?;
    }
    inputs.add(Sh::new("rustc").args(["-V"]).output().unwrap_or_default().as_bytes());
    Ok(inputs)
}
