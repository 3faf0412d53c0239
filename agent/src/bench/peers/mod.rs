//! Owns the comparison with the load tools that people use today: which there are, and their trials beside ours.
//! Must not know how any one of them is called or what its results look like.

mod aiperf;
mod compared;
mod cpu;
mod definition;
mod guidellm;
mod hub;
mod inference_benchmarker;
mod supervise;
mod table;
mod tool;
mod vllm;

pub(super) use definition::Definition;
pub use tool::PeerCommand;
pub(super) use tool::{Ask, Found, Tool};

use super::client::Bench;
use super::pacer::{MODEL, fetch_account};
use super::scenario::{Load, Scenario};
use super::trial::Reader;
use anyhow::{Context, bail};
use compared::{Compared, compare, ours};
use cpu::CpuCurve;
use std::fs;
use std::path::Path;
use supervise::Order;

/// All of them, in the order of the table.
static TOOLS: [&Tool; 4] = [&guidellm::TOOL, &aiperf::TOOL, &vllm::TOOL, &inference_benchmarker::TOOL];

/// How long a tool may take to start and to report, s: some load gigabytes of libraries on one core.
const START_LIMIT_S: f64 = 240.0;
/// How many times the time of its answers a tool may take.
const SLOWNESS_LIMIT: f64 = 20.0;

/// Options of the comparison with other load tools.
#[derive(clap::Args, Clone, Debug)]
pub struct PeersArgs {
    /// Also run the load tools that people use today; `cargo xtask bench client` brings GuideLLM and AIPerf.
    #[arg(long)]
    pub peers: bool,
    /// Streams that they keep open, one row each.
    #[arg(long, value_delimiter = ',', default_values_t = [256, 1024], value_parser = clap::value_parser!(u32).range(2..=20_000))]
    pub peer_streams: Vec<u32>,
    /// Trials of each of their rows; medians are shown.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub peer_repeats: u32,
    /// How a tool is started that is not on PATH: guidellm, aiperf, vllm or inference-benchmarker.
    #[arg(long, value_name = "NAME=COMMAND")]
    pub peer_command: Vec<PeerCommand>,
    /// Watch one run of a tool in this process and write what it used to standard output.
    #[arg(long, hide = true, value_name = "JSON")]
    pub one_peer: Option<String>,
}

/// A tool, and whether it is there.
pub(super) struct Peer {
    tool: &'static Tool,
    found: Option<Found>,
}

/// All trials of one tool at one number of streams.
pub(super) struct PeerRow {
    streams: u32,
    title: &'static str,
    trials: Vec<Compared>,
    /// Why a trial gave no result.
    failure: Option<String>,
}

/// The tools whose results can be imported, each where it is there.
///
/// # Errors
/// Where a command that the user names does not work.
pub(super) fn comparable(named: &[PeerCommand]) -> anyhow::Result<Vec<(&'static Tool, Option<Found>)>> {
    let tools = TOOLS.iter().filter(|tool| tool.definition.is_some());
    tools.map(|tool| Ok((*tool, tool::find(tool, named)?))).collect()
}

/// What the figures of a tool mean, by its program; absent where nobody knows.
pub(super) fn definition(program: &str) -> Option<Definition> {
    TOOLS.iter().find(|tool| tool.program == program)?.definition
}

/// Finds the tools; nothing where they are not asked for.
///
/// # Errors
/// Where a command that the user names does not work.
pub(super) fn find(args: &PeersArgs) -> anyhow::Result<Vec<Peer>> {
    let asked = TOOLS.iter().filter(|_| args.peers);
    asked.map(|tool| Ok(Peer { tool, found: tool::find(tool, &args.peer_command)? })).collect()
}

/// Does what a supervisor of one tool is told.
///
/// # Errors
/// Where the order is not readable or the tool cannot be started.
pub(super) fn supervise(order: &str) -> anyhow::Result<()> {
    supervise::supervise(&serde_json::from_str(order).context("the order of a supervisor is not readable")?)
}

/// Runs ours and theirs in turns.
///
/// # Errors
/// Where one of our own processes fails; a tool that fails has that in its row.
pub(super) fn rows(bench: &Bench<'_>, peers: &[Peer]) -> anyhow::Result<Vec<PeerRow>> {
    let args = &bench.args.peers;
    let mut rows = Vec::new();
    for streams in args.peer_streams.iter().copied().filter(|_| args.peers) {
        let scenario = Scenario::paced(streams, bench.args);
        let begin = |title| PeerRow { streams, title, trials: Vec::new(), failure: None };
        let mut own = begin(table::OURS);
        let mut theirs: Vec<(&Found, PeerRow)> =
            peers.iter().filter_map(|peer| peer.found.as_ref()).map(|found| (found, begin(found.tool.title))).collect();
        for repeat in 1..=args.peer_repeats {
            let say = |title: &str| eprintln!("{streams} by {title}, repeat {repeat} of {}", args.peer_repeats);
            say(own.title);
            let (seen, account) = bench.trial(&scenario, Reader::LoadGenerator)?;
            own.trials.push(compare(&ours(&seen), &account, |_| Some(seen.cpu_ns)));
            for (found, row) in &mut theirs {
                say(row.title);
                match trial(bench, &scenario, found) {
                    Ok(compared) => row.trials.push(compared),
                    Err(error) => {
                        eprintln!("{}: {error:#}", row.title);
                        row.failure.get_or_insert(format!("{error:#}"));
                    }
                }
            }
        }
        rows.push(own);
        rows.extend(theirs.into_iter().map(|(_, row)| row));
    }
    Ok(rows)
}

/// What repeats the comparison, without the paths of this machine.
pub(super) fn options(args: &PeersArgs) -> String {
    let streams: Vec<String> = args.peer_streams.iter().map(u32::to_string).collect();
    match args.peers {
        true => format!(" --peers --peer-streams {} --peer-repeats {}", streams.join(","), args.peer_repeats),
        false => String::new(),
    }
}

/// The section of the page; empty where no tool was asked for.
pub(super) fn markdown(args: &PeersArgs, peers: &[Peer], rows: &[PeerRow]) -> String {
    if args.peers { table::markdown(args, peers, rows) } else { String::new() }
}

/// One trial of a tool against a pacing server of its own.
fn trial(bench: &Bench<'_>, scenario: &Scenario, found: &Found) -> anyhow::Result<Compared> {
    let Load::Streams { streams, requests } = scenario.load else { bail!("tools are asked to keep streams open") };
    let pacer = bench.pacer(scenario)?;
    let ask = Ask {
        url: &format!("http://{}", pacer.addr),
        model: MODEL,
        mark: "",
        streams,
        requests: requests + streams,
        tokens: scenario.tokens,
        request_s: (scenario.ttft_ms + scenario.gap_ms * f64::from(scenario.tokens - 1)) / 1000.0,
    };
    let (text, cpu) = run(found, &ask, bench.client_core)?;
    let account = fetch_account(pacer.addr)?;
    let reported = (found.tool.read)(&text).context("its result is not what this version expects")?;
    Ok(compare(&reported, &account, |(from_ns, to_ns)| cpu.between(from_ns, to_ns)))
}

/// Runs a tool, bound to a core where one is named; the text of its result is what comes of it.
///
/// # Errors
/// Where it cannot be started, fails, takes too long or leaves no result.
pub(super) fn result_of(found: &Found, ask: &Ask<'_>, core: Option<usize>) -> anyhow::Result<String> {
    run(found, ask, core).map(|(text, _)| text)
}

/// The same with the CPU time that it used.
fn run(found: &Found, ask: &Ask<'_>, core: Option<usize>) -> anyhow::Result<(String, CpuCurve)> {
    let folder = tempfile::tempdir().context("no folder can be made for a tool's files")?;
    let invocation = (found.tool.invoke)(ask);
    for (path, text) in hub::tokenizer().iter().chain(&invocation.files) {
        write(&folder.path().join(path), text)?;
    }
    let rounds = f64::from(ask.requests) / f64::from(ask.streams);
    let host = ask.url.trim_start_matches("http://");
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    let mut env = hub::env(folder.path());
    // The server is to be asked itself, and what a tool leaves behind is gone with its folder.
    env.extend([("NO_PROXY", host.to_owned()), ("TMPDIR", folder.path().display().to_string())]);
    env.extend(invocation.env);
    let cpu = supervise::run(&Order {
        words: found.words.iter().chain(&invocation.args).cloned().collect(),
        env: env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        folder: folder.path().to_owned(),
        core,
        limit_s: (START_LIMIT_S + SLOWNESS_LIMIT * rounds * ask.request_s) as u64,
    })?;
    Ok((result(&folder.path().join(invocation.result))?, cpu))
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let folder = path.parent().context("a tool's file without a folder")?;
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, text))
        .with_context(|| format!("{} cannot be written", path.display()))
}

/// The text of a result: a file, or the one file in a folder.
fn result(path: &Path) -> anyhow::Result<String> {
    let file = match path.is_dir() {
        true => fs::read_dir(path)?.next().context("it left no result")??.path(),
        false => path.to_owned(),
    };
    fs::read_to_string(&file).context("it left no result")
}

#[cfg(test)]
mod tests;
