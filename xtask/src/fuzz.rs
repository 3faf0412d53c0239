//! Owns the trial of the API by its own description: schemathesis makes requests that it allows and requests that it does not,
//! and no answer may be a failure of the agent.
//! Must not know routes; the script beside this file has the words of the page.

use crate::paths;
use crate::python;
use crate::serving::{self, Agent, TOKEN};
use crate::sh::Sh;
use anyhow::{Context, Result};
use clap::Args;

/// The tool, by version.
const TOOL: &str = "schemathesis==4.32.5";
/// What makes the page of the tool's report.
const SCRIPT: &str = include_str!("fuzz.py");
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
    seed: Option<u128>,
    /// Writes docs/evidence/fuzz.md where everything held.
    #[arg(long)]
    page: bool,
}

/// Starts an agent and tries its API.
///
/// # Errors
/// When an answer was a failure of the agent, contradicts the description, or a tool cannot be brought.
pub fn run(options: &Fuzz) -> Result<()> {
    let name = format!("schemathesis-{}", TOOL.rsplit('=').next().unwrap_or_default());
    let venv = python::environment(&name, "a hundred megabytes, a minute", |pip| pip.args([TOOL]))?;
    let data = serving::folder("fuzz")?;
    let agent = Agent::start(&data)?;
    // Something to be found: its id is in the lists that the tool reads.
    let plan = data.join("plan.toml");
    std::fs::write(&plan, PLAN).with_context(|| format!("cannot write {}", plan.display()))?;
    Sh::new(serving::program()).arg("run").arg(&plan).arg_path("--data", &data).run().ok();
    let report = data.join("report.json");
    let mut sh = Sh::new(venv.join("bin/st"))
        .arg("run")
        .arg(paths::root().join("docs/openapi.json"))
        .args(["--url", &agent.url])
        .args(["--header", &format!("Authorization: Bearer {TOKEN}")])
        .args([
            "--checks",
            "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
        ])
        .args(["--max-examples", &options.examples.to_string(), "--continue-on-failure", "--request-timeout", "120"])
        // The socket is no request; a sign-in would be slowed down, which is what it shall be.
        .args(["--exclude-path", "/ws", "--exclude-path", "/api/v1/sign-in"])
        .args(["--report", "json"])
        .arg_path("--report-json-path", &report)
        // No trace of a trial beside the sources: it writes where it is started.
        .dir(&data)
        .env("HYPOTHESIS_STORAGE_DIRECTORY", data.join("hypothesis"));
    if let Some(seed) = options.seed {
        sh = sh.args(["--seed", &seed.to_string()]);
    }
    sh.run()?;
    agent.still_serves()?;
    if options.page {
        let script = data.join("page.py");
        std::fs::write(&script, SCRIPT).with_context(|| format!("cannot write {}", script.display()))?;
        Sh::new(venv.join("bin/python"))
            .arg(&script)
            .arg(&report)
            .arg(paths::root().join("docs/evidence/fuzz.md"))
            .args(["--examples", &options.examples.to_string()])
            .run()?;
    }
    Ok(())
}
