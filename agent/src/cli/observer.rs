//! Owns `tokenprism doctor --observer`: what sampling costs this host, and an engine's answers.
//! Must not know how anything is sampled or measured.

use super::table::number;
use super::{DONE, DataArg, means};
use crate::blob::BlobStore;
use crate::log::{DataDir, LogError, SqliteLog};
use crate::orchestrate::{Beside, Pair, beside, host, look_alone};
use anyhow::{Context, bail};
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;
use shared::engine::{EngineKind, ParamValue, builtin};
use shared::event::Host;
use shared::plan::{EnginePlan, Plan, TelemetryPlan};
use shared::summary::Interval;
use shared::telemetry::ObserverFigures;
use std::time::Duration;

/// Requests in flight of the trials in pairs.
const CONCURRENCY: u32 = 4;

/// What is sampled, and beside which engine.
#[derive(clap::Args, Debug)]
pub struct ObserverArgs {
    /// Say instead what sampling costs: CPU time of the threads that read, and how long their reads take.
    #[arg(long)]
    pub observer: bool,
    /// Reads per second.
    #[arg(long, requires = "observer", default_value_t = 10.0, value_name = "HZ")]
    rate_hz: f64,
    /// How long this host is looked at, and each trial beside an engine, s.
    #[arg(long, requires = "observer", default_value_t = 5.0, value_name = "S")]
    seconds: f64,
    /// Also measure what sampling changes in the TPOT of this engine: `builtin`, or the base URL of an OpenAI-compatible
    /// server.
    #[arg(long, requires = "observer", value_name = "builtin|URL")]
    engine: Option<String>,
    /// The model that the server must have; its first one without this.
    #[arg(long, requires = "engine")]
    model: Option<String>,
    /// Pairs of trials, one with and one without sampling.
    #[arg(long, requires = "engine", default_value_t = 10, value_parser = clap::value_parser!(u32).range(5..=1000))]
    pairs: u32,
    /// Print JSON.
    #[arg(long, requires = "observer")]
    json: bool,
}

/// What sampling costs.
#[derive(Serialize)]
struct Cost {
    schema: u32,
    host: Host,
    agent_version: &'static str,
    rate_hz: f64,
    seconds: f64,
    /// This host, and nothing else going on.
    alone: Option<ObserverFigures>,
    /// Beside an engine.
    beside: Option<Beside>,
}

/// Measures and prints what sampling costs.
///
/// # Errors
/// Where the arguments make no sense, or the engine cannot be measured.
pub async fn observer(args: &ObserverArgs, data: &DataArg) -> anyhow::Result<u8> {
    let (rate, seconds) = (args.rate_hz, args.seconds);
    let rates = TelemetryPlan::MIN_RATE_HZ..=TelemetryPlan::MAX_RATE_HZ;
    if !rates.contains(&rate) {
        bail!("--rate-hz is {rate}, but a run samples at {} to {} Hz", rates.start(), rates.end());
    }
    if !(0.1..=600.0).contains(&seconds) {
        bail!("--seconds is {seconds}, but must be from 0.1 to 600");
    }
    // Before anything is measured: an engine that is not there is better known now.
    let plan = args.engine.as_deref().map(|engine| plan(engine, args)).transpose()?;
    let alone = look_alone(rate, Duration::from_secs_f64(seconds)).await.context("this host cannot be looked at")?;
    let alone = alone.figures();
    if let Some(alone) = alone.as_ref().filter(|_| !args.json) {
        println!("This host looked at for {seconds} s, and nothing else:\n{}", costs(alone, rate));
    }
    let beside = match plan {
        Some(plan) => Some(beside_engine(plan, args, data).await?),
        None => None,
    };
    if args.json {
        let agent_version = env!("CARGO_PKG_VERSION");
        let cost = Cost { schema: 1, host: host(), agent_version, rate_hz: rate, seconds, alone, beside };
        println!("{}", serde_json::to_string_pretty(&cost)?);
    } else if let Some(beside) = &beside {
        print!("{}", words(beside, rate));
    }
    Ok(DONE)
}

/// A small closed loop of tokens enough to tell their pace.
fn plan(engine: &str, args: &ObserverArgs) -> anyhow::Result<Plan> {
    let text = format!(
        "schema = 1\nname = \"observer\"\n[engine]\nkind = \"builtin\"\n\
         [workload]\ninput_tokens = 32\noutput_tokens = 64\n\
         [load]\nconcurrency = [{CONCURRENCY}]\nduration_s = {:?}\n[telemetry]\nrate_hz = {:?}\n",
        args.seconds, args.rate_hz
    );
    let mut plan = Plan::from_toml(&text)?;
    match engine {
        "builtin" => {
            plan.engine.params.insert(builtin::BATCH.key.into_owned(), ParamValue::Int(CONCURRENCY.into()));
        }
        url => {
            plan.engine = EnginePlan::of(EngineKind::OpenaiCompletions);
            plan.engine.url = Some(url.to_owned());
        }
    }
    plan.engine.model = args.model.clone();
    Ok(plan.validated()?)
}

/// Pairs of trials beside the engine, their events in a log that is thrown away.
async fn beside_engine(plan: Plan, args: &ObserverArgs, data: &DataArg) -> anyhow::Result<Beside> {
    let data_dir = match DataDir::lock(&data.data_dir) {
        Err(LogError::Locked { .. }) => bail!(
            "an agent works in {}, and each would disturb what the other measures; end it, or name another folder with \
             --data if it is idle",
            data.data_dir.display()
        ),
        locked => locked?,
    };
    let folder = tempfile::tempdir().context("no folder can be made for the log of the trials")?;
    let log = SqliteLog::open(&folder.path().join("log.sqlite"))?;
    let blobs = BlobStore::open(folder.path().join("blobs"))?;
    let means = means(&data_dir)?;
    let told = |number: u32, pair: &Pair| {
        eprintln!(
            "pair {number} of {}: {:.4} ms with sampling, {:.4} without",
            args.pairs, pair.with_ms, pair.without_ms
        );
    };
    tokio::select! {
        measured = beside(plan, args.pairs, (&log, &blobs), &means, told) => Ok(measured?),
        _ = tokio::signal::ctrl_c() => bail!("interrupted; nothing was kept"),
    }
}

/// The threads that read in a table, and all of them in a sentence.
fn costs(figures: &ObserverFigures, rate_hz: f64) -> String {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header([
        "reads",
        "asked Hz",
        "made Hz",
        "% of one core",
        "read mean ms",
        "max ms",
        "stretched",
        "skipped",
    ]);
    for reader in &figures.readers {
        table.add_row([
            reader.words().to_owned(),
            number(Some(reader.asked_hz)),
            number(reader.reached_hz),
            number(reader.cpu_share.map(|share| share * 100.0)),
            number(reader.read_mean_ms),
            number(reader.read_max_ms),
            reader.stretched.to_string(),
            reader.skipped.to_string(),
        ]);
    }
    table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    format!("{table}\n{}\n", figures.sentence(rate_hz))
}

fn words(beside: &Beside, rate_hz: f64) -> String {
    let mut text = format!("\nBeside {} ({}), {CONCURRENCY} requests in flight:\n", beside.engine, beside.model);
    if let Some(observer) = &beside.observer {
        text.push_str(&costs(observer, rate_hz));
    }
    let mean = |of: fn(&Pair) -> f64| beside.pairs.iter().map(of).sum::<f64>() / beside.pairs.len() as f64;
    let (with_ms, without_ms) = (mean(|pair| pair.with_ms), mean(|pair| pair.without_ms));
    let pairs = beside.pairs.len();
    text.push_str(&format!(
        "TPOT over {pairs} pairs of trials: {with_ms:.4} ms with sampling, {without_ms:.4} without.\n"
    ));
    if let Some(Interval { mean, half_width, .. }) = beside.difference_ms {
        let percent = |ms: f64| ms / without_ms * 100.0;
        let noise = if beside.within_noise == Some(true) { ", within noise" } else { "" };
        text.push_str(&format!(
            "Sampling changed it by {mean:+.4} ± {half_width:.4} ms ({:+.2} ± {:.2} %) at 95 %{noise}.\n",
            percent(mean),
            percent(half_width)
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_that_pairs_cannot_tell_from_none_is_said_to_be_noise() {
        let check = |half_width: f64, within_noise: bool, expect: &str| {
            let beside = Beside {
                engine: "e".into(),
                model: "m".into(),
                pairs: vec![Pair { with_ms: 2.02, without_ms: 2.0, with_first: true }; 5],
                difference_ms: Some(Interval { n: 5, mean: 0.02, half_width }),
                within_noise: Some(within_noise),
                observer: None,
            };
            let text = words(&beside, 10.0);
            assert!(text.ends_with(expect), "{text}");
        };
        check(0.03, true, "Sampling changed it by +0.0200 ± 0.0300 ms (+1.00 ± 1.50 %) at 95 %, within noise.\n");
        check(0.01, false, "Sampling changed it by +0.0200 ± 0.0100 ms (+1.00 ± 0.50 %) at 95 %.\n");
    }

    #[test]
    fn the_plan_of_the_pairs_is_valid_for_either_kind_of_engine() {
        let args = ObserverArgs {
            observer: true,
            rate_hz: 10.0,
            seconds: 5.0,
            engine: None,
            model: Some("m".into()),
            pairs: 5,
            json: false,
        };
        let url = plan("http://127.0.0.1:8000", &args).unwrap();
        assert_eq!(
            (url.engine.url.as_deref(), url.engine.model.as_deref()),
            (Some("http://127.0.0.1:8000"), Some("m"))
        );
        let args = ObserverArgs { model: None, ..args };
        assert_eq!(plan("builtin", &args).unwrap().engine.kind, EngineKind::Builtin);
        assert!(plan("no url", &args).is_err());
    }
}
