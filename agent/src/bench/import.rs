//! Owns the bench of the import: how long an agent takes to take in a folder of other tools' results.
//! Must not know any format; it hands files in as `tokenprism import` does.

use super::process::Serving;
use super::report;
use crate::import::{Found, walk};
use anyhow::{Context, bail, ensure};
use shared::wire::{FileFate, ImportReport};
use std::path::PathBuf;
use std::time::Instant;

/// What a folder may take, s.
const MAY_S: f64 = 5.0;

/// Measure how long a folder of result files takes to be imported.
#[derive(clap::Args, Clone, Debug)]
pub struct ImportBench {
    /// The folder.
    #[arg(value_name = "FOLDER")]
    pub folder: PathBuf,
    /// Times that it is imported, each into an empty log.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub times: u32,
    /// Also write the table to this file.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Runs the bench, prints its table as Markdown, and writes it where asked.
///
/// # Errors
/// Where the folder cannot be read, a process cannot be started, or an import takes longer than it may.
pub async fn run_import(args: ImportBench) -> anyhow::Result<()> {
    let files = files(&args.folder)?;
    let mut took_s = Vec::new();
    let mut report = ImportReport::default();
    for _ in 0..args.times {
        let data = tempfile::tempdir().context("no folder can be made for the agent's log")?;
        let serving = Serving::over(data)?;
        let begun = Instant::now();
        report = serving.agent.import(files.clone()).await?;
        took_s.push(begun.elapsed().as_secs_f64());
    }
    let slowest = took_s.iter().copied().fold(0.0, f64::max);
    let text = markdown(&args, &report, &took_s, slowest);
    report::write(&text, args.out.as_deref().filter(|_| slowest <= MAY_S))?;
    ensure!(slowest <= MAY_S, "an import took {slowest:.1} s, and may take {MAY_S:.0} s");
    Ok(())
}

fn files(folder: &PathBuf) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let one = |found| match found {
        Found::File { name, path } => Ok((name, path)),
        Found::LeftOut { name, why } => bail!("{name} would be left out: {why}"),
    };
    let files: Vec<_> = walk(std::slice::from_ref(folder)).into_iter().map(one).collect::<anyhow::Result<_>>()?;
    ensure!(!files.is_empty(), "{} has no file", folder.display());
    Ok(files)
}

fn markdown(args: &ImportBench, report: &ImportReport, took_s: &[f64], slowest: f64) -> String {
    let name = args.folder.file_name().unwrap_or_default().to_string_lossy();
    let mut text = report::head(
        "How long a folder of other tools' results takes to be imported",
        "agent and client share them all",
        &format!("import {name} --times {}", args.times),
    );
    let refused = report.files.iter().filter(|file| matches!(file.fate, FileFate::Refused { .. })).count();
    let each: Vec<String> = took_s.iter().map(|s| format!("{s:.2}")).collect();
    text.push_str(&format!(
        "- {} files, {refused} of which are none of results, became {} runs; each time into an empty log, handed in over HTTP \
         on loopback, until all are kept.\n\
         - Times, s: {}. It may take {MAY_S:.0} s; the slowest took {:.0} % of that.\n",
        report.files.len(),
        report.new_runs().len(),
        each.join(", "),
        100.0 * slowest / MAY_S,
    ));
    text
}
