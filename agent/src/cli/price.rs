//! Owns `tokenprism price`: shows, sets and forgets what GPUs cost in a data directory.
//! Must not know what is computed of a price.

use super::{DONE, DataArg, FAILED};
use crate::price::Prices;
use anyhow::Context;
use shared::cost::Price;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;

/// What to do with prices.
#[derive(clap::Subcommand, Debug)]
pub enum PriceCommand {
    /// Print what GPUs cost and who says so.
    List {
        #[command(flatten)]
        data: DataArg,
    },
    /// Keep a price for GPUs, in place of one for the same words. A run that is over keeps what it had.
    Set {
        /// Words of the GPU's name, such as `H100` or `"A100 80GB"`.
        gpu: String,
        /// USD for one GPU for one hour.
        usd_per_gpu_hour: f64,
        /// Who says so, in one line.
        #[arg(long)]
        source: Option<String>,
        #[command(flatten)]
        data: DataArg,
    },
    /// Forget a price that was set: that of the table holds again, where it has one.
    Remove {
        /// The words that it was set for.
        gpu: String,
        #[command(flatten)]
        data: DataArg,
    },
}

/// Does it.
pub fn price(command: &PriceCommand) -> anyhow::Result<u8> {
    match command {
        PriceCommand::List { data } => {
            Prices::of(&data.data_dir).list()?.iter().for_each(|price| println!("{}", line(price)));
            Ok(DONE)
        }
        PriceCommand::Set { gpu, usd_per_gpu_hour, source, data } => {
            // As the agent makes it: for its owner only.
            let made = DirBuilder::new().recursive(true).mode(0o700).create(&data.data_dir);
            made.with_context(|| format!("{} could not be made", data.data_dir.display()))?;
            let price = Prices::of(&data.data_dir).set(gpu, *usd_per_gpu_hour, source.clone())?;
            println!("{}", line(&price));
            Ok(DONE)
        }
        PriceCommand::Remove { gpu, data } => {
            if Prices::of(&data.data_dir).remove(gpu)? {
                return Ok(DONE);
            }
            eprintln!("tokenprism: no price was set for {gpu} in {}.", data.data_dir.display());
            Ok(FAILED)
        }
    }
}

fn line(price: &Price) -> String {
    format!("{} USD per GPU-hour: {}", price.usd_per_gpu_hour.0, price.origin.words())
}
