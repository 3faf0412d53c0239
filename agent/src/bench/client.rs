//! Owns the bench of the load generator: which trials, in which processes, on which cores.
//! Must not know how figures are computed or written.

use super::figures::compare;
use super::host;
use super::pacer::{Account, fetch_account};
use super::peers::{self, PeersArgs};
use super::process::Pacer;
use super::report;
use super::scenario::Scenario;
use super::table::{self, Row, Setting};
use super::trial::{self, Order, Reader, Seen};
use anyhow::{Context, ensure};
use std::io::Write;
use std::path::PathBuf;

/// Compare the load generator with a server that knows the truth.
#[derive(clap::Args, Clone, Debug)]
pub struct ClientBench {
    /// Streams kept open, one row each.
    #[arg(long, value_delimiter = ',', default_values_t = [16, 64, 256, 1024, 2048], value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub streams: Vec<u32>,
    /// Tokens of a request.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(2..=10_000))]
    pub tokens: u32,
    /// Time from a request to its first token, ms.
    #[arg(long, default_value_t = 50.0)]
    pub ttft_ms: f64,
    /// Time from one token to the next, ms.
    #[arg(long, default_value_t = 20.0)]
    pub gap_ms: f64,
    /// Trials of each row; medians are shown.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub repeats: u32,
    /// Streams of the row without pacing; 0 leaves it out.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(0..=20_000))]
    pub full_speed_streams: u32,
    /// Streams of the row with 5 tokens/s each; 0 leaves it out.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(0..=20_000))]
    pub many_streams: u32,
    /// Tokens of the prompts of the row with long ones; 0 leaves it out.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(0..=500_000))]
    pub long_prompt_tokens: u32,
    /// Requests per second of the open loop; 0 leaves it out.
    #[arg(long, default_value_t = 2_000.0)]
    pub rate: f64,
    /// How long the open loop is, s.
    #[arg(long, default_value_t = 60.0)]
    pub rate_seconds: f64,
    /// The comparison with other load tools.
    #[command(flatten)]
    pub peers: PeersArgs,
    /// Also write the tables to this file.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Run one trial in this process and write what it saw to standard output.
    #[arg(long, hide = true, value_name = "JSON")]
    pub one_trial: Option<String>,
}

/// Runs the bench, prints its tables as Markdown, and writes them where asked.
///
/// # Errors
/// Where a process of the bench cannot be started or fails, or the file cannot be written.
pub fn run_client(args: ClientBench) -> anyhow::Result<()> {
    if let Some(order) = &args.one_trial {
        let order: Order = serde_json::from_str(order).context("the order of the trial is not readable")?;
        let seen = trial::run(&order)?;
        std::io::stdout().write_all(&rmp_serde::to_vec(&seen)?)?;
        return Ok(());
    }
    if let Some(order) = &args.peers.one_peer {
        return peers::supervise(order);
    }
    // Before anything is measured: a tool that is named and does not work is better known now than in half an hour.
    let peers = peers::find(&args.peers)?;
    let (client_core, pacer_core) = host::two_cores()?.unzip();
    let bench = Bench { args: &args, client_core, pacer_core };
    let rows =
        Scenario::all(&args).into_iter().map(|scenario| bench.row(scenario)).collect::<anyhow::Result<Vec<_>>>()?;
    let peer_rows = peers::rows(&bench, &peers)?;
    let setting = Setting { bound: client_core.is_some(), args: &args };
    let mut text = table::markdown(&setting, &rows);
    text.push_str(&peers::markdown(&args.peers, &peers, &peer_rows));
    report::write(&text, args.out.as_deref())
}

/// What all trials of a bench have in common.
pub(super) struct Bench<'a> {
    /// What was asked for.
    pub args: &'a ClientBench,
    /// The core of whoever reads, where there are two.
    pub client_core: Option<usize>,
    /// The pacing server's core.
    pub pacer_core: Option<usize>,
}

impl Bench<'_> {
    /// All trials of a row; load generator and raw reader take turns, so that what else the machine does hits both.
    fn row(&self, scenario: Scenario) -> anyhow::Result<Row> {
        let mut row = Row { scenario, client: Vec::new(), raw: Vec::new(), error: None };
        for repeat in 1..=self.args.repeats {
            eprintln!("{}, repeat {repeat} of {}", row.scenario.name, self.args.repeats);
            let (seen, account) = self.trial(&row.scenario, Reader::LoadGenerator)?;
            row.client.push(compare(&seen, &account));
            row.error = row.error.or(seen.first_error);
            if row.scenario.suits_raw_reader() {
                let (seen, account) = self.trial(&row.scenario, Reader::Raw)?;
                row.raw.push(compare(&seen, &account));
                row.error = row.error.or(seen.first_error);
            }
        }
        Ok(row)
    }

    /// A pacing server for one trial.
    pub fn pacer(&self, scenario: &Scenario) -> anyhow::Result<Pacer> {
        Pacer::start(scenario.ttft_ms, scenario.gap_ms, scenario.chunks_per_write, self.pacer_core, None)
    }

    /// One trial in a process of its own: what its reader saw, and what the server did.
    pub fn trial(&self, scenario: &Scenario, reader: Reader) -> anyhow::Result<(Seen, Account)> {
        let pacer = self.pacer(scenario)?;
        let (server, core) = (pacer.addr, self.client_core);
        let order = Order { reader, server, scenario: scenario.clone(), core, sampling_hz: None };
        let seen = order.in_a_process(&[])?;
        let account = fetch_account(pacer.addr)?;
        ensure!(
            account.unrecorded_chunks == 0 || !scenario.is_paced(),
            "the pacing server's account was full; ask for fewer tokens or streams"
        );
        Ok((seen, account))
    }
}
