//! Owns the trial of the API by its own description: schemathesis makes requests that it allows and requests that it does not,
//! and no answer may be a failure of the agent.
//! Must not know routes.

use crate::paths;
use crate::python;
use crate::sh::Sh;
use anyhow::{Context, Result, bail};
use clap::Args;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// The tool, by version.
const TOOL: &str = "schemathesis==4.32.5";
/// The agent's token: on loopback, for as long as this takes.
const TOKEN: &str = "fuzz-fuzz-fuzz-fuzz-fuzz-fuzz-fuzz-fuzz";
/// A run that is there, so that not every path leads to nothing.
const PLAN: &str = "schema = 1\nname = \"Fuzz\"\n[engine]\nkind = \"builtin\"\n[engine.params]\npreset = \"1m\"\n[workload]\n\
                    input_tokens = 16\noutput_tokens = 8\n[load]\nconcurrency = [1]\nrequests = 100\n";

/// How long and how it tries.
#[derive(Args)]
pub struct Fuzz {
    /// Most requests for each route and kind of trial.
    #[arg(long, default_value_t = 60)]
    examples: u32,
    /// Repeats an earlier trial.
    #[arg(long)]
    seed: Option<u64>,
}

/// Starts an agent and tries its API.
///
/// # Errors
/// When an answer was a failure of the agent, contradicts the description, or a tool cannot be brought.
pub fn run(options: &Fuzz) -> Result<()> {
    let name = format!("schemathesis-{}", TOOL.rsplit('=').next().unwrap_or_default());
    let venv = python::environment(&name, "a hundred megabytes, a minute", |pip| pip.args([TOOL]))?;
    Sh::new("cargo").args(["build", "--locked", "--package", "tokenprism"]).run()?;
    let data = paths::target().join("xtask/fuzz");
    if data.exists() {
        std::fs::remove_dir_all(&data).with_context(|| format!("cannot remove {}", data.display()))?;
    }
    let agent = Agent::start(&data)?;
    // Something to be found: its id is in the lists that the tool reads.
    let plan = data.join("plan.toml");
    std::fs::write(&plan, PLAN).with_context(|| format!("cannot write {}", plan.display()))?;
    let program = paths::target().join("debug/tokenprism");
    Sh::new(&program).arg("run").arg(&plan).arg_path("--data", &data).run().ok();
    let mut sh = Sh::new(venv.join("bin/st"))
        .args(["run", "docs/openapi.json", "--url", &agent.url])
        .args(["--header", &format!("Authorization: Bearer {TOKEN}")])
        .args([
            "--checks",
            "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
        ])
        .args(["--max-examples", &options.examples.to_string(), "--continue-on-failure", "--request-timeout", "120"])
        // The socket is no request; a sign-in would be slowed down, which is what it shall be.
        .args(["--exclude-path", "/ws", "--exclude-path", "/api/v1/sign-in"])
        // No trace of a trial beside the sources.
        .env("HYPOTHESIS_STORAGE_DIRECTORY", data.join("hypothesis"));
    if let Some(seed) = options.seed {
        sh = sh.args(["--seed", &seed.to_string()]);
    }
    sh.run()?;
    agent.still_serves()
}

/// An agent that ends with this value.
struct Agent {
    url: String,
    process: Child,
}

impl Agent {
    fn start(data: &std::path::Path) -> Result<Self> {
        let mut process = Command::new(paths::target().join("debug/tokenprism"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .env("TOKENPRISM_TOKEN", TOKEN)
            .env("HF_HUB_OFFLINE", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("the agent cannot be started")?;
        let out = process.stdout.take().context("the agent has no output")?;
        let mut lines = BufReader::new(out).lines().map_while(|line| line.ok());
        let url = lines.find_map(|line| line.strip_prefix("Tokenprism serves on ").map(str::to_owned));
        std::thread::spawn(move || lines.for_each(drop));
        match url {
            Some(url) => Ok(Self { url, process }),
            None => {
                drop(process.kill().and_then(|()| process.wait()));
                bail!("the agent did not start; see above")
            }
        }
    }

    /// It has outlived all of that.
    fn still_serves(mut self) -> Result<()> {
        match self.process.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("the agent ended ({status})"),
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // SIGTERM, so that no engine is left behind.
        let told = Command::new("kill").arg(self.process.id().to_string()).status();
        if let Err(error) = told.and_then(|_| self.process.wait()) {
            eprintln!("the agent could not be ended: {error}");
        }
    }
}
