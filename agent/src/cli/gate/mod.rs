//! Owns `tokenprism gate`: whether a candidate regressed from its baseline, as an exit code and as reports.
//! Must not know how that is decided (`shared` does).

mod junit;
mod markdown;

use super::{BAD_INPUT, DONE, DataArg, FAILED, UNDECIDED, compared, source};
use anyhow::Context;
use comfy_table::{Table, presets};
use shared::compare::{Comparison, Figure, GateRow, Gated, Limit, Passage, gate as decide};
use std::path::{Path, PathBuf};

/// What `gate` says of its exit codes; 2 is clap's own.
pub(super) const EXIT_CODES: &str = "Exit codes: 0 no regression, 1 a regression, 2 wrong arguments, 3 runs or figures \
that cannot be read or compared (a point of the baseline was not measured, a run is invalid or did not come to its end), 4 not decided (not enough repeats, or too noisy for the limit). A regression comes first, then 3. The reports are \
written whatever the code is.";

/// Arguments of `gate`.
#[derive(clap::Args, Debug)]
pub struct GateArgs {
    /// The run to be held to: its id, a file that `run --json` wrote, or one run of a study or of a file that `study --json`
    /// wrote: `FILE#LABEL`, `FILE#RUN_ID`, `STUDY#LABEL`.
    baseline: String,
    /// The run that is judged, named in the same way.
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
    let (code, junit, markdown) = match judged(&args).await {
        Ok(gated) => {
            print!("{}", render(&gated));
            (code(&gated.rows), junit::report(&gated), markdown::summary(&gated))
        }
        // Who reads the reports only must not take a gate that could not judge for one that was not asked.
        Err(error) => {
            let why = format!("{error:#}");
            eprintln!("tokenprism: {why}");
            (BAD_INPUT, junit::refusal(&why), markdown::refusal(&why))
        }
    };
    let junit = args.junit.as_ref().map(|path| write(path, &junit, false));
    let markdown = args.markdown.as_ref().map(|path| write(path, &markdown, true));
    let mut code = code;
    for error in [junit, markdown].into_iter().flatten().filter_map(Result::err) {
        eprintln!("tokenprism: {error:#}");
        code = if code == FAILED { FAILED } else { BAD_INPUT };
    }
    Ok(code)
}

async fn judged(args: &GateArgs) -> anyhow::Result<Gated> {
    let limits = limits(&args.metric, &args.max_regression)?;
    let baseline = source::one(&args.baseline, &args.data).await?;
    let candidate = source::one(&args.candidate, &args.data).await?;
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

fn code(rows: &[GateRow]) -> u8 {
    match rows.iter().map(|row| row.passage).max() {
        Some(Passage::Regression) => FAILED,
        Some(Passage::NoFigure | Passage::Missing | Passage::Invalid) | None => BAD_INPUT,
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

/// The comparisons that have something to say: of a point that was not measured its row does.
fn compared_of(rows: &[GateRow]) -> impl Iterator<Item = &Comparison> {
    rows.iter().filter(|row| row.passage != Passage::Missing).map(|row| &row.comparison)
}

fn render(gated: &Gated) -> String {
    let rows = &gated.rows;
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
    text.extend(gated.notes.iter().map(|note| format!("{note}\n")));
    text.push_str(&compared::notes(compared_of(rows)));
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
