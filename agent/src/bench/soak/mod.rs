//! Owns the soak of viewers: a run with many of them for long, runs without any before and after it, and what was kept.
//! Must not know how a run is executed or shown; it hands in plans and reads what every client can.

mod viewer;

use super::figures::median;
use super::process::{Pacer, Serving};
use super::report;
use super::viewers::end_of;
use crate::cores;
use anyhow::{Context, ensure};
use shared::plan::Plan;
use shared::view::{PointView, RunView};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use viewer::Heard;

/// Memory may grow until then; it is as long as a sixth of the soak where that is shorter.
const SETTLED: Duration = Duration::from_secs(5 * 60);
/// How much memory may grow after that.
const MOST_GROWTH: f64 = 0.05;
/// Between two looks at the agent's memory.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// The load thread's lateness may be so many times that of the later run without viewers, and so much more, ms.
const MOST_LATER: f64 = 1.5;
const MORE_MS: f64 = 0.25;
/// Time for a run's begin and end.
const AROUND: Duration = Duration::from_secs(60);
/// A run is a sweep of points about so long. What single requests did is kept in memory until their trial has ended, for
/// exact figures, so that one trial of half an hour would grow by what it measures.
const POINT: Duration = Duration::from_secs(60);
/// Between two points the requests of the first come to their end.
const BETWEEN_POINTS: Duration = Duration::from_secs(5);

/// Have many viewers follow a live run for long.
#[derive(clap::Args, Clone, Debug)]
pub struct ViewersSoak {
    /// Viewers of the run.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub viewers: u32,
    /// Length of the run with viewers, minutes.
    #[arg(long, default_value_t = 30.0)]
    pub minutes: f64,
    /// Requests in flight, more or less: the levels of the sweep lie around it.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub streams: u32,
    /// Also write the page to this file, where everything held.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// A run of the soak.
struct Run {
    /// The middle one of its points'.
    late_p99_ms: f64,
    seq: u64,
    heard: Vec<Heard>,
    /// When, since the run was taken, and the agent's memory, bytes.
    memory: Vec<(Duration, u64)>,
}

/// Runs the soak, prints its page as Markdown, and writes it where asked.
///
/// # Errors
/// Where something did not hold, or a run does not end well.
pub async fn run_viewers_soak(args: ViewersSoak) -> anyhow::Result<()> {
    ensure!(
        (0.5..=24.0 * 60.0).contains(&args.minutes),
        "a soak has half a minute to a day: --minutes {}",
        args.minutes
    );
    let core = cores::allowed()?.last().copied();
    let pacer = Pacer::start(50.0, 20.0, 1, core, None)?;
    let serving = Serving::start()?;
    let length = Duration::from_secs_f64(args.minutes * 60.0);
    let alone = (length / 10).clamp(Duration::from_secs(20), Duration::from_secs(180));
    let mut runs = Vec::new();
    for (viewers, length) in [(0, alone), (args.viewers, length), (0, alone)] {
        eprintln!("{viewers} viewers, {} s", length.as_secs());
        runs.push(one(&serving, &plan(pacer.addr, args.streams, length)?, viewers, length).await?);
    }
    let [before, watched, after] = runs.as_slice() else { return Ok(()) };
    let kept = Kept::of(watched, length).context("the agent's memory could not be read")?;
    let held = verdict(watched, before.late_p99_ms.max(after.late_p99_ms), &kept);
    let text = markdown(&args, [before, watched, after], &kept);
    report::write(&text, args.out.as_deref().filter(|_| held.is_ok()))?;
    held
}

/// Whether what has to hold did.
///
/// # Errors
/// A sentence where it did not.
fn verdict(watched: &Run, later: f64, kept: &Kept) -> anyhow::Result<()> {
    let growth = kept.growth();
    ensure!(growth <= MOST_GROWTH || !kept.is_judged(), "the agent's memory grew by {:.1} %: {kept:?}", 100.0 * growth);
    ensure!(
        watched.late_p99_ms <= later * MOST_LATER + MORE_MS,
        "the load thread was late by {:.2} ms with viewers, by {later:.2} ms without",
        watched.late_p99_ms
    );
    Ok(())
}

/// How many points a run of this length has.
fn points(length: Duration) -> u32 {
    ((length.as_secs_f64() / POINT.as_secs_f64()).round() as u32).max(1)
}

/// Levels around this one, the nearest first, so that what comes late asks for as much as what came early.
fn levels(streams: u32, points: u32) -> Vec<u32> {
    let steps = (1..=points).flat_map(|step| [streams + step, streams.saturating_sub(step)]);
    std::iter::once(streams).chain(steps).filter(|level| *level > 0).take(points as usize).collect()
}

fn plan(server: SocketAddr, streams: u32, length: Duration) -> anyhow::Result<Plan> {
    let points = points(length);
    let text = format!(
        "schema = 1\nname = \"viewers\"\n[engine]\nkind = \"openai_completions\"\nurl = \"http://{server}\"\n\
         [workload]\ninput_tokens = 16\noutput_tokens = 64\n[load]\nconcurrency = {:?}\nduration_s = {:.1}\n",
        levels(streams, points),
        length.as_secs_f64() / f64::from(points)
    );
    Ok(Plan::from_toml(&text)?)
}

/// One run, what its viewers heard, and what memory the agent took meanwhile.
async fn one(serving: &Serving, plan: &Plan, viewers: u32, length: Duration) -> anyhow::Result<Run> {
    let agent = &serving.agent;
    let run = agent.submit(plan).await?;
    let begun = Instant::now();
    let (told, last) = tokio::sync::watch::channel(None);
    let watching: Vec<_> =
        (0..viewers).map(|_| tokio::spawn(viewer::watch(agent.clone(), run.clone(), last.clone()))).collect();
    let mut memory = Vec::new();
    let looking = async {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            memory.extend(serving.resident_bytes().map(|bytes| (begun.elapsed(), bytes)));
        }
    };
    let view: RunView = tokio::select! {
        ended = end_of(agent, &run, length + BETWEEN_POINTS * points(length) + AROUND) => ended?,
        () = looking => unreachable!("it looks until the run has ended"),
    };
    told.send_replace(Some(view.seq));
    let mut heard = Vec::new();
    for viewer in watching {
        heard.push(tokio::time::timeout(AROUND, viewer).await.context("a viewer never heard of the run's end")???);
    }
    let lag = |point: &PointView| point.summary.as_ref()?.client_lag_p99_ms;
    let late = median(&view.points, lag).context("the run does not say how late its load thread was")?;
    Ok(Run { late_p99_ms: late, seq: view.seq, heard, memory })
}

/// What memory did once it had settled.
#[derive(Clone, Copy, Debug)]
struct Kept {
    /// From when it is looked at.
    settled: Duration,
    /// Its highest in the first third from then on, and in the last, bytes.
    first: u64,
    last: u64,
}

impl Kept {
    fn of(run: &Run, length: Duration) -> Option<Self> {
        let settled = SETTLED.min(length / 6);
        let third = (length - settled) / 3;
        let highest = |from: Duration, to: Duration| {
            run.memory.iter().filter(|(at, _)| (from..to).contains(at)).map(|(_, bytes)| *bytes).max()
        };
        let (first, last) = (highest(settled, settled + third)?, highest(length - third, length)?);
        Some(Self { settled, first, last })
    }

    /// Memory has to be flat from some minutes on; a soak that is shorter than these only shows what it was.
    fn is_judged(&self) -> bool {
        self.settled >= SETTLED
    }

    /// By which share the last third was above the first.
    fn growth(&self) -> f64 {
        self.last as f64 / self.first as f64 - 1.0
    }
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn markdown(args: &ViewersSoak, [before, watched, after]: [&Run; 3], kept: &Kept) -> String {
    let ViewersSoak { viewers, minutes, streams, .. } = args;
    let mut text = report::Circumstances::now().head(
        "Many viewers of a live run for long",
        "pacing server bound to one core, agent and viewers share them all",
        &format!("soak viewers --viewers {viewers} --minutes {minutes}"),
    );
    let events: u64 = watched.heard.iter().map(|heard| heard.events).sum();
    let announced: u64 = watched.heard.iter().map(|heard| heard.announced).sum();
    let bytes: u64 = watched.heard.iter().map(|heard| heard.bytes).sum();
    text.push_str(&format!(
        "- Run: a sweep of points of a minute with around {streams} in flight, 64 tokens of 20 ms each, {minutes} minutes in all, \
         {viewers} viewers over WebSocket from its begin to its end; before and after it one of the same kind without viewers\n\n\
         Every viewer ended at the run's last event, {}. Together they were sent {events} events one by one and {:.0} MiB; \
         {announced} events were left out for viewers that were too slow, each announced, and none missing otherwise: a viewer that had \
         found a hole would have ended the soak.\n\n\
         The agent's memory was {:.1} MiB at its highest in the first third after minute {:.1}, and {:.1} MiB in the last: \
         {:+.1} %. {}\n\n\
         | run | events | load thread late p99, ms, median of points |\n|---|---:|---:|\n\
         | alone, before | {} | {:.2} |\n| {viewers} viewers | {} | {:.2} |\n| alone, after | {} | {:.2} |\n\n\
         With viewers {:.2} times the mean of the two without.\n\n| minute | memory, MiB |\n|---:|---:|\n",
        watched.seq,
        mib(bytes),
        mib(kept.first),
        kept.settled.as_secs_f64() / 60.0,
        mib(kept.last),
        100.0 * kept.growth(),
        if kept.is_judged() {
            format!("More than {:.0} % would have failed the soak.", 100.0 * MOST_GROWTH)
        } else {
            "The soak was too short to judge that by: it is from minute 5 on that memory has to be flat.".to_owned()
        },
        before.seq,
        before.late_p99_ms,
        watched.seq,
        watched.late_p99_ms,
        after.seq,
        after.late_p99_ms,
        watched.late_p99_ms / ((before.late_p99_ms + after.late_p99_ms) / 2.0),
    ));
    let every = Duration::from_secs_f64((minutes * 2.0).max(10.0));
    let mut next = Duration::ZERO;
    for (at, bytes) in &watched.memory {
        if *at >= next {
            text.push_str(&format!("| {:.1} | {:.1} |\n", at.as_secs_f64() / 60.0, mib(*bytes)));
            next = *at + every;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_lie_around_the_one_that_was_asked_for() {
        assert_eq!(levels(64, 5), [64, 65, 63, 66, 62]);
        assert_eq!(levels(1, 4), [1, 2, 3, 4]);
        assert_eq!((points(Duration::from_secs(1800)), points(Duration::from_secs(20))), (30, 1));
        let plan = plan(([127, 0, 0, 1], 1).into(), 64, Duration::from_secs(180)).unwrap();
        assert_eq!((plan.load.duration_s, plan.load.trials), (Some(60.0), 1));
    }

    #[test]
    fn growth_is_of_what_comes_after_the_begin() {
        let check = |memory: &[(u64, u64)], expect: Option<(u64, u64)>| {
            let memory = memory.iter().map(|(at, bytes)| (Duration::from_secs(*at), *bytes)).collect();
            let run = Run { late_p99_ms: 0.0, seq: 1, heard: vec![], memory };
            let kept = Kept::of(&run, Duration::from_secs(60));
            assert_eq!(kept.map(|kept| (kept.first, kept.last)), expect);
        };
        // The first ten of sixty seconds do not count.
        check(&[(5, 900), (12, 100), (20, 110), (30, 300), (50, 111), (59, 105), (61, 999)], Some((110, 111)));
        check(&[(5, 900)], None);
    }
}
