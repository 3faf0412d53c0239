//! Owns the comparison of one server by us and by other tools: which trials, in which turns, and what is kept of them.
//! Must not know how any tool is called, nor how its figures are judged.

mod compared;
mod cut;
mod figures;
mod kept;
mod level;
mod ours;
mod page;
mod timeline;
mod verdict;

pub use level::Level;

use super::host;
use super::pacer::{MODEL, fetch_account};
use super::peers::{self, Ask, Found, PeerCommand};
use super::process::Pacer;
use super::report::{self, Circumstances};
use anyhow::{Context, bail, ensure};
use kept::{Asked, Folder, Setting, ToolSaid, Trial};
use std::net::SocketAddr;
use std::path::PathBuf;

/// What our own trials' files are named by.
const OURS: &str = "tokenprism";

/// Have other load tools measure what we measure, and say of each difference what it is.
#[derive(clap::Args, Clone, Debug)]
pub struct ParityBench {
    /// The page; what it is computed from is kept in a folder of the same name beside it. Trials that are there are not
    /// made again, so a bench that was stopped goes on.
    #[arg(long, value_name = "FILE", required_unless_present = "one_trial")]
    pub out: Option<PathBuf>,
    /// Streams and tokens of each answer.
    #[arg(long, value_delimiter = ',', default_values = ["1x8", "8x32", "32x64"], value_name = "STREAMSxTOKENS")]
    pub levels: Vec<Level>,
    /// Time from a request to its first token, ms.
    #[arg(long, default_value_t = 200.0)]
    pub ttft_ms: f64,
    /// Time from one token to the next, ms.
    #[arg(long, default_value_t = 30.0)]
    pub gap_ms: f64,
    /// Trials of each tool at each level, in turns; medians are compared.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub repeats: u32,
    /// An engine to measure in place of the pacing server, http://HOST:PORT; nobody knows the truth of it then.
    #[arg(long, value_name = "URL", requires = "model")]
    pub engine: Option<String>,
    /// The model that the engine serves.
    #[arg(long, requires = "engine")]
    pub model: Option<String>,
    /// How a tool is started that is not on PATH.
    #[arg(long, value_name = "NAME=COMMAND")]
    pub peer_command: Vec<PeerCommand>,
    /// Measure nothing, and write the page anew of what is kept.
    #[arg(long)]
    pub page_only: bool,
    /// Run one trial in this process and write what it saw to standard output.
    #[arg(long, hide = true, value_name = "JSON")]
    pub one_trial: Option<String>,
}

/// Runs the bench and writes its page.
///
/// # Errors
/// Where the arguments name what is not there, a process of the bench fails, or a file cannot be read or written.
pub fn run_parity(args: &ParityBench) -> anyhow::Result<()> {
    if let Some(order) = &args.one_trial {
        return serde_json::from_str::<ours::Order>(order).context("the order of the trial is not readable")?.here();
    }
    let out = args.out.as_deref().context("--out names no page")?;
    let folder = Folder::beside(out);
    let setting = match args.page_only {
        true => folder.setting()?,
        false => measure(args, &folder)?,
    };
    report::write(&page(&folder, &setting)?, Some(out))
}

/// The page of what is kept.
fn page(folder: &Folder, setting: &Setting) -> anyhow::Result<String> {
    let trials = |level: Level, program: &str| -> anyhow::Result<Vec<Trial>> {
        let repeats = 1..=setting.asked.repeats;
        let missing =
            |repeat| format!("trial {repeat} of {program} at {level} was not made: run the bench without --page-only");
        repeats.map(|repeat| folder.trial(level, repeat, program)?.with_context(|| missing(repeat))).collect()
    };
    let compared = compared::compare(&setting.asked, trials, definition)?;
    let programs = || [OURS].into_iter().chain(setting.asked.tools.iter().map(|tool| tool.program.as_str()));
    let each = setting.asked.levels.iter().flat_map(|level| programs().map(move |program| (*level, program)));
    let kept: Vec<Trial> =
        each.map(|(level, program)| trials(level, program)).collect::<anyhow::Result<Vec<_>>>()?.concat();
    page::markdown(setting, &compared, &kept, definition)
}

/// What a tool's figures mean.
fn definition(program: &str) -> anyhow::Result<peers::Definition> {
    peers::definition(program).with_context(|| format!("nobody knows what the figures of {program} mean"))
}

/// Makes the trials that are not there yet, all tools in turns.
fn measure(args: &ParityBench, folder: &Folder) -> anyhow::Result<Setting> {
    let mut found = Vec::new();
    for (tool, present) in peers::comparable(&args.peer_command)? {
        match present {
            Some(present) => found.push(present),
            None => eprintln!("{} is not present: {}, or name it with --peer-command", tool.title, tool.install),
        }
    }
    ensure!(!found.is_empty(), "there is no other tool to compare with; `cargo xtask parity` brings them");
    let (client_core, pacer_core) = host::two_cores()?.unzip();
    let said = |found: &Found| ToolSaid {
        program: found.tool.program.to_owned(),
        title: found.tool.title.to_owned(),
        version: found.version.clone(),
    };
    let asked = Asked {
        levels: args.levels.clone(),
        ttft_ms: args.ttft_ms,
        gap_ms: args.gap_ms,
        repeats: args.repeats,
        engine_model: args.model.clone(),
        bound: client_core.is_some(),
        tools: found.iter().map(said).collect(),
    };
    let setting = folder.begin(Setting { circumstances: Circumstances::now(), asked })?;
    let bench = Bench { args, client_core, pacer_core };
    for repeat in 1..=args.repeats {
        for level in args.levels.iter().copied() {
            for who in [None].into_iter().chain(found.iter().map(Some)) {
                let program = who.map_or(OURS, |found| found.tool.program);
                if folder.trial(level, repeat, program)?.is_none() {
                    eprintln!("{level} by {program}, repeat {repeat} of {}", args.repeats);
                    folder.keep(level, repeat, program, &bench.trial(level, repeat, who)?)?;
                }
            }
        }
    }
    Ok(setting)
}

/// What all trials have in common.
struct Bench<'a> {
    args: &'a ParityBench,
    client_core: Option<usize>,
    pacer_core: Option<usize>,
}

/// The server of one trial.
enum Server {
    /// A pacing server of its own.
    Pacer(Pacer),
    /// One that is there.
    Engine { host: String, port: u16 },
}

impl Server {
    fn addr(&self) -> Option<SocketAddr> {
        if let Server::Pacer(pacer) = self { Some(pacer.addr) } else { None }
    }

    fn host_and_port(&self) -> (String, u16) {
        match self {
            Server::Pacer(pacer) => (pacer.addr.ip().to_string(), pacer.addr.port()),
            Server::Engine { host, port } => (host.clone(), *port),
        }
    }
}

impl Bench<'_> {
    /// One trial of ours, or of another tool.
    fn trial(&self, level: Level, repeat: u32, who: Option<&Found>) -> anyhow::Result<Trial> {
        let Self { args, client_core: core, .. } = *self;
        let server = self.server()?;
        let (host, port) = server.host_and_port();
        let program = who.map_or(OURS, |found| found.tool.program);
        // A server that caches prompts must know none of them from the tool before.
        let mark = format!("{program} {repeat} {level} ");
        let ask = Ask {
            url: &format!("http://{host}:{port}"),
            model: args.model.as_deref().unwrap_or(MODEL),
            mark: &mark,
            streams: level.streams,
            requests: level.requests_in_all(),
            tokens: level.tokens,
            request_s: (args.ttft_ms + args.gap_ms * f64::from(level.tokens - 1)) / 1000.0,
        };
        let mut trial = Trial { load: (host::load_average(), None), ..Trial::default() };
        match who {
            None => {
                let (model, prompts) = (ask.model.to_owned(), ask.prompts().collect());
                trial.seen = Some(ours::Order { host, port, model, prompts, level, core }.in_a_process()?);
            }
            Some(found) => match peers::result_of(found, &ask, core).and_then(|text| cut::cut(&text)) {
                Ok(result) => trial.result = Some(result),
                Err(error) => {
                    eprintln!("{program}: {error:#}");
                    trial.failure = Some(format!("{error:#}"));
                }
            },
        }
        if let Some(addr) = server.addr() {
            let account = fetch_account(addr)?;
            ensure!(
                account.unrecorded_chunks == 0,
                "the pacing server's account was full; ask for fewer tokens or streams"
            );
            let begin = |first_ns| trial.seen.as_ref().map_or(first_ns, |seen| seen.begin_ns);
            trial.served = Some(timeline::of_account(&account, ask.requests, begin));
        }
        trial.load.1 = host::load_average();
        Ok(trial)
    }

    fn server(&self) -> anyhow::Result<Server> {
        let ParityBench { ttft_ms, gap_ms, .. } = *self.args;
        match &self.args.engine {
            None => Ok(Server::Pacer(Pacer::start(ttft_ms, gap_ms, 1, self.pacer_core, None)?)),
            Some(url) => engine(url),
        }
    }
}

/// The server that a URL names.
fn engine(text: &str) -> anyhow::Result<Server> {
    let url = reqwest::Url::parse(text).with_context(|| format!("--engine {text:?} is no URL"))?;
    match (url.scheme(), url.host_str(), url.port_or_known_default(), url.path()) {
        ("http", Some(host), Some(port), "/") => Ok(Server::Engine { host: host.to_owned(), port }),
        _ => bail!("--engine {text:?} is not http://HOST:PORT, which is all that every tool takes"),
    }
}

#[cfg(test)]
mod tests;
