//! Owns the command line: arguments in, sentences and exit codes out.
//! Must not know how anything it calls is done.

mod agent_file;
mod backup;
mod baseline;
mod commands;
mod compare;
mod compared;
mod doctor;
mod edge;
mod export;
mod gate;
mod holder;
mod import;
mod observer;
mod picture;
mod price;
mod queue;
mod report;
mod run;
mod runs;
mod secret;
mod serve;
mod source;
mod study;
mod subject;
mod table;
mod token;
mod watch;

use crate::bench;
use crate::engine::{Means, builtin};
use crate::log::DataDir;
use crate::process;
use crate::telemetry::{Nvml, Reading};
use clap::{Parser, Subcommand};
use shared::caveat::Verdict;
use shared::event::RunState;
use shared::view::RunView;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// Exit code where everything asked for was done.
const DONE: u8 = 0;
/// Exit code where a run failed or was cancelled, or a command could not do its work.
const FAILED: u8 = 1;
/// Exit code where a run was done but a rule calls its numbers invalid.
const INVALID: u8 = 3;
/// Exit code where a run was done but a rule doubts its numbers.
const DOUBTFUL: u8 = 4;
/// Exit code of a comparison whose runs or figures cannot be read or compared.
const BAD_INPUT: u8 = 3;
/// Exit code of a gate that cannot tell.
const UNDECIDED: u8 = 4;

/// How long a command that has ended waits for threads that have not.
const LAST_LIMIT: Duration = Duration::from_secs(2);

/// What `run` and `watch` say of their exit codes; 2 is clap's own.
const EXIT_CODES: &str = "Exit codes: 0 done and valid, 1 failed or cancelled, 2 wrong arguments, 3 done but a rule calls \
the numbers invalid, 4 done but a rule doubts them.";

/// Measures LLM inference servers: load, token timelines, verdicts, and a live dashboard.
#[derive(Parser)]
#[command(name = "tokenprism", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the dashboard and the API, and execute runs.
    Serve(serve::ServeArgs),
    /// Execute a plan or preset without a browser and print its figures.
    #[command(after_help = EXIT_CODES)]
    Run(run::RunArgs),
    /// Follow a run of another agent in the terminal.
    #[command(after_help = EXIT_CODES)]
    Watch(watch::WatchArgs),
    /// Take results of other tools in, as runs that show where they come from.
    Import(import::ImportArgs),
    /// Write results to files: figures, records, the layouts of other tools, or a run whole to be taken in elsewhere.
    Export(export::ExportArgs),
    /// Execute a study: a preset or a file, over any engines, its runs read together.
    #[command(after_help = EXIT_CODES)]
    Study(study::StudyArgs),
    /// Compare runs, studies or exported files with the first of them.
    Compare(compare::CompareArgs),
    /// Fail where a candidate is significantly worse than its baseline.
    #[command(after_help = gate::EXIT_CODES)]
    Gate(gate::GateArgs),
    /// Draw the charts of a run, study or comparison as files, without a browser.
    Picture(picture::PictureArgs),
    /// Write a run, study or comparison as one file to read: figures, charts, verdict and where they come from.
    Report(report::ReportArgs),
    /// Keep secrets, such as API keys, for plans that name them.
    #[command(subcommand)]
    Secret(secret::SecretCommand),
    /// Say what runs and waits on the serving agent, and arrange it.
    #[command(subcommand)]
    Queue(queue::QueueCommand),
    /// Make, list and revoke named tokens of a team.
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Keep the log and the records in one file, while runs go on.
    Backup(backup::BackupArgs),
    /// Make a data directory of a backup, once every part of it is verified.
    Restore(backup::RestoreArgs),
    /// Find, tag, pin, note, delete and bring back runs and studies.
    #[command(subcommand)]
    Runs(runs::RunsCommand),
    /// Say what GPUs cost, for the cost of runs.
    #[command(subcommand)]
    Price(price::PriceCommand),
    /// Say what this host has and lacks for measuring.
    Doctor(doctor::DoctorArgs),
    /// Become the naive baseline: Transformers' own generate, served by the Python of an environment.
    Baseline(baseline::BaselineArgs),
    /// Compare the load generator with a server that knows the truth.
    #[command(subcommand)]
    Bench(BenchCommand),
    /// The built-in engine (started by the agent).
    #[command(hide = true)]
    BuiltinEngine(builtin::BuiltinOptions),
    /// The process that watches an engine (started by the agent).
    #[command(hide = true)]
    Supervise,
    /// An engine's first process until its program runs (started by the one that watches).
    #[command(hide = true)]
    SupervisedExec(process::ExecArgs),
    /// The pacing server of the bench (started by it).
    #[command(hide = true)]
    Pacer(bench::PacerArgs),
}

#[derive(Subcommand)]
enum BenchCommand {
    /// Reported against true times, for 16 to 1,024 streams.
    Client(bench::ClientBench),
    /// The same server by us and by other load tools: each difference small, explained by computation, or named.
    Parity(bench::ParityBench),
    /// What fifty viewers of a live run change in its numbers.
    Viewers(bench::ViewersBench),
    /// Two hundred viewers of a live run for half an hour: memory, events missed, lateness of the load thread.
    ViewersSoak(bench::ViewersSoak),
    /// How long lists and searches take where there are many runs.
    History(bench::HistoryBench),
    /// How long a folder of other tools' results takes to be imported.
    Import(bench::ImportBench),
    /// What sampling of eight GPUs, host and an engine's page changes in what the load generator reports.
    Observer(bench::ObserverBench),
}

/// Where an agent keeps its log and records.
#[derive(clap::Args, Clone, Debug)]
struct DataArg {
    /// Folder of the log and the records; made where it is missing.
    #[arg(long = "data", env = "TOKENPRISM_DATA", default_value = ".tokenprism", value_name = "DIR")]
    data_dir: PathBuf,
}

/// Where the Python packages of the naive baseline are.
#[derive(clap::Args, Clone, Debug)]
struct VenvArg {
    /// Virtual environment with torch and Transformers.
    #[arg(long, env = "TOKENPRISM_VENV", value_name = "DIR")]
    venv: Option<PathBuf>,
}

/// Parses the arguments, does what they say, and gives the exit code.
#[must_use]
pub fn main() -> ExitCode {
    // reqwest and the load generator share one TLS provider; a second install is an error that means "there".
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        tracing::debug!("a TLS provider was installed already");
    }
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("TOKENPRISM_LOG").unwrap_or_else(|_| "warn".into()),
        )
        .with_writer(std::io::stderr)
        .init();
    match dispatch(Cli::parse().command) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("tokenprism: {error:#}");
            ExitCode::from(FAILED)
        }
    }
}

fn dispatch(command: Command) -> anyhow::Result<u8> {
    match command {
        Command::Serve(args) => block_on(serve::serve(args)),
        Command::Run(args) => block_on(run::run(args)),
        Command::Watch(args) => block_on(watch::watch(args)),
        Command::Import(args) => block_on(import::import(args)),
        Command::Export(args) => block_on(export::export(args)),
        Command::Study(args) => block_on(study::study(args)),
        Command::Compare(args) => block_on(compare::compare(args)),
        Command::Gate(args) => block_on(gate::gate(args)),
        Command::Picture(args) => block_on(picture::picture(args)),
        Command::Report(args) => block_on(report::report(args)),
        Command::Secret(command) => secret::secret(&command),
        Command::Queue(command) => block_on(queue::queue(command)),
        Command::Token(command) => block_on(token::token(command)),
        Command::Backup(args) => backup::backup(&args),
        Command::Restore(args) => block_on(backup::restore(&args)),
        Command::Runs(command) => block_on(runs::runs(command)),
        Command::Price(command) => price::price(&command),
        Command::Doctor(args) if args.cost.observer => block_on(observer::observer(&args.cost, &args.data)),
        Command::Doctor(args) => Ok(doctor::doctor(&args)),
        Command::Baseline(args) => match baseline::baseline(&args)? {},
        Command::Bench(BenchCommand::Client(args)) => bench::run_client(args).map(|()| DONE),
        Command::Bench(BenchCommand::Parity(args)) => bench::run_parity(&args).map(|()| DONE),
        Command::Bench(BenchCommand::Observer(args)) => bench::run_observer(&args).map(|()| DONE),
        Command::Bench(BenchCommand::History(args)) => {
            block_on(async { bench::run_history(args).await.map(|()| DONE) })
        }
        Command::Bench(BenchCommand::Import(args)) => block_on(async { bench::run_import(args).await.map(|()| DONE) }),
        Command::Bench(BenchCommand::Viewers(args)) => {
            block_on(async { bench::run_viewers(args).await.map(|()| DONE) })
        }
        Command::Bench(BenchCommand::ViewersSoak(args)) => {
            block_on(async { bench::run_viewers_soak(args).await.map(|()| DONE) })
        }
        Command::BuiltinEngine(options) => Ok(builtin::serve(options).map(|()| DONE)?),
        Command::Supervise => process::supervise().map(|()| DONE),
        Command::SupervisedExec(args) => Ok(process::exec(&args)),
        Command::Pacer(args) => bench::run_pacer(args).map(|()| DONE),
    }
}

/// What the agent has for engines of a data directory; what an earlier agent left is ended first, and told.
fn means(data_dir: &DataDir) -> Result<Means, process::ProcessError> {
    let (host, reaped) = process::Host::open(data_dir.path())?;
    for process::Reaped(sentence) in reaped {
        eprintln!("tokenprism: {sentence}");
    }
    let host = match Nvml::open() {
        Reading::Value(nvml) => host.with_memory(Arc::new(nvml)),
        Reading::NotSupported => host,
        Reading::Failed(why) => {
            tracing::warn!(why, "the NVIDIA driver's library does not answer: GPU memory is not watched");
            host
        }
    };
    Ok(Means::of(data_dir.path(), host))
}

/// The exit code of a run that ended; one that was not done is told of as a sentence.
fn code_of(view: &RunView) -> u8 {
    match view.run_state() {
        RunState::Done => match view.verdict() {
            Some(Verdict::Invalid) => INVALID,
            Some(Verdict::Doubtful) => DOUBTFUL,
            _ => DONE,
        },
        state => {
            eprintln!("tokenprism: the run is {}. {}", state.label(), view.reason.as_deref().unwrap_or_default());
            FAILED
        }
    }
}

fn block_on(work: impl Future<Output = anyhow::Result<u8>>) -> anyhow::Result<u8> {
    // Two threads: viewers, storage and exports must not take the cores that engine and load need.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let result = runtime.block_on(work);
    // A driver that hangs keeps the thread that asked it, which must not keep this program.
    runtime.shutdown_timeout(LAST_LIMIT);
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::caveat::{Finding, Rule};
    use shared::event::{Body, Event};

    #[test]
    fn the_exit_code_tells_valid_from_doubtful_from_invalid_from_failed() {
        let check = |state: RunState, rules: &[Rule], expect: u8| {
            let mut view = RunView::default();
            let findings = rules.iter().map(|rule| Finding { point: 0, rule: rule.clone() }).collect();
            let bodies = [Body::Judged { findings, caveats: vec![] }, Body::State { state, reason: None }];
            for (seq, body) in (1..).zip(bodies) {
                view.apply(&Event { seq, t_ns: seq, body });
            }
            assert_eq!(code_of(&view), expect, "{state:?} {rules:?}");
        };
        check(RunState::Done, &[], DONE);
        check(RunState::Done, &[Rule::TooFewSamples { n: 1, needed: 100 }], DOUBTFUL);
        check(RunState::Done, &[Rule::ConcurrencyNotReached { reached: 1, target: 2, requests: None }], INVALID);
        let both = [Rule::ClientBusy { busy: 1.0 }, Rule::Failures { failed: 2, attempted: 9 }];
        check(RunState::Done, &both, INVALID);
        check(RunState::Failed, &[], FAILED);
        check(RunState::Cancelled, &[], FAILED);
        check(RunState::Interrupted, &[], FAILED);
    }
}
