//! Owns `tokenprism gate`: whether a candidate regressed from its baseline, as an exit code and as reports.
//! Must not know how that is decided (`shared` does).

mod junit;
mod markdown;

use super::{BAD_INPUT, DONE, DataArg, FAILED, UNDECIDED, compared, source};
use anyhow::Context;
use comfy_table::{Table, presets};
use shared::compare::{Figure, GateRow, Limit, Passage, Recorded, gate as decide};
use std::path::{Path, PathBuf};

/// What `gate` says of its exit codes; 2 is clap's own.
pub(super) const EXIT_CODES: &str = "Exit codes: 0 no regression, 1 a regression, 2 wrong arguments, 3 runs or figures \
that cannot be read or compared, 4 not decided (not enough repeats, or too noisy for the limit). A regression comes first.";

/// Arguments of `gate`.
#[derive(clap::Args, Debug)]
pub struct GateArgs {
    /// The run to be held to: its id, or a file that `run --json` wrote.
    baseline: String,
    /// The run that is judged.
    candidate: String,
    /// A figure that must not become worse: `ttft_p99`, `output_throughput`, …; can be given several times.
    #[arg(long, value_name = "FIGURE", required = true)]
    metric: Vec<String>,
    /// How much worse it may become; one for all figures, or one for each in their order.
    #[arg(long, value_name = "PERCENT", required = true, value_parser = share)]
    max_regression: Vec<f64>,
    /// Write a JUnit XML report to this file.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write a Markdown summary to this file, at its end: GITHUB_STEP_SUMMARY is such a one.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    #[command(flatten)]
    data: DataArg,
}

/// "5%", "5 %" or "5" as a share.
fn share(text: &str) -> Result<f64, String> {
    let number = text.trim().trim_end_matches('%').trim();
    let percent: Option<f64> = number.parse().ok().filter(|p: &f64| p.is_finite() && (0.0..=1000.0).contains(p));
    percent.map(|percent| percent / 100.0).ok_or_else(|| "expected a percentage from 0, such as 5%".to_owned())
}

/// Decides, prints a table, writes the reports.
pub async fn gate(args: GateArgs) -> anyhow::Result<u8> {
    match judged(&args).await {
        Ok(rows) => {
            print!("{}", render(&rows));
            if let Some(path) = &args.junit {
                write(path, &junit::report(&rows), false)?;
            }
            if let Some(path) = &args.markdown {
                write(path, &markdown::summary(&rows), true)?;
            }
            Ok(code(&rows))
        }
        Err(error) => {
            eprintln!("tokenprism: {error:#}");
            Ok(BAD_INPUT)
        }
    }
}

async fn judged(args: &GateArgs) -> anyhow::Result<Vec<GateRow>> {
    let limits = limits(&args.metric, &args.max_regression)?;
    let baseline = one(&args.baseline, &args.data).await?;
    let candidate = one(&args.candidate, &args.data).await?;
    Ok(decide(&baseline, &candidate, &limits)?)
}

fn limits(metrics: &[String], regressions: &[f64]) -> anyhow::Result<Vec<Limit>> {
    anyhow::ensure!(
        regressions.len() == 1 || regressions.len() == metrics.len(),
        "there are {} metrics and {} of --max-regression: give one for all, or one for each",
        metrics.len(),
        regressions.len()
    );
    let limit = |(place, key): (usize, &String)| {
        let figure = Figure::parse(key).map_err(anyhow::Error::msg)?;
        let max_regression = regressions.get(place).or(regressions.first()).copied().unwrap_or_default();
        Ok(Limit { figure, max_regression })
    };
    metrics.iter().enumerate().map(limit).collect()
}

/// The one run of a name.
async fn one(name: &str, data: &DataArg) -> anyhow::Result<Recorded> {
    let mut runs = source::read(&[name.to_owned()], data).await?;
    match (runs.pop(), runs.is_empty()) {
        (Some((_, run)), true) => Ok(run),
        _ => anyhow::bail!("{name} does not hold exactly one run: name one of its runs"),
    }
}

fn code(rows: &[GateRow]) -> u8 {
    match rows.iter().map(|row| row.passage).max() {
        Some(Passage::Regression) => FAILED,
        Some(Passage::NoFigure) | None => BAD_INPUT,
        Some(Passage::NotEnoughRepeats | Passage::Undecided) => UNDECIDED,
        Some(Passage::Pass) => DONE,
    }
}

/// A point and a figure in words.
fn named(row: &GateRow) -> (String, String) {
    let level = row.level.words();
    let point = if row.variant.is_empty() { level } else { format!("{}: {level}", row.variant) };
    (point, Figure::parse(&row.figure).map_or_else(|_| row.figure.clone(), Figure::name))
}

fn render(rows: &[GateRow]) -> String {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(["point", "figure", "baseline", "candidate", "change [95 %]", "p (Holm)", "g", "finds", "gate"]);
    for row in rows {
        let mut cells = compared::cells_of(&row.comparison);
        cells.insert(0, named(row).0);
        cells.pop();
        cells.push(row.passage.label().to_owned());
        table.add_row(cells);
    }
    let mut text = format!("{table}\n");
    for row in rows {
        let (point, figure) = named(row);
        text.push_str(&format!("{}: {figure} at {point}: {}\n", row.passage.label(), row.sentence()));
    }
    text.push_str(&compared::notes(rows.iter().map(|row| &row.comparison)));
    text
}

fn write(path: &Path, text: &str, append: bool) -> anyhow::Result<()> {
    use std::io::Write;
    let file = std::fs::OpenOptions::new().create(true).write(true).append(append).truncate(!append).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("{} could not be written", path.display()))
}

#[cfg(test)]
mod tests;
