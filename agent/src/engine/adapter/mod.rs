//! Owns what is known of each engine that the agent starts, as data: command, flags by version, containers, signs.
//! Must not know how a process is started or asked.

mod builtin;
mod command;
mod common;
mod flag;
mod history;
mod llama_server;
mod precision;
mod sglang;
mod tgi;
mod transformers;
mod version;
mod vllm;
mod work;

pub use command::{Bind, Refused, Serving};
pub use version::Version;

use flag::Entry;
use history::History;
use shared::caveat::Caveat;
use shared::engine::{EngineKind, Parameter, Phase};
use std::time::Duration;

/// What is known of one engine.
pub struct Adapter {
    /// What is run where it is installed natively.
    pub program: Program,
    /// What follows the program so that it serves.
    pub serve: &'static [&'static str],
    /// How its version is asked for before it is started.
    version: VersionQuestion,
    /// How it is told which model to serve.
    model: Model,
    /// Flag before the name that the server gives the model, where it can give one.
    pub name: Option<&'static str>,
    /// Flag before the address to listen on, where it does not choose that itself.
    host: Option<&'static str>,
    /// Arguments that are always passed.
    always: &'static [&'static str],
    /// Its parameters.
    pub entries: &'static [Entry],
    /// Which flags its versions know.
    pub history: History,
    /// Variables that are always set.
    pub environment: &'static [(&'static str, &'static str)],
    /// How it runs in a container, where it does.
    pub container: Option<Container>,
    /// Lines of its log that begin a phase of its start.
    pub marks: &'static [Mark],
    /// What stands in its log before the number of tokens that its KV cache holds, where the log says that.
    pub kv_tokens_line: Option<&'static str>,
    /// The parameter that bounds how many requests run at once.
    pub running: Option<&'static str>,
    /// How long it may take to end after SIGTERM, once our own streams are closed.
    pub grace: Duration,
    /// What must be said beside its numbers.
    pub caveats: &'static [Caveat],
}

/// What is run as an engine of this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// This program itself.
    Ours,
    /// A program of this name, on PATH or in the plan's environment.
    Named(&'static str),
    /// The Python of the plan's environment, with the baseline's files, which this program carries.
    Baseline,
}

/// How an engine is told which model to serve.
#[derive(Clone, Copy, Debug)]
enum Model {
    /// The model stands by itself.
    Alone,
    /// Behind this flag.
    Behind(&'static str),
    /// It has one of its own.
    OfItsOwn,
}

/// How a version is asked for.
#[derive(Clone, Copy, Debug)]
enum VersionQuestion {
    /// It is this program's own.
    Ours,
    /// These arguments behind the program; the version stands behind the text at the beginning of a line.
    Arguments(&'static [&'static str], &'static str),
    /// The program is a Python that has this package.
    Package(&'static str),
}

/// How an engine runs in a container.
#[derive(Clone, Copy, Debug)]
pub struct Container {
    /// Program in place of the image's own; its own where absent.
    pub entrypoint: Option<&'static str>,
    /// What stands before the arguments.
    pub command: &'static [&'static str],
    /// Port within the container.
    pub port: u16,
    /// Where models are kept, for an engine that downloads them.
    pub models: Option<Models>,
    /// Shared memory: the host's own, or this much.
    pub memory: SharedMemory,
}

/// Where a container keeps models.
#[derive(Clone, Copy, Debug)]
pub enum Models {
    /// In the host's model cache, at this path within the container, which the engine is told of as the cache.
    Cache(&'static str),
    /// In the cache's folder of models, at this path, where the image looks for them by itself.
    Hub(&'static str),
}

/// Shared memory of a container.
#[derive(Clone, Copy, Debug)]
pub enum SharedMemory {
    /// The host's.
    OfHost,
    /// This much, as docker writes it.
    Size(&'static str),
}

/// A line of the log that begins a phase.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    /// What the line holds.
    pub text: &'static str,
    /// What begins.
    pub phase: Phase,
}

const fn mark(text: &'static str, phase: Phase) -> Mark {
    Mark { text, phase }
}

impl Adapter {
    /// The adapter of a kind that the agent can start.
    #[must_use]
    pub fn of(kind: EngineKind) -> Option<&'static Self> {
        match kind {
            EngineKind::Builtin => Some(&builtin::ADAPTER),
            EngineKind::Vllm => Some(&vllm::ADAPTER),
            EngineKind::Sglang => Some(&sglang::ADAPTER),
            EngineKind::Tgi => Some(&tgi::ADAPTER),
            EngineKind::Transformers => Some(&transformers::ADAPTER),
            EngineKind::LlamaServer => Some(&llama_server::ADAPTER),
            EngineKind::OpenaiCompletions | EngineKind::OpenaiChat | EngineKind::GenerateStream => None,
        }
    }

    /// What follows the program so that it tells its version; nothing where it need not be asked.
    #[must_use]
    pub fn version_arguments(&self) -> Vec<String> {
        match self.version {
            VersionQuestion::Ours => Vec::new(),
            VersionQuestion::Arguments(args, _) => args.iter().map(|arg| (*arg).to_owned()).collect(),
            VersionQuestion::Package(package) => {
                vec!["-c".into(), format!("from importlib.metadata import version; print(version(\"{package}\"))")]
            }
        }
    }

    /// The version in what that command printed.
    #[must_use]
    pub fn version_in(&self, output: &str) -> Option<Version> {
        let before = if let VersionQuestion::Arguments(_, before) = self.version { before } else { "" };
        Version::printed(output, before)
    }
}

/// The parameters of a kind; none of one that is only attached.
pub fn parameters(kind: EngineKind) -> Vec<&'static Parameter> {
    Adapter::of(kind).iter().flat_map(|adapter| adapter.entries).map(|entry| &entry.parameter).collect()
}

#[cfg(test)]
mod tests;
