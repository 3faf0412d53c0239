//! Owns the check by a generated client: one is made of the API's description, and has to get along with an agent.
//! Must not know routes; the script beside this file has the client's side.

use crate::paths;
use crate::python;
use crate::serving::{Agent, TOKEN, folder};
use crate::sh::{Sh, path_with};
use anyhow::{Context, Result};

/// What makes the client, and what its own code needs to be formatted, by version.
const TOOLS: [&str; 2] = ["openapi-python-client==0.29.1", "ruff==0.14.9"];
/// The client's side of the check.
const SCRIPT: &str = include_str!("client.py");

/// Generates the client, starts an agent, and has the one talk with the other.
///
/// # Errors
/// When a tool cannot be brought, no client can be made, or an answer is not what the description says.
pub fn check() -> Result<()> {
    let name = format!("client-{}", TOOLS.map(|tool| tool.rsplit('=').next().unwrap_or_default()).join("-"));
    let venv = python::environment(&name, "thirty megabytes, seconds", |pip| pip.args(TOOLS))?;
    let data = folder("client")?;
    let script = data.join("check.py");
    std::fs::write(&script, SCRIPT).with_context(|| format!("cannot write {}", script.display()))?;
    Sh::new(venv.join("bin/openapi-python-client"))
        .env("PATH", path_with(&[venv.join("bin")])?)
        .args(["generate", "--meta", "none", "--path"])
        .arg(paths::root().join("docs/openapi.json"))
        .arg_path("--output-path", &data.join("tokenprism_client"))
        .run()?;
    let agent = Agent::start(&data.join("data"))?;
    Sh::new(venv.join("bin/python")).arg(&script).env("AGENT_URL", &agent.url).env("AGENT_TOKEN", TOKEN).run()?;
    agent.still_serves()
}
