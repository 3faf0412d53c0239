//! Owns the table of one figure's values: a row for each load level, a column for each curve.
//! Must not know how values are compared.

use super::{Known, words};
use crate::erased::{Kept, kept, live};
use crate::format;
use crate::parts::Card;
use leptos::prelude::*;
use shared::caveat::Verdict;
use shared::compare::{Compared, CurvePoint, Figure};
use shared::ids::RunId;
use shared::plan::Level;

/// The table as texts.
#[derive(Clone, Debug, Default, PartialEq)]
struct Table {
    title: String,
    /// Label and run of each curve.
    heads: Vec<(String, Option<RunId>)>,
    /// The level's words and its cells.
    rows: Vec<(String, Vec<Cell>)>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Cell {
    text: String,
    half: String,
    /// The shape of a verdict that is not valid.
    mark: &'static str,
    title: String,
}

fn table(compared: &Compared, key: &str) -> Table {
    let figure = Figure::parse(key).ok();
    let mut levels: Vec<Level> = Vec::new();
    for level in compared.curves.iter().flat_map(|curve| &curve.points).map(|point| point.level) {
        if !levels.contains(&level) {
            levels.push(level);
        }
    }
    levels.sort_by(|a, b| a.value().total_cmp(&b.value()));
    let row = |level: Level| {
        let cell = |curve: &shared::compare::Curve| {
            curve.points.iter().find(|point| point.level == level).map_or_else(Cell::none, |point| cell(point, figure))
        };
        (level.words(), compared.curves.iter().map(cell).collect())
    };
    Table {
        title: figure.map(heading).unwrap_or_default(),
        heads: compared.curves.iter().map(|curve| (curve.label.clone(), Some(curve.run.clone()))).collect(),
        rows: levels.into_iter().map(row).collect(),
    }
}

/// A figure's name with its unit.
fn heading(figure: Figure) -> String {
    match figure.unit() {
        "" => figure.name(),
        unit => format!("{}, {unit}", figure.name()),
    }
}

impl Cell {
    fn none() -> Self {
        Self { text: format::ABSENT.to_owned(), title: "This level was not measured.".to_owned(), ..Self::default() }
    }
}

fn cell(point: &CurvePoint, figure: Option<Figure>) -> Cell {
    let key = figure.map(Figure::key).unwrap_or_default();
    let told = point.figures.get(&key).copied();
    let interval = point.intervals.get(&key);
    let mark = match point.verdict {
        Verdict::Doubtful | Verdict::Invalid => point.verdict.shape(),
        Verdict::Valid | Verdict::NotJudged => "",
    };
    let trials = if point.trials == 1 { "one trial".to_owned() } else { format!("{} trials", point.trials) };
    let spread = interval.map_or("no interval without repeats", |_| "± is half of the interval at 95 %");
    let lacks = if told.is_none() { "This figure is not known here; " } else { "" };
    Cell {
        text: words::value(figure, told),
        half: words::half(interval.map(|interval| interval.half_width).filter(|_| told.is_some())),
        mark,
        title: format!("{lacks}{trials}, {spread}; {}.", point.verdict.label()),
    }
}

/// The table.
#[component]
pub fn Values(known: Known, figure: Kept<String>) -> impl IntoView {
    let table = kept(move || {
        known.with(|known| known.as_ref().map(|compared| table(compared, &figure.get())).unwrap_or_default())
    });
    let title = move || table.with(|table| table.title.clone());
    let head = |(label, run): (String, Option<RunId>)| {
        let link = run.map(|run| format!("/runs/{run}"));
        view! { <th scope="col" class="number"><a href=link>{label}</a></th> }.into_any()
    };
    let cell = |cell: Cell| {
        view! {
            <td class="number" title=cell.title>
                {(!cell.mark.is_empty()).then(|| view! { <span class="caveat">{cell.mark}" "</span> })}
                {cell.text}<span class="interval">{cell.half}</span>
            </td>
        }
        .into_any()
    };
    let row = move |(level, cells): (String, Vec<Cell>)| {
        view! { <tr data-testid="value-row"><th scope="row">{level}</th>{cells.into_iter().map(cell).collect_view()}</tr> }
            .into_any()
    };
    view! {
        <Card title="Values" about="Over all trials of a level, latencies over all their samples.">
            <div class="scroll" tabindex="0" role="region" aria-label="Table of values">
                {live(move || table.with(|t| view! {
                    <table class="points" data-testid="values">
                        <caption>{title()}</caption>
                        <thead><tr>
                            <th scope="col">"Load"</th>
                            {t.heads.iter().cloned().map(head).collect_view()}
                        </tr></thead>
                        <tbody>{t.rows.iter().cloned().map(row).collect_view()}</tbody>
                    </table>
                }.into_any()))}
            </div>
        </Card>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::compare::Curve;
    use shared::summary::Interval;

    #[test]
    fn a_level_that_was_not_measured_is_told_from_a_figure_that_is_unknown() {
        let point = |level, figure: Option<f64>, verdict| CurvePoint {
            point: 0,
            level: Level::Concurrency(level),
            trials: 3,
            figures: figure.map(|value| ("output_throughput".to_owned(), value)).into_iter().collect(),
            intervals: [("output_throughput".to_owned(), Interval { n: 3, mean: 9.0, half_width: 0.5 })].into(),
            verdict,
        };
        let curve = |label: &str, points| Curve {
            run: RunId::new(1, 1),
            label: label.to_owned(),
            engine: String::new(),
            configuration: 0,
            gpus: None,
            points,
            caveats: vec![],
        };
        let one = curve("a", vec![point(8, Some(9.0), Verdict::Doubtful), point(1, None, Verdict::Valid)]);
        let compared = Compared { curves: vec![one, curve("b", vec![])], ..Compared::default() };
        let table = table(&compared, "output_throughput");
        assert_eq!(table.title, "Output throughput, tok/s");
        let text: Vec<(String, Vec<String>)> = (table.rows.iter())
            .map(|(level, cells)| {
                let text =
                    |c: &Cell| format!("{}{}{} {}", c.mark, c.text, c.half, c.title.split([';', '.']).next().unwrap());
                (level.clone(), cells.iter().map(text).collect())
            })
            .collect();
        let absent = "— This level was not measured".to_owned();
        let first = vec!["— This figure is not known here".to_owned(), absent.clone()];
        let second = vec!["△9.00 ±0.500 3 trials, ± is half of the interval at 95 %".to_owned(), absent];
        assert_eq!(text, [("1 in flight".to_owned(), first), ("8 in flight".to_owned(), second)]);
    }
}
