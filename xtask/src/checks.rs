//! Owns what must hold before a change lands, and in which order it is checked: the quick before the slow.
//! Must not know how tools are brought.

use crate::chromium;
use crate::client;
use crate::dashboard;
use crate::python;
use crate::sh::Sh;
use crate::steps::Steps;
use crate::tidy;
use crate::wasm_target;
use anyhow::{Result, bail};
use std::path::Path;

/// Everything: set-up, format, lints, tidy, every test.
///
/// # Errors
/// When set-up or any check fails; all checks run, and each that failed is named.
pub fn test() -> Result<()> {
    let mut steps = Steps::new(18);
    let mut failed = Failed::default();
    failed.step(&mut steps, "Tidy", tidy::run);
    failed.step(&mut steps, "Format", format);
    let mut browser = None;
    steps.run("Chromium", || {
        let path = chromium::find_or_install()?;
        let shown = path.display().to_string();
        browser = Some(path);
        Ok(shown)
    })?;
    dashboard::prepare(&mut steps)?;
    failed.step(&mut steps, "Clippy, native", clippy_native);
    failed.step(&mut steps, "Clippy, wasm", clippy_wasm);
    failed.step(&mut steps, "Tests", || {
        let mut sh =
            Sh::new("cargo").args(["test", "--locked", "--workspace", "--exclude", "tokenprism-web", "--no-fail-fast"]);
        if let Some(path) = &browser {
            sh = sh.env(chromium::VARIABLE, path);
        }
        sh.run()
    });
    // Apart from the others: the page's features would unify with theirs and build everything twice.
    failed.step(&mut steps, "Tests, page", || {
        Sh::new("cargo").args(["test", "--locked", "--package", "tokenprism-web"]).run()
    });
    failed.step(&mut steps, "Tests, a client generated from the API's description", client::check);
    failed.told(&mut steps, "Tests, front of the baseline (Python)", python::test_front);
    steps.finish("cargo xtask test");
    failed.verdict()
}

/// The naive baseline for real, on the CPU: its own tests, and the agent measuring it.
///
/// # Errors
/// When the environment cannot be made or any test fails.
pub fn transformers() -> Result<()> {
    let mut steps = Steps::new(3);
    let mut failed = Failed::default();
    steps.run("Environment", || python::transformers().map(|venv| venv.display().to_string()))?;
    let venv = python::transformers()?;
    failed.step(&mut steps, "Tests, baseline (Python)", || python::test_all(&venv));
    failed.step(&mut steps, "Tests, the agent with the baseline", || ignored("transformers_baseline::", &venv));
    steps.finish("cargo xtask test --transformers");
    failed.verdict()
}

/// The agent measuring a real server of llama.cpp on the CPU.
///
/// # Errors
/// When the environment cannot be made or any test fails.
pub fn llama_server() -> Result<()> {
    let mut steps = Steps::new(2);
    let mut failed = Failed::default();
    steps.run("Environment", || python::llama_server().map(|venv| venv.display().to_string()))?;
    let venv = python::llama_server()?;
    failed.step(&mut steps, "Tests, the agent with llama.cpp's server", || ignored("llama_server::", &venv));
    steps.finish("cargo xtask test --llama-server");
    failed.verdict()
}

/// The tests of that module that run only where their environment is.
fn ignored(module: &str, venv: &Path) -> Result<()> {
    Sh::new("cargo")
        .args(["test", "--locked", "--workspace", "--exclude", "tokenprism-web", "--test", "engines"])
        .args(["--", "--ignored", module])
        .env(python::VENV, venv)
        .run()
}

/// Format, lints and tidy.
///
/// # Errors
/// When any fails; each that failed is named.
pub fn check() -> Result<()> {
    let mut steps = Steps::new(6);
    let mut failed = Failed::default();
    failed.step(&mut steps, "Tidy", tidy::run);
    failed.step(&mut steps, "Format", format);
    failed.step(&mut steps, "Dependencies, words, TOML (where their tools are)", optional);
    steps.run("Wasm target", wasm_target::bring)?;
    failed.step(&mut steps, "Clippy, native", clippy_native);
    failed.step(&mut steps, "Clippy, wasm", clippy_wasm);
    steps.finish("cargo xtask check");
    failed.verdict()
}

fn format() -> Result<()> {
    Sh::new("cargo").args(["fmt", "--all", "--check"]).run()
}

fn clippy_native() -> Result<()> {
    let args =
        ["clippy", "--locked", "--workspace", "--exclude", "tokenprism-web", "--all-targets", "--", "-D", "warnings"];
    Sh::new("cargo").args(args).run()
}

fn clippy_wasm() -> Result<()> {
    Sh::new("cargo")
        .args(["clippy", "--locked", "--package", "tokenprism-web", "--features", "split"])
        .args(["--target", wasm_target::TARGET, "--", "-D", "warnings"])
        .envs(&wasm_target::environment())
        .run()
}

/// Checkers that a developer may have; nobody has to.
fn optional() -> Result<()> {
    let checkers: [(&str, &[&str]); 3] = [
        ("cargo-deny", &["--all-features", "check", "bans", "licenses", "sources"]),
        ("typos", &[]),
        ("taplo", &["format", "--check"]),
    ];
    for (program, args) in checkers {
        if crate::paths::on_path(program).is_some() {
            Sh::new(program).args(args).run()?;
        } else {
            println!("  {program} is not installed: skipped");
        }
    }
    Ok(())
}

/// The checks that failed, so that one run shows all of them.
#[derive(Default)]
struct Failed(Vec<String>);

impl Failed {
    fn step(&mut self, steps: &mut Steps, name: &str, check: impl FnOnce() -> Result<()>) {
        self.told(steps, name, || check().map(|()| "passed".into()));
    }

    /// A check that says itself what came of it.
    fn told(&mut self, steps: &mut Steps, name: &str, check: impl FnOnce() -> Result<String>) {
        if let Err(error) = steps.run(name, check) {
            eprintln!("{error:#}");
            self.0.push(name.to_owned());
        }
    }

    fn verdict(self) -> Result<()> {
        if self.0.is_empty() {
            println!("all checks passed");
            return Ok(());
        }
        bail!("failed: {}; the output of each is above", self.0.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failed_check_is_named_and_the_others_still_run() {
        let mut steps = Steps::new(3);
        let mut failed = Failed::default();
        let mut ran = false;
        failed.step(&mut steps, "one", || bail!("broken"));
        failed.step(&mut steps, "two", || {
            ran = true;
            Ok(())
        });
        failed.step(&mut steps, "three", || bail!("broken"));
        assert!(ran);
        let said = failed.verdict().unwrap_err().to_string();
        assert!(said.starts_with("failed: one, three;"), "{said}");
    }
}
