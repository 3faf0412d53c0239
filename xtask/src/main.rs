//! Owns the developer tasks; must not know the product.

use anyhow::{Result, bail};
use clap::{Parser, Subcommand};
use std::process::Command;

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Format, lints and every test.
    Test,
}

fn main() -> Result<()> {
    let Task::Test = Cli::parse().task;
    cargo(&["fmt", "--all", "--check"])?;
    cargo(&["clippy", "--all-targets", "--", "-D", "warnings"])?;
    cargo(&["test"])
}

fn cargo(args: &[&str]) -> Result<()> {
    println!("cargo {}", args.join(" "));
    if !Command::new("cargo").args(args).status()?.success() {
        bail!("cargo {} failed; its output above says why", args.join(" "));
    }
    Ok(())
}
