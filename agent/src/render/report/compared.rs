//! Owns what reports say of runs beside one another: curves as a table, and each against the first.
//! Must not know how two are compared.

use super::figures::Figures;
use super::parts;
use crate::render::{Chart, RenderError, Section};
use maud::{Markup, html};
use shared::caveat::Caveat;
use shared::compare::{Compared, ComparedRow, Comparison, CurvePoint, Side};
use shared::format;
use shared::said::compared as said;
use std::collections::BTreeSet;

/// Figures of the table of points.
const FIGURES: [&str; 7] =
    ["output_throughput", "ttft.p50", "ttft.p99", "tpot.mean", "e2e.mean", "cost_per_mtok", "energy_per_token"];
/// The metrics that these reports define.
pub(super) const METRICS: [&str; 8] =
    ["output_throughput", "per_user_throughput", "goodput", "ttft", "tpot", "e2e", "cost_per_mtok", "energy_per_token"];

/// Points, charts and comparisons.
pub(super) fn told(compared: &Compared, charts: &[Chart], figures: &mut Figures) -> Result<Markup, RenderError> {
    let caveats: BTreeSet<&Caveat> = compared.curves.iter().flat_map(|curve| &curve.caveats).collect();
    let caveats: Vec<Caveat> = caveats.into_iter().cloned().collect();
    Ok(html! {
        section {
            h2 { "Points" }
            (points(compared))
            (parts::caveats(&caveats))
            @if let Some(price) = compared.price {
                p.quiet {
                    "Costs that no run has of its own are worked out from throughput, at " (price.usd())
                    " USD an hour for an engine with all that it runs on."
                }
            }
            (figures.of(charts, Section::Levels)?)
        }
        @if !compared.rows.is_empty() { section { (comparisons(compared)) } }
    })
}

fn points(compared: &Compared) -> Markup {
    let cell = |point: &CurvePoint, key: &str| {
        let interval = said::interval(point.intervals.get(key).copied());
        parts::value(format::bare(point.figures.get(key).copied()), &interval)
    };
    let rows: Vec<Vec<Markup>> = (compared.curves.iter())
        .flat_map(|curve| curve.points.iter().map(move |point| (curve, point)))
        .map(|(curve, point)| {
            let mut row = vec![parts::cell(&*curve.label), parts::cell(point.level.short())];
            row.push(parts::cell(format::count(point.trials.into())));
            row.extend(FIGURES.iter().map(|key| cell(point, key)));
            row.push(parts::verdict(Some(point.verdict)));
            row
        })
        .collect();
    let names = FIGURES.map(said::figure);
    let mut heads = vec!["what", "level", "trials"];
    heads.extend(names.iter().map(String::as_str));
    heads.push("verdict");
    parts::table(&heads, &rows, &[0, heads.len() - 1])
}

fn comparisons(compared: &Compared) -> Markup {
    let mut figures: Vec<&str> = Vec::new();
    for row in &compared.rows {
        if !figures.contains(&row.comparison.figure.as_str()) {
            figures.push(&row.comparison.figure);
        }
    }
    let rows = |figure: &str| -> Vec<Vec<Markup>> {
        let row = |row: &ComparedRow| {
            let mut cells = vec![parts::cell(compared.row_label(row)), parts::cell(row.level.short())];
            cells.extend(against(&row.comparison));
            cells
        };
        compared.rows.iter().filter(|row| row.comparison.figure == figure).map(row).collect()
    };
    let heads = ["what", "level", "baseline", "n", "other", "n", "change [95 %]", "p (Holm)", "g", "finds", "word"];
    html! {
        h2 { "Compared with " (compared.bases().join(", ")) }
        p.quiet { (FINDS) }
        @for (place, figure) in figures.iter().enumerate() {
            details open[place == 0] {
                summary { (said::figure(figure)) }
                (parts::table(&heads, &rows(figure), &[0, heads.len() - 1]))
            }
        }
        (parts::sentences(&said::notes(compared.rows.iter().map(|row| &row.comparison))))
    }
}

/// What the columns of comparisons mean.
pub(super) const FINDS: &str = "p: of a permutation test over trials, all comparisons of one figure read together (Holm). g: Hedges' effect \
size. finds: the least true difference that so many repeats find with a probability of 0.8.";

fn side(of: &Side) -> [Markup; 2] {
    [parts::value(format::bare(of.value), &said::interval(of.interval)), parts::cell(said::trials(of))]
}

/// Both values with their trials, change, p, effect, what can be found, and the word.
fn against(comparison: &Comparison) -> Vec<Markup> {
    let mut cells: Vec<Markup> = side(&comparison.base).into();
    cells.extend(side(&comparison.other));
    cells.extend([
        parts::cell(said::change(comparison.ratio)),
        parts::cell(said::p(comparison)),
        parts::cell(said::effect(comparison)),
        parts::cell(said::finds(comparison)),
        parts::cell(comparison.judgement.label()),
    ]);
    cells
}
