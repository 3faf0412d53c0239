//! Owns how comparisons and ladders look in a terminal.
//! Must not know how they came about.

use super::table::number;
use comfy_table::{CellAlignment, Table, presets};
use shared::compare::{Compared, Comparison, CurvePoint, Figure, Side};
use shared::said::compared as said;
use shared::study::{Decomposition, Rung};

/// A figure, and half its interval where repeats give one.
fn value(of: &Side) -> String {
    let half = of.interval.map(|i| format!(" ±{}", number(Some(i.half_width)))).unwrap_or_default();
    format!("{}{half}", number(of.value))
}

fn table(heads: &[&str], rows: impl IntoIterator<Item = Vec<String>>, words: &[usize]) -> String {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(heads);
    rows.into_iter().for_each(|row| {
        table.add_row(row);
    });
    for (place, column) in table.column_iter_mut().enumerate() {
        if !words.contains(&place) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    format!("{table}\n")
}

/// Curves, then comparisons with the first, then what is unlike.
#[must_use]
pub(super) fn render(compared: &Compared) -> String {
    let cell = |point: &CurvePoint, key: &str| {
        let half = point.intervals.get(key).map(|i| format!(" ±{}", number(Some(i.half_width)))).unwrap_or_default();
        point.figures.get(key).map_or_else(|| "—".to_owned(), |v| format!("{}{half}", number(Some(*v))))
    };
    let keys = ["output_throughput", "ttft.p50", "ttft.p99", "tpot.mean", "cost_per_mtok", "energy_per_token"];
    let rows = compared.curves.iter().flat_map(|curve| {
        curve.points.iter().map(|point| {
            let mut row = vec![curve.label.clone(), point.level.short()];
            row.extend(keys.iter().map(|key| cell(point, key)));
            row.push(point.verdict.label().to_owned());
            row
        })
    });
    let heads = ["what", "level", "output tok/s", "TTFT p50 ms", "p99", "TPOT mean ms", "$/Mtok", "J/tok", "verdict"];
    let mut text = table(&heads, rows, &[0, 8]);
    if compared.rows.is_empty() {
        return text;
    }
    text.push_str(&format!("Compared with {}:\n", compared.bases().join(", ")));
    let rows = compared.rows.iter().map(|row| {
        let mut cells = vec![compared.row_label(row), row.level.short()];
        cells.extend(cells_of(&row.comparison));
        cells
    });
    let heads = ["what", "level", "figure", "baseline", "other", "change [95 %]", "p (Holm)", "g", "finds", "word"];
    text.push_str(&table(&heads, rows, &[0, 2, 9]));
    text.push_str(&notes(compared.rows.iter().map(|row| &row.comparison)));
    text
}

/// Figure, both values, change, p, effect, what can be found, and the word.
pub(super) fn cells_of(comparison: &Comparison) -> Vec<String> {
    let name = Figure::parse(&comparison.figure)
        .map_or_else(|_| comparison.figure.clone(), |figure| format!("{} {}", figure.name(), figure.unit()));
    vec![
        name,
        value(&comparison.base),
        value(&comparison.other),
        said::change(comparison.ratio),
        said::p(comparison),
        said::effect(comparison),
        said::finds(comparison),
        comparison.judgement.label().to_owned(),
    ]
}

/// What must be said beside comparisons, once each.
pub(super) fn notes<'a>(comparisons: impl Iterator<Item = &'a Comparison>) -> String {
    let mut text = "finds: the least true difference that so many repeats find with a probability of 0.8.\n".to_owned();
    text.extend(said::notes(comparisons).into_iter().map(|line| format!("  {line}\n")));
    text
}

/// A ladder: both cases, each step's figures, its factor, and the word for it.
#[must_use]
pub(super) fn ladder(decomposition: &Decomposition) -> String {
    let mut text = String::new();
    for case in &decomposition.cases {
        text.push_str(&format!("{} ({}):\n", case.name, case.level.words()));
        text.push_str(&rungs(&case.steps, "factor to the step before [95 %]"));
        if !case.without.is_empty() {
            text.push_str("Everything on but:\n");
            text.push_str(&rungs(&case.without, "factor to everything on [95 %]"));
        }
        let all = case.steps.iter().chain(&case.without);
        text.push_str(&notes(all.filter_map(|rung| rung.against.get("output_throughput"))));
        text.extend(case.distance("output_throughput").map(|sentence| format!("{sentence}\n")));
    }
    text
}

fn rungs(rungs: &[Rung], versus: &str) -> String {
    let figure = |rung: &Rung, key: &str| rung.figures.get(key).map_or_else(|| "—".to_owned(), value);
    let rows = rungs.iter().map(|rung| {
        let against = rung.against.get("output_throughput");
        vec![
            rung.label.clone(),
            rung.change.clone(),
            figure(rung, "output_throughput"),
            rung.bound("output_throughput").map_or_else(|| "—".to_owned(), |b| format!("{:.1} %", b.reached * 100.0)),
            said::factor(against.and_then(|c| c.ratio)),
            against.map_or_else(|| "—".to_owned(), said::p),
            figure(rung, "ttft.mean"),
            figure(rung, "tpot.mean"),
            figure(rung, "cost_per_mtok"),
            figure(rung, "energy_per_token"),
            match (&rung.run, against) {
                (None, _) => "not measured".to_owned(),
                (_, Some(against)) => against.judgement.label().to_owned(),
                (_, None) => String::new(),
            },
        ]
    });
    let heads = [
        "step",
        "change",
        "output tok/s",
        "of the limit",
        versus,
        "p (Holm)",
        "TTFT ms",
        "TPOT ms",
        "$/Mtok",
        "J/tok",
        "word",
    ];
    table(&heads, rows, &[0, 1, 10])
}
