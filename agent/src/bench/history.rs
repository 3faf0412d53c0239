//! Owns the bench of the history: how long an agent with many runs takes to list them and to find some.
//! Must not know how runs are kept or found; it writes events, and asks as every client does.

use super::process::Serving;
use super::report;
use crate::find::Asked;
use crate::log::{DataDir, SqliteLog};
use anyhow::{Context, ensure};
use futures_util::future::try_join_all;
use shared::event::{Body, Host, RunState};
use shared::ids::RunId;
use shared::people::{Side, Who};
use shared::plan::Plan;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Runs that are written at once: they share a commit.
const AT_ONCE: u32 = 64;
/// The first run's creation, Unix ms, and the time from one to the next.
const FIRST_MS: u64 = 1_700_000_000_000;
const APART_MS: u64 = 600_000;
/// What a list and a search may take, ms.
const LIST_MS: f64 = 100.0;
const SEARCH_MS: f64 = 200.0;

const ENGINES: [&str; 3] = ["openai_completions", "openai_chat", "generate_stream"];
const MODELS: [&str; 5] = ["llama-2-7b-chat", "llama-3.1-8b", "mistral-7b", "qwen2.5-7b", "gemma-2-9b"];
const GPUS: [&str; 3] = ["NVIDIA L4", "NVIDIA A10G", "NVIDIA H100"];
const TAGS: [&str; 3] = ["nightly", "release", "fp8"];

/// Measure how long lists and searches take where there are many runs.
#[derive(clap::Args, Clone, Debug)]
pub struct HistoryBench {
    /// Runs in the log.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1_000..=200_000))]
    pub runs: u32,
    /// Times that each is asked.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(10..=10_000))]
    pub times: u32,
    /// Also write the table to this file.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// A question, what it may take, and how long it took each time.
struct Asking {
    words: &'static str,
    asked: Asked,
    may_ms: f64,
    rows: usize,
    took_ms: Vec<f64>,
}

/// Runs the bench, prints its table as Markdown, and writes it where asked.
///
/// # Errors
/// Where a process cannot be started, the agent refuses, or a question takes longer than it may in one of a hundred times.
pub async fn run_history(args: HistoryBench) -> anyhow::Result<()> {
    let data = tempfile::tempdir().context("no folder can be made for the agent's log")?;
    let begun = Instant::now();
    fill(&data, args.runs).await?;
    let filled = begun.elapsed();
    let begun = Instant::now();
    let serving = Serving::over(data)?;
    let started = begun.elapsed();
    let mut askings = askings(args.runs);
    // In turns, so that a slow moment of the machine is nobody's own.
    for _ in 0..args.times {
        for asking in &mut askings {
            let begun = Instant::now();
            asking.rows = serving.agent.find_runs(&asking.asked).await?.len();
            asking.took_ms.push(begun.elapsed().as_secs_f64() * 1e3);
        }
    }
    let slow = slow(&askings);
    let text = markdown(&args, filled, started, &askings);
    report::write(&text, args.out.as_deref().filter(|_| slow.is_empty()))?;
    ensure!(slow.is_empty(), "longer than it may take: {}", slow.join(", "));
    Ok(())
}

/// What took longer than it may, by its 99th percentile.
fn slow(askings: &[Asking]) -> Vec<&'static str> {
    let is_slow = |asking: &&Asking| quantile(&asking.took_ms, 0.99).is_none_or(|ms| ms > asking.may_ms);
    askings.iter().filter(is_slow).map(|asking| asking.words).collect()
}

fn run_id(n: u32) -> RunId {
    RunId::new(FIRST_MS + u64::from(n) * APART_MS, n)
}

/// One of several, by turns whose lengths have no divisor in common.
fn turn<'a>(of: &[&'a str], n: u32) -> &'a str {
    of.get(n as usize % of.len()).copied().unwrap_or_default()
}

/// The events of a run that another tool's server was measured in: enough for its row.
fn events(n: u32) -> anyhow::Result<Vec<(u64, Body)>> {
    let text = format!(
        "schema = 1\nname = \"Sweep {n} of {}\"\n[engine]\nkind = \"{}\"\nurl = \"http://127.0.0.1:1\"\nmodel = \"{}\"\n\
         gpu = \"{}\"\n[workload]\ninput_tokens = 16\noutput_tokens = 8\n[load]\nconcurrency = [1, 4, 16]\nrequests = 100\n",
        turn(&["prefill", "decode", "chat", "code", "long context", "short answers", "burst"], n),
        turn(&ENGINES, n / 5),
        turn(&MODELS, n),
        turn(&GPUS, n / 3),
    );
    let created = Body::Created {
        run: run_id(n),
        plan: Box::new(Plan::from_toml(&text)?),
        anchor_unix_ms: FIRST_MS + u64::from(n) * APART_MS,
        host: Host::default(),
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let state = if n.is_multiple_of(11) { RunState::Failed } else { RunState::Done };
    Ok(vec![
        (0, created),
        (1_000_000, Body::Judged { findings: vec![], caveats: vec![] }),
        (2_000_000, Body::State { state, reason: None }),
    ])
}

async fn fill(data: &tempfile::TempDir, runs: u32) -> anyhow::Result<()> {
    let data_dir = DataDir::lock(data.path())?;
    let log = SqliteLog::open(&data_dir.log_path())?;
    let by = Who { id: "bench".to_owned(), name: "bench".to_owned() };
    for first in (0..runs).step_by(AT_ONCE as usize) {
        let one = async |n: u32| {
            log.append(&run_id(n), events(n)?).await?;
            if n.is_multiple_of(7) {
                log.tag(Side::Run(run_id(n)), vec![turn(&TAGS, n).to_owned()], vec![], by.clone()).await?;
            }
            if n.is_multiple_of(13) {
                let note = format!("Slower than the run before it: **{n}** requests waited for the scheduler.");
                log.write_note(Side::Run(run_id(n)), Some(note), by.clone()).await?;
            }
            anyhow::Ok(())
        };
        try_join_all((first..runs.min(first + AT_ONCE)).map(one)).await?;
    }
    Ok(())
}

fn askings(runs: u32) -> Vec<Asking> {
    let some = |text: &str| Some(text.to_owned());
    let all = || Asked { limit: Some(200), ..Asked::default() };
    let asking = |words, asked, may_ms| Asking { words, asked, may_ms, rows: 0, took_ms: Vec::new() };
    let middle = Some(run_id(runs / 2).to_string());
    vec![
        asking("the newest 200", all(), LIST_MS),
        asking("200 from the middle on", Asked { before: middle, ..all() }, LIST_MS),
        asking("a word that every run has", Asked { q: some("sweep"), ..all() }, SEARCH_MS),
        asking("the beginning of a word", Asked { q: some("sw"), ..all() }, SEARCH_MS),
        asking("two words, one of a note", Asked { q: some("scheduler decode"), ..all() }, SEARCH_MS),
        asking("one run's number", Asked { q: some("4711"), ..all() }, SEARCH_MS),
        asking("a word that no run has", Asked { q: some("nowhere"), ..all() }, SEARCH_MS),
        asking("a tag", Asked { tag: some("fp8"), ..all() }, SEARCH_MS),
        asking(
            "model, GPU and state",
            Asked { model: some("mistral-7b"), gpu: some("NVIDIA L4"), state: some("failed"), ..all() },
            SEARCH_MS,
        ),
        asking("not pinned, and a word", Asked { pinned: Some(false), q: some("chat"), ..all() }, SEARCH_MS),
        asking("ten days", Asked { from: some("2023-12-01"), to: some("2023-12-10"), ..all() }, SEARCH_MS),
    ]
}

/// A value of a sample by its rank.
fn quantile(sample: &[f64], share: f64) -> Option<f64> {
    let mut sorted = sample.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.checked_sub(1)?).copied()
}

fn markdown(args: &HistoryBench, filled: Duration, started: Duration, askings: &[Asking]) -> String {
    let HistoryBench { runs, times, .. } = args;
    let mut text = report::head(
        "How long lists and searches of many runs take",
        "agent and client share them all",
        &format!("history --runs {runs} --times {times}"),
    );
    text.push_str(&format!(
        "- A log of {runs} runs, written in {:.1} s; the agent began to serve from it after {:.2} s.\n\
         - Each question {times} times in turns, over HTTP on loopback, its JSON read. A list may take {LIST_MS:.0} ms, a \
         search {SEARCH_MS:.0} ms; the last column is the slowest as a share of that.\n\n\
         | what is asked for | rows | median, ms | p99, ms | slowest, ms | of what it may take |\n\
         |---|---:|---:|---:|---:|---:|\n",
        filled.as_secs_f64(),
        started.as_secs_f64(),
    ));
    for Asking { words, may_ms, rows, took_ms, .. } in askings {
        let of = |share| quantile(took_ms, share);
        let ms = |value: Option<f64>| value.map_or_else(|| "—".to_owned(), |ms| format!("{ms:.1}"));
        let slowest = of(1.0);
        let share = slowest.map_or_else(|| "—".to_owned(), |ms| format!("{:.0} %", 100.0 * ms / may_ms));
        text.push_str(&format!(
            "| {words} | {rows} | {} | {} | {} | {share} |\n",
            ms(of(0.5)),
            ms(of(0.99)),
            ms(slowest)
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_of_the_sample() {
        let sample = [4.0, 1.0, 3.0, 2.0];
        for (share, expect) in [(0.5, Some(2.0)), (0.99, Some(4.0)), (1.0, Some(4.0)), (0.0, None)] {
            assert_eq!(quantile(&sample, share), expect, "{share}");
        }
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn what_takes_too_long_once_in_a_hundred_times_is_named() {
        let of = |slowest: f64, n: usize| {
            let mut asking = askings(400).remove(0);
            asking.took_ms = [vec![5.0; 99], vec![slowest; n]].concat();
            slow(&[asking])
        };
        assert_eq!((of(101.0, 1), of(101.0, 2)), (vec![], vec!["the newest 200"]));
        assert_eq!(slow(&askings(400)).len(), 11, "what was never asked is not fast");
    }

    #[tokio::test]
    async fn what_is_asked_for_is_in_the_log_that_is_filled() {
        let data = tempfile::tempdir().unwrap();
        fill(&data, 400).await.unwrap();
        let log = SqliteLog::open(&DataDir::lock(data.path()).unwrap().log_path()).unwrap();
        for asking in askings(400) {
            let before = asking.asked.before.clone().map(|run| RunId::try_from(run).unwrap());
            let filter = asking.asked.filter().unwrap();
            let is_empty = log.find_runs(filter, 200, before).await.unwrap().is_empty();
            // The run of this number, and the days, come later in a log of so few.
            let expect = ["one run's number", "a word that no run has", "ten days"].contains(&asking.words);
            assert_eq!(is_empty, expect, "{}", asking.words);
        }
    }
}
