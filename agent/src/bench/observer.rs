//! Owns the bench of the observer: the same load with and without sampling, in pairs, against a server that knows the
//! truth.
//! Must not know how anything is sampled.

use super::figures::{Figures, compare, median};
use super::host;
use super::pacer::fetch_account;
use super::process::Pacer;
use super::report;
use super::scenario::{Load, Scenario};
use super::table::{begin, line, number};
use super::trial::{Order, Reader};
use anyhow::{Context, ensure};
use shared::statistics::student_interval;
use shared::telemetry::{ENGINE_READER, GPU_READER, Observer, ObserverFigures};
use std::path::{Path, PathBuf};

/// Eight GPUs.
const GPUS: &str = include_str!("../../fixtures/eight_gpus.toml");
/// A page of metrics as a real engine showed it under load.
const PAGE: &str = include_str!("../../fixtures/metrics/vllm-0.32.0.txt");
/// From a request to its first token, and from one token to the next, ms.
const PACE_MS: (f64, f64) = (50.0, 20.0);

/// Measure what sampling changes in what the load generator reports.
#[derive(clap::Args, Clone, Debug)]
pub struct ObserverBench {
    /// Pairs of trials, one with sampling and one without, in alternating order.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(2..=100))]
    pub pairs: u32,
    /// Requests in flight.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub streams: u32,
    /// Requests of a trial.
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    pub requests: u32,
    /// Tokens of a request.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(2..=10_000))]
    pub tokens: u32,
    /// Reads per second.
    #[arg(long, default_value_t = 10.0)]
    pub rate_hz: f64,
    /// The driver's library that plays GPUs; `cargo xtask bench observer` builds it.
    #[arg(long, value_name = "FILE")]
    pub driver: PathBuf,
    /// Also write the table to this file.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// One trial.
struct Trial {
    figures: Figures,
    /// What sampling cost; absent without any.
    cost: Option<ObserverFigures>,
}

/// A figure that sampling may change.
struct Figure {
    name: &'static str,
    of: fn(&Figures) -> Option<f64>,
    /// It is positive by its nature, so that a ratio means something.
    has_ratio: bool,
}

const FIGURES: [Figure; 5] = [
    Figure { name: "load thread late p99", of: |f| f.lag_p99_ms, has_ratio: true },
    Figure { name: "sending late p99", of: |f| f.late_p99_ms, has_ratio: true },
    Figure { name: "TTFT mean, error", of: |f| f.ttft_mean_ms.error(), has_ratio: false },
    Figure { name: "TTFT apart p99", of: |f| f.ttft_apart_p99_ms, has_ratio: true },
    Figure { name: "gap p99, error", of: |f| f.gap_p99_ms.error(), has_ratio: false },
];

/// Runs the bench, prints its tables as Markdown, and writes them where asked.
///
/// # Errors
/// Where a process of the bench cannot be started or fails, or the file cannot be written.
pub fn run_observer(args: &ObserverBench) -> anyhow::Result<()> {
    let played = Played::of(GPUS, PAGE, &args.driver)?;
    // What the first one pays for, none of a pair shall: the programs are read from the disk.
    trial(args, &played, true)?;
    let mut pairs = Vec::new();
    for pair in 0..args.pairs {
        eprintln!("pair {} of {}", pair + 1, args.pairs);
        let with_first = pair % 2 == 0;
        let (first, second) = (trial(args, &played, with_first)?, trial(args, &played, !with_first)?);
        pairs.push(if with_first { [first, second] } else { [second, first] });
    }
    report::write(&markdown(args, &pairs), args.out.as_deref())
}

/// What is sampled, in a folder of its own: the driver's library with a script beside it, and the server's page.
struct Played {
    folder: tempfile::TempDir,
}

impl Played {
    fn of(script: &str, page: &str, library: &Path) -> anyhow::Result<Self> {
        let played = Self { folder: tempfile::tempdir().context("no folder can be made for the driver")? };
        let driver = played.driver();
        std::fs::copy(library, &driver).with_context(|| format!("{} cannot be copied", library.display()))?;
        let written = std::fs::write(driver.with_added_extension("toml"), script);
        written.and_then(|()| std::fs::write(played.page(), page)).context("the driver's folder cannot be written")?;
        Ok(played)
    }

    fn driver(&self) -> PathBuf {
        self.folder.path().join("libnvidia-ml.so.1")
    }

    fn page(&self) -> PathBuf {
        self.folder.path().join("metrics.txt")
    }
}

/// One trial in a process of its own, against a server in another.
fn trial(args: &ObserverBench, played: &Played, is_sampled: bool) -> anyhow::Result<Trial> {
    // Load and sampling share a core, which is the worst that sampling can do: a run keeps it off where there are enough.
    let (client_core, pacer_core) = host::two_cores()?.unzip();
    let (ttft_ms, gap_ms) = PACE_MS;
    let pacer = Pacer::start(ttft_ms, gap_ms, 1, pacer_core, Some(&played.page()))?;
    let order = Order {
        reader: Reader::LoadGenerator,
        server: pacer.addr,
        scenario: Scenario {
            name: "the observer's bench".to_owned(),
            load: Load::Streams { streams: args.streams, requests: args.requests },
            tokens: args.tokens,
            prompt_tokens: 0,
            ttft_ms,
            gap_ms,
            chunks_per_write: 1,
        },
        core: client_core,
        sampling_hz: is_sampled.then_some(args.rate_hz),
    };
    let seen = order.in_a_process(&[("TOKENPRISM_NVML", &played.driver())])?;
    let account = fetch_account(pacer.addr)?;
    ensure!(seen.first_error.is_none(), "a request failed: {}", seen.first_error.unwrap_or_default());
    let cost = seen.observer.as_ref().and_then(Observer::figures);
    ensure!(cost.is_some() == is_sampled, "a trial does not say what sampling cost");
    Ok(Trial { figures: compare(&seen, &account), cost })
}

fn markdown(args: &ObserverBench, pairs: &[[Trial; 2]]) -> String {
    let ObserverBench { streams, requests, tokens, rate_hz, .. } = args;
    let mut text = report::head(
        "What sampling costs, and what it changes",
        "load and sampling bound to one core together, the pacing server to another",
        &format!(
            "observer --pairs {} --streams {streams} --requests {requests} --tokens {tokens} --rate-hz {rate_hz}",
            args.pairs
        ),
    );
    let (ttft_ms, gap_ms) = PACE_MS;
    line(
        &mut text,
        &format!(
            "- Each trial: {requests} requests of {tokens} tokens, {streams} in flight, first token after {ttft_ms} ms, \
             then one every {gap_ms} ms. Pairs of one trial that samples eight GPUs of a played driver, the host and the \
             server's page of metrics at {rate_hz} Hz, and one that samples nothing, in alternating order, each in a new \
             process.\n\n\
             Load thread late: how late its turns came after their timers. Sending late: from due to sent. Error: \
             reported − true, by the server's own account. Apart: 99th percentile over requests of |reported − true|. \
             All times in ms."
        ),
    );
    let heads: Vec<&str> = FIGURES.iter().map(|figure| figure.name).collect();
    let more = ["server late p99", "sampling, % of one core", "GPUs, read ms", "page, read ms", "skipped"];
    begin(&mut text, "## Trials", &[&["trial"], &heads[..], &more].concat());
    for trial in pairs.iter().flatten() {
        line(&mut text, &row(trial));
    }
    begin(
        &mut text,
        "## With sampling − without, over pairs",
        &["figure", "median", "mean ± 95 %", "ratio of medians"],
    );
    for figure in &FIGURES {
        line(&mut text, &change(figure, pairs));
    }
    let most = pairs.iter().flatten().filter_map(|trial| trial.cost.as_ref()?.cpu_share).max_by(f64::total_cmp);
    line(
        &mut text,
        &format!(
            "\nSampling took {} % of one core at most. ± is half the interval of the mean over pairs by Student's t.",
            number(most.map(|share| share * 100.0), 2)
        ),
    );
    text
}

fn row(trial: &Trial) -> String {
    let Trial { figures, cost } = trial;
    let reader = |name: &str| cost.as_ref()?.readers.iter().find(|reader| reader.name == name);
    let skipped = cost.as_ref().map(|cost| cost.readers.iter().map(|reader| reader.skipped as f64).sum());
    let mut cells = vec![if cost.is_some() { "sampled" } else { "alone" }.to_owned()];
    cells.extend(FIGURES.iter().map(|figure| number((figure.of)(figures), 3)));
    cells.push(number(figures.server_late_p99_ms, 2));
    cells.push(number(cost.as_ref().and_then(|cost| cost.cpu_share).map(|share| share * 100.0), 2));
    cells.extend([GPU_READER, ENGINE_READER].map(|name| number(reader(name).and_then(|of| of.read_mean_ms), 2)));
    cells.push(number(skipped, 0));
    format!("| {} |", cells.join(" | "))
}

/// What sampling changed in a figure.
fn change(figure: &Figure, pairs: &[[Trial; 2]]) -> String {
    let of = |trial: &Trial| (figure.of)(&trial.figures);
    let difference = |pair: &[Trial; 2]| Some(of(&pair[0])? - of(&pair[1])?);
    let differences: Option<Vec<f64>> = pairs.iter().map(difference).collect();
    let mean = differences.and_then(|differences| student_interval(&differences)).map_or_else(
        || number(None, 3),
        |of| {
            let noise = if of.mean.abs() <= of.half_width { ", within noise" } else { "" };
            format!("{:+.3} ± {:.3}{noise}", of.mean, of.half_width)
        },
    );
    let ratio = Option::zip(median(pairs, |pair| of(&pair[0])), median(pairs, |pair| of(&pair[1])))
        .filter(|(_, alone)| figure.has_ratio && *alone > 0.0)
        .map(|(sampled, alone)| sampled / alone);
    let middle = median(pairs, difference).map_or_else(|| number(None, 3), |ms| format!("{ms:+.3}"));
    format!("| {} | {middle} | {mean} | {} |", figure.name, number(ratio, 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_of_pairs_and_says_whether_it_is_more_than_noise() {
        let trial = |ms| Trial { figures: Figures { lag_p99_ms: Some(ms), ..Figures::default() }, cost: None };
        let check = |pairs: &[(f64, f64)], expect: &str| {
            let pairs: Vec<[Trial; 2]> = pairs.iter().map(|(with, without)| [trial(*with), trial(*without)]).collect();
            assert_eq!(change(&FIGURES[0], &pairs), expect);
        };
        check(&[(1.2, 1.0), (1.3, 1.1), (1.2, 1.0)], "| load thread late p99 | +0.200 | +0.200 ± 0.000 | 1.20 |");
        check(
            &[(1.2, 1.0), (1.0, 1.2), (1.1, 1.1)],
            "| load thread late p99 | +0.000 | +0.000 ± 0.497, within noise | 1.00 |",
        );
        let absent = [[Trial { figures: Figures::default(), cost: None }, trial(1.0)]];
        assert_eq!(change(&FIGURES[0], &absent), "| load thread late p99 | – | – | – |");
    }
}
