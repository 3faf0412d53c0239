//! Owns what the comparison knows of a load tool: how it is called, how its results are read, where it is found.
//! Must not know any one tool.

use super::compared::Reported;
use super::definition::Definition;
use anyhow::{Context, bail};
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};
use std::str::FromStr;

/// A load tool that people use today.
pub(in crate::bench) struct Tool {
    /// Its program, which is also its name in `--peer-command`.
    pub program: &'static str,
    /// Its name in the table.
    pub title: &'static str,
    /// What installs it.
    pub install: &'static str,
    /// How it is run here, beyond what all have in common: a clause for the page.
    pub setting: &'static str,
    /// Its call.
    pub(super) invoke: fn(&Ask<'_>) -> Invocation,
    /// What its result file says.
    pub(super) read: fn(&str) -> serde_json::Result<Reported>,
    /// What its figures mean; absent where its results cannot be imported.
    pub definition: Option<Definition>,
}

/// What every tool is asked to do.
pub(in crate::bench) struct Ask<'a> {
    /// The server, `http://address:port`.
    pub url: &'a str,
    /// The model that it serves.
    pub model: &'a str,
    /// What each prompt begins with; no two trials of a server that caches prompts have the same.
    pub mark: &'a str,
    /// Requests kept in flight.
    pub streams: u32,
    /// Requests in all.
    pub requests: u32,
    /// Tokens of each answer.
    pub tokens: u32,
    /// How long an answer takes when all goes well, s.
    pub request_s: f64,
}

impl Ask<'_> {
    /// The prompts, each with the number by which the pacing server enters it in its account.
    pub fn prompts(&self) -> impl Iterator<Item = String> {
        (0..self.requests).map(|id| format!("{}request-{id} pace", self.mark))
    }

    /// How long the start of all streams takes where one starts each millisecond, s: what the load generator does.
    pub fn ramp_s(&self) -> f64 {
        f64::from(self.streams) / 1000.0
    }
}

/// A tool's call. Paths are relative to the folder that it runs in.
pub(super) struct Invocation {
    /// Arguments after the program's own words.
    pub args: Vec<String>,
    /// Variables beside those that all get.
    pub env: Vec<(&'static str, String)>,
    /// Files that it reads, written before it starts.
    pub files: Vec<(String, String)>,
    /// Its result: a file, or a folder in which it writes one.
    pub result: &'static str,
}

/// A command that the user names for a tool, `NAME=COMMAND`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerCommand {
    name: String,
    words: Vec<String>,
}

impl FromStr for PeerCommand {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = || super::TOOLS.iter().map(|tool| tool.program).collect::<Vec<_>>().join(", ");
        let (name, command) = text.split_once('=').ok_or_else(|| format!("{text:?} is not NAME=COMMAND"))?;
        if !super::TOOLS.iter().any(|tool| tool.program == name) {
            return Err(format!("{name:?} is none of {}", names()));
        }
        // A program whose path has spaces is one word; anything else is words.
        let words: Vec<String> = match Path::new(command).is_file() {
            true => vec![command.to_owned()],
            false => command.split_whitespace().map(str::to_owned).collect(),
        };
        if words.is_empty() {
            return Err(format!("{text:?} names no command"));
        }
        Ok(Self { name: name.to_owned(), words })
    }
}

/// A tool that is there.
pub(in crate::bench) struct Found {
    /// The tool.
    pub tool: &'static Tool,
    /// The words that start it.
    pub words: Vec<String>,
    /// What it says its version is; some need a GPU to say it.
    pub version: Option<String>,
}

/// Finds a tool: as the user named it, else on PATH. Nothing where it was not named and is not there.
///
/// # Errors
/// Where a named command cannot be started.
pub(super) fn find(tool: &'static Tool, named: &[PeerCommand]) -> anyhow::Result<Option<Found>> {
    let named = named.iter().find(|command| command.name == tool.program);
    let words = named.map_or_else(|| vec![tool.program.to_owned()], |command| command.words.clone());
    let Some((program, rest)) = words.split_first() else { bail!("{} has an empty command", tool.title) };
    let said = Command::new(program).args(rest).arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).output();
    let output = match said {
        Err(error) if error.kind() == ErrorKind::NotFound && named.is_none() => return Ok(None),
        other => other.with_context(|| format!("{} cannot be started as `{}`", tool.title, words.join(" ")))?,
    };
    let version = output.status.success().then(|| version(&String::from_utf8_lossy(&output.stdout))).flatten();
    let version = version.or_else(|| installed_version(Path::new(program), tool.program));
    Ok(Some(Found { tool, words, version }))
}

/// The version of a package by the Python that lies beside the program, for a program that does not say its own without a
/// GPU.
fn installed_version(program: &Path, package: &str) -> Option<String> {
    let asked = format!("import importlib.metadata as m; print(m.version({package:?}))");
    let output = Command::new(program.with_file_name("python")).args(["-c", &asked]).stdin(Stdio::null()).output();
    let output = output.ok().filter(|output| output.status.success())?;
    version(&String::from_utf8_lossy(&output.stdout))
}

/// The version in what `--version` prints: the last word of its last line.
fn version(said: &str) -> Option<String> {
    let word = said.split_whitespace().next_back()?;
    word.starts_with(|c: char| c.is_ascii_digit()).then(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        let check = |said: &str, expect: Option<&str>| assert_eq!(version(said).as_deref(), expect, "{said:?}");
        check("guidellm version: 0.8.1\n", Some("0.8.1"));
        check("0.13.0\n", Some("0.13.0"));
        check("a warning\n0.25.1\n", Some("0.25.1"));
        check("", None);
        check("no such option\n", None);
    }

    #[test]
    fn commands_that_the_user_names() {
        let check = |text: &str, expect: Result<&[&str], &str>| {
            let got = text.parse::<PeerCommand>().map(|command| command.words);
            let expect = expect.map(|words| words.iter().map(|w| (*w).to_owned()).collect());
            assert_eq!(got, expect.map_err(str::to_owned), "{text:?}");
        };
        check("vllm=python3 -m vllm.entrypoints.cli.main", Ok(&["python3", "-m", "vllm.entrypoints.cli.main"]));
        check("aiperf=/opt/aiperf", Ok(&["/opt/aiperf"]));
        check("aiperf= ", Err("\"aiperf= \" names no command"));
        check("aiperf", Err("\"aiperf\" is not NAME=COMMAND"));
        check("wrk=wrk", Err("\"wrk\" is none of guidellm, aiperf, vllm, inference-benchmarker"));
    }

    #[test]
    fn a_tool_that_nobody_named_may_be_absent_and_a_named_one_may_not() {
        static TOOL: Tool = Tool {
            program: "tokenprism-no-such-tool",
            title: "Nothing",
            install: "",
            setting: "",
            invoke: super::super::vllm::invoke,
            read: super::super::vllm::read,
            definition: None,
        };
        assert!(find(&TOOL, &[]).unwrap().is_none());
        let named = |words: &[&str]| PeerCommand {
            name: TOOL.program.to_owned(),
            words: words.iter().map(|w| (*w).to_owned()).collect(),
        };
        let error = find(&TOOL, &[named(&["/nonexistent/tool"])]).err().unwrap().to_string();
        assert!(error.starts_with("Nothing cannot be started as `/nonexistent/tool`"), "{error}");
        assert_eq!(find(&TOOL, &[named(&["false"])]).unwrap().unwrap().version, None);
    }
}
