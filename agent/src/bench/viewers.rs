//! Owns the bench of viewers: the same run with and without people watching it, in pairs.
//! Must not know how a run is executed or shown; it hands in a plan and reads what every client can.

use super::figures::median;
use super::process::{Pacer, Serving};
use super::report;
use crate::cores;
use crate::remote::Agent;
use anyhow::{Context, bail};
use shared::event::RunState;
use shared::ids::RunId;
use shared::plan::Plan;
use shared::view::RunView;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Longest time for one run.
const LIMIT: Duration = Duration::from_secs(120);

/// Measure what viewers of a live run cost its numbers.
#[derive(clap::Args, Clone, Debug)]
pub struct ViewersBench {
    /// Viewers of one run.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub viewers: u32,
    /// Pairs of runs, one with viewers and one without, in alternating order.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub pairs: u32,
    /// Requests in flight.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub streams: u32,
    /// Requests of a run.
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    pub requests: u32,
    /// Also write the table to this file.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// What one run came to.
struct Run {
    watched: bool,
    ttft_mean_ms: f64,
    late_p99_ms: f64,
    /// Most bytes per second that a viewer got, and gaps over all viewers.
    bytes_per_s: f64,
    gaps: u64,
}

/// Runs the bench, prints its table as Markdown, and writes it where asked.
///
/// # Errors
/// Where a process cannot be started, or a run does not end well.
pub async fn run_viewers(args: ViewersBench) -> anyhow::Result<()> {
    // The server keeps to one core; agent and viewers get what the system gives them, as on a real host.
    let core = cores::allowed()?.last().copied();
    let pacer = Pacer::start(50.0, 20.0, 1, core, None)?;
    let serving = Serving::start()?;
    let plan = plan(pacer.addr, &args)?;
    // The first run of a process pays for what later ones have: connections, caches, allocations.
    one(&serving.agent, &plan, 0).await?;
    let mut runs = Vec::new();
    for pair in 0..args.pairs {
        for watched in [pair % 2 == 0, pair % 2 == 1] {
            eprintln!("pair {} of {}, {}", pair + 1, args.pairs, if watched { "watched" } else { "alone" });
            runs.push(one(&serving.agent, &plan, if watched { args.viewers } else { 0 }).await?);
        }
    }
    report::write(&markdown(&args, &runs), args.out.as_deref())
}

fn plan(server: SocketAddr, args: &ViewersBench) -> anyhow::Result<Plan> {
    let text = format!(
        "schema = 1\nname = \"viewers\"\n[engine]\nkind = \"openai_completions\"\nurl = \"http://{server}\"\n\
         [workload]\ninput_tokens = 16\noutput_tokens = 64\n\
         [load]\nconcurrency = [{}]\nrequests = {}\n",
        args.streams, args.requests
    );
    Ok(Plan::from_toml(&text)?)
}

/// One run, and what its viewers saw.
async fn one(agent: &Agent, plan: &Plan, viewers: u32) -> anyhow::Result<Run> {
    let run = agent.submit(plan).await?;
    let watching: Vec<_> = (0..viewers).map(|_| tokio::spawn(watch(agent.clone(), run.clone()))).collect();
    let view = end_of(agent, &run, LIMIT).await?;
    let (mut bytes_per_s, mut gaps) = (0.0f64, 0);
    for viewer in watching {
        let (rate, missed, seq) = viewer.await??;
        anyhow::ensure!(seq == view.seq, "a viewer ended at event {seq}, the run at {}", view.seq);
        bytes_per_s = bytes_per_s.max(rate);
        gaps += missed;
    }
    let summary = view.points.first().and_then(|p| p.summary.as_ref()).context("the run has no figures")?;
    Ok(Run {
        watched: viewers > 0,
        ttft_mean_ms: summary.ttft.mean_ms.context("the run has no mean TTFT")?,
        late_p99_ms: summary.client_lag_p99_ms.context("the run does not say how late its load thread was")?,
        bytes_per_s,
        gaps,
    })
}

/// Follows a run to its end: bytes per second, gaps, and the last event's number.
async fn watch(agent: Agent, run: RunId) -> anyhow::Result<(f64, u64, u64)> {
    let begun = Instant::now();
    let mut follow = agent.follow(&run).await?;
    loop {
        let view = follow.next().await?;
        if view.run_state().is_final() {
            let seq = view.seq;
            return Ok((follow.bytes() as f64 / begun.elapsed().as_secs_f64(), follow.gaps(), seq));
        }
    }
}

/// The run once it ended; asked for seldom, so that asking is no viewer.
pub(super) async fn end_of(agent: &Agent, run: &RunId, limit: Duration) -> anyhow::Result<RunView> {
    let begun = Instant::now();
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let view = agent.view(run).await?;
        match view.run_state() {
            RunState::Done => return Ok(view),
            state if state.is_final() => bail!("a run of the bench is {}: {:?}", state.label(), view.reason),
            _ if begun.elapsed() > limit => bail!("a run of the bench did not end within {limit:?}"),
            _ => {}
        }
    }
}

/// Median over pairs of (watched − alone).
fn change(runs: &[Run], figure: impl Fn(&Run) -> f64) -> Option<f64> {
    let pairs: Vec<&[Run]> = runs.chunks_exact(2).collect();
    median(&pairs, |pair| {
        let of = |watched| pair.iter().find(|run| run.watched == watched).map(&figure);
        Some(of(true)? - of(false)?)
    })
}

fn markdown(args: &ViewersBench, runs: &[Run]) -> String {
    let ViewersBench { viewers, pairs, streams, requests, .. } = args;
    let mut text = report::head(
        "What viewers of a live run cost its numbers",
        "pacing server bound to one core, agent and viewers share them all",
        &format!("viewers --viewers {viewers} --pairs {pairs} --streams {streams} --requests {requests}"),
    );
    text.push_str(&format!(
        "- Each run: {requests} requests of 64 tokens, {streams} in flight, first token after 50 ms, then one every 20 ms. \
         Pairs of one run with {viewers} viewers over WebSocket and one without, in alternating order.\n\n\
         | run | mean TTFT, ms | load thread late p99, ms | B/s for the busiest viewer | gaps over all viewers |\n\
         |---|---:|---:|---:|---:|\n"
    ));
    for run in runs {
        let (who, bytes, gaps) = match run.watched {
            true => ("watched", format!("{:.0}", run.bytes_per_s), run.gaps.to_string()),
            false => ("alone", "—".to_owned(), "—".to_owned()),
        };
        text.push_str(&format!("| {who} | {:.2} | {:.2} | {bytes} | {gaps} |\n", run.ttft_mean_ms, run.late_p99_ms));
    }
    text.push_str(&format!(
        "\nMedian over pairs of watched − alone: mean TTFT {} ms, load thread's lateness p99 {} ms.\n",
        signed(change(runs, |r| r.ttft_mean_ms)),
        signed(change(runs, |r| r.late_p99_ms)),
    ));
    text
}

/// A change with its sign.
fn signed(change_ms: Option<f64>) -> String {
    change_ms.map_or_else(|| "—".to_owned(), |ms| format!("{ms:+.2}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_change_is_of_pairs_in_either_order() {
        let run = |watched, ttft_mean_ms| Run { watched, ttft_mean_ms, late_p99_ms: 0.0, bytes_per_s: 0.0, gaps: 0 };
        let runs =
            [run(true, 52.0), run(false, 51.0), run(false, 50.0), run(true, 53.0), run(true, 1.0), run(false, 9.0)];
        assert!(change(&runs, |r| r.ttft_mean_ms).is_some_and(|ms| (ms - 1.0).abs() < 1e-9));
        assert!(median(&[4.0, 1.0], |v| Some(*v)).is_some_and(|v| (v - 2.5).abs() < 1e-9));
    }
}
