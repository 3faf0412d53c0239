//! Owns `tokenprism report`: a run, a study or a comparison as one file to read.
//! Must not know what stands in it.

use super::{DONE, DataArg, subject};
use crate::render::{self, Zone};
use anyhow::Context;
use shared::cost::UsdPerHour;
use std::path::PathBuf;

/// Arguments of `report`.
#[derive(clap::Args, Debug)]
pub struct ReportArgs {
    /// The id of a run or a study, or a file that `study --json` wrote; of several runs, studies and files the comparison.
    #[arg(required = true, value_name = "RUN|STUDY")]
    of: Vec<String>,
    /// The file to write, HTML that needs nothing else.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Work out costs that no run has of its own at this price of an engine with all that it runs on, USD an hour. Of
    /// comparisons and studies of curves only.
    #[arg(long, value_name = "USD_PER_HOUR")]
    price: Option<UsdPerHour>,
    #[command(flatten)]
    data: DataArg,
}

/// Writes the report, and prints the file.
pub async fn report(args: ReportArgs) -> anyhow::Result<u8> {
    let subject = subject::find(&args.of, None, &args.data).await?.at_price(args.price)?;
    let text = render::report(&subject, &Zone::here())?;
    std::fs::write(&args.out, text).with_context(|| format!("{} could not be written", args.out.display()))?;
    println!("{}", args.out.display());
    Ok(DONE)
}
