//! Owns `tokenprism compare`: runs, studies and exported files beside one another.
//! Must not know how two are compared.

use super::{DONE, DataArg, compared, source};
use anyhow::Context;
use shared::compare::{Figure, compare_asked};
use std::path::PathBuf;

/// Figures of the table where none are named.
const FIGURES: [&str; 4] = ["output_throughput", "ttft.mean", "tpot.mean", "e2e.mean"];

/// Arguments of `compare`.
#[derive(clap::Args, Debug)]
pub struct CompareArgs {
    /// Ids of runs or studies, or files that `run --json` or `study --json` wrote, or one run of them (`FILE#LABEL`,
    /// `FILE#RUN_ID`, `STUDY#LABEL`). The others are compared with the first; those of studies with the first of like work.
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<String>,
    /// A figure to compare by: `output_throughput`, `ttft_p99`, …; can be given several times.
    #[arg(long, value_name = "FIGURE")]
    metric: Vec<String>,
    /// Write curves and comparisons to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    #[command(flatten)]
    data: DataArg,
}

/// Prints curves and comparisons.
pub async fn compare(args: CompareArgs) -> anyhow::Result<u8> {
    let asked: Vec<String> =
        if args.metric.is_empty() { FIGURES.map(str::to_owned).to_vec() } else { args.metric.clone() };
    let figures = asked.iter().map(|key| Figure::parse(key)).collect::<Result<Vec<_>, _>>();
    let figures = figures.map_err(anyhow::Error::msg)?;
    let runs = source::read(&args.runs, &args.data).await?;
    let found = compare_asked(runs, &figures, false);
    print!("{}", compared::render(&found));
    if let Some(path) = &args.json {
        std::fs::write(path, serde_json::to_vec_pretty(&found)?)
            .with_context(|| format!("{} could not be written", path.display()))?;
    }
    Ok(DONE)
}
