//! Owns the command line of `cargo xtask`: which developer task runs which steps.
//! Must not know how a step does its work, nor anything of the agent beyond its command line.

mod agent;
mod apt;
mod checks;
mod chromium;
mod client;
mod dashboard;
mod fuzz;
mod npm;
mod paths;
mod peers;
mod prerequisites;
mod python;
mod release;
mod serving;
mod sh;
mod soak;
mod stamp;
mod steps;
mod tidy;
mod tools;
mod wasm_target;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Set-up and every developer task.
///
/// Trunk, wasm-bindgen and wasm-split are built once into $TOKENPRISM_TOOLS, by default ~/.cache/tokenprism/tools, which every clone
/// on a machine shares; the load tools that the bench compares us with are installed there too. TOKENPRISM_CHROMIUM names
/// the browser of the tests.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Bring every tool, build dashboard and agent in release, start the agent.
    Up(Up),
    /// Run everything that must hold: format, lints, tidy rules and all tests, browser included.
    Test {
        /// Instead, bring torch and Transformers (gigabytes) and run the tests of the naive baseline on the CPU.
        #[arg(long)]
        transformers: bool,
        /// Instead, compile llama.cpp's server (a quarter of an hour, once) and have the agent start and measure it.
        #[arg(long, conflicts_with = "transformers")]
        llama_server: bool,
    },
    /// Bring every tool that building and testing need; build nothing of the project.
    Setup {
        /// Also bring Chromium, which only the tests need.
        #[arg(long)]
        browser: bool,
    },
    /// Build the dashboard into web/dist.
    Web,
    /// Build the release archive into target/dist: runs on glibc 2.28 and newer.
    Dist,
    /// Format, clippy (native and wasm) and tidy, without tests.
    Check,
    /// The project's own rules alone (seconds).
    Tidy,
    /// Run one of the long proofs, and write its page in docs/evidence.
    #[command(subcommand)]
    Soak(soak::Soak),
    /// Bring schemathesis, and try the API of an agent with what its own description allows and what it does not.
    FuzzApi(fuzz::Fuzz),
    /// Generate a client from the API's description, and have it get along with an agent.
    Client,
    /// Build the agent in release and run `tokenprism bench …`.
    Bench {
        /// What `tokenprism bench` gets, for instance `client`; with `--peers` other load tools are installed first.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Install other load tools, have them and ours measure one server, and write docs/evidence/parity.md.
    Parity {
        /// What `tokenprism bench parity` gets besides, for instance `--page-only` or `--engine URL --model NAME`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
}

/// How `up` starts the agent.
#[derive(Args)]
pub struct Up {
    /// TCP port on loopback [default: 7717, or the next free one].
    #[arg(long)]
    port: Option<u16>,
    /// Data directory of the agent [default: .tokenprism].
    #[arg(long)]
    data: Option<PathBuf>,
    /// Do not begin a first short run when the log is empty.
    #[arg(long)]
    no_first_run: bool,
}

fn main() -> ExitCode {
    match run(Cli::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    match task {
        Task::Up(options) => {
            let mut steps = steps::Steps::new(10);
            dashboard::prepare(&mut steps)?;
            steps.run("Agent (release)", agent::build_release)?;
            steps.finish("set-up");
            agent::serve(&options)
        }
        Task::Test { transformers: true, .. } => checks::transformers(),
        Task::Test { llama_server: true, .. } => checks::llama_server(),
        Task::Test { .. } => checks::test(),
        Task::Setup { browser } => {
            let mut steps = steps::Steps::new(if browser { 7 } else { 6 });
            dashboard::setup(&mut steps)?;
            if browser {
                steps.run("Chromium", || chromium::find_or_install().map(|path| path.display().to_string()))?;
            }
            steps.finish("set-up");
            Ok(())
        }
        Task::Web => {
            let mut steps = steps::Steps::new(9);
            dashboard::prepare(&mut steps)?;
            steps.finish("dashboard");
            Ok(())
        }
        Task::Dist => {
            let mut steps = steps::Steps::new(12);
            dashboard::prepare(&mut steps)?;
            steps.run("Compiler for an older glibc", release::bring_toolchain)?;
            steps.run("Agent (release)", release::build)?;
            steps.run("Archive", release::pack)?;
            steps.finish("dist");
            Ok(())
        }
        Task::Check => checks::check(),
        Task::Tidy => tidy::run(),
        Task::Soak(which) => soak::run(&which),
        Task::FuzzApi(options) => fuzz::run(&options),
        Task::Client => client::check(),
        Task::Bench { args } => agent::bench(&args),
        Task::Parity { args } => agent::parity(&args),
    }
}
