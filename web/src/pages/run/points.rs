//! Owns the table of points and the chart over load levels.
//! Must not know how figures are computed.

use super::charts::of_run;
use crate::charts::Chart;
use crate::format;
use crate::model::App;
use crate::parts::Card;
use leptos::prelude::*;
use shared::caveat::{Caveat, Verdict};
use shared::chart;
use shared::summary::{Distribution, Summary};
use shared::view::RunView;

/// One line of the table, as text.
#[derive(Clone, PartialEq)]
struct Line {
    level: String,
    state: String,
    /// Figures of a part of the trials are marked.
    partial: bool,
    cells: Vec<String>,
    /// Requests by outcome other than ok, for the failed ones' cell.
    failures: String,
    caveats: String,
    /// The rules' objections to this point: shape and name, and the sentence.
    doubts: Vec<(String, String)>,
}

/// Place of the failed requests among the cells.
const FAILED: usize = 2;

/// "3 refused, 1 timed out"; empty where nothing failed.
fn failures(s: &Summary) -> String {
    let failed = s.outcomes.iter().filter(|(outcome, _)| !outcome.is_ok());
    failed.map(|(outcome, n)| format!("{} {}", format::count(*n), outcome.label())).collect::<Vec<_>>().join(", ")
}

/// What the rules say of a point.
fn doubts(view: &RunView, point: usize) -> Vec<(String, String)> {
    let findings = view.findings.iter().flatten().filter(|f| f.point as usize == point);
    let shape = |verdict| if verdict == Verdict::Invalid { "✕" } else { "△" };
    findings.map(|f| (format!("{} {}", shape(f.rule.verdict()), f.rule.label()), f.rule.sentence())).collect()
}

/// Column groups and their columns.
const GROUPS: [(&str, &[&str]); 6] = [
    ("Requests", &["attempted", "ok", "failed"]),
    ("TTFT, ms", &["mean", "p50", "p99", "n"]),
    ("TPOT, ms", &["mean", "p50", "p99", "n"]),
    ("Chunk gap, ms", &["p99", "n"]),
    ("Throughput", &["output tok/s", "req/s"]),
    ("In flight", &["mean", "peak"]),
];

fn latency(d: &Distribution) -> [String; 4] {
    [format::bare(d.mean_ms), format::percentile(d.p50), format::percentile(d.p99), format::count(d.n)]
}

/// The cells of a summary, in the order of [`GROUPS`], then cost.
fn cells(s: &Summary) -> Vec<String> {
    let mut cells =
        vec![format::count(s.attempted), format::count(s.ok), format::count(s.attempted.saturating_sub(s.ok))];
    cells.extend(latency(&s.ttft));
    cells.extend(latency(&s.tpot));
    cells.extend([format::percentile(s.chunk_gap.p99), format::count(s.chunk_gap.n)]);
    cells.extend([format::bare(s.output_throughput), format::bare(s.request_throughput)]);
    cells.extend([format::bare(s.in_flight_mean), format::count(s.in_flight_peak.into())]);
    cells.push(format::or_absent(s.cost_per_mtok_output, |c| format::usd(c.0)));
    cells
}

/// Columns of figures, cost included.
fn width() -> usize {
    GROUPS.iter().map(|(_, columns)| columns.len()).sum::<usize>() + 1
}

fn lines(view: &RunView) -> Vec<Line> {
    let repeats = view.header.as_ref().map_or(1, |h| h.plan.load.trials);
    let ended = view.run_state().is_final();
    let line = |(index, point): (usize, &shared::view::PointView)| {
        let of_point = || view.trials.iter().filter(move |t| t.point as usize == index);
        let done = of_point().filter(|t| t.ended_ns.is_some()).count();
        let live = of_point().any(|t| t.ended_ns.is_none());
        let state = match (&point.summary, live && !ended, done) {
            (Some(_), ..) => "done".to_owned(),
            (None, true, _) if repeats > 1 => format!("running, trial {} of {repeats}", done + 1),
            (None, true, _) => "running".to_owned(),
            (None, false, 0) if ended => "not reached".to_owned(),
            (None, false, 0) => "waiting".to_owned(),
            (None, false, _) => format!("{done} of {repeats} trials"),
        };
        let last = of_point().filter_map(|t| t.summary.as_ref()).next_back();
        let summary = point.summary.as_ref().or(last);
        Line {
            level: point.level.short(),
            state,
            partial: point.summary.is_none() && last.is_some(),
            cells: summary.map_or_else(|| vec![format::ABSENT.to_owned(); width()], cells),
            failures: summary.map(failures).unwrap_or_default(),
            doubts: doubts(view, index),
            caveats: summary
                .map(|s| {
                    s.caveats.iter().filter(|c| **c != Caveat::PriceUnknown).map(Caveat::sentence).collect::<Vec<_>>()
                })
                .unwrap_or_default()
                .join(" "),
        }
    };
    view.points.iter().enumerate().map(line).collect()
}

/// The table and the chart.
#[component]
pub fn PointsTable() -> impl IntoView {
    let app = App::get();
    let lines = Memo::new(move |_| app.with_view(lines).unwrap_or_default());
    let several = Memo::new(move |_| lines.with(|l| l.len() > 1));
    let row = |line: Line| {
        let doubt = (!line.caveats.is_empty()).then(
            || view! { <span class="caveat" title=line.caveats.clone() aria-label=line.caveats.clone()>"△"</span> },
        );
        let doubts = line
            .doubts
            .into_iter()
            .map(|(label, sentence)| view! { <span class="caveat" title=sentence>{label}</span>" " });
        let doubts = doubts.collect_view();
        let partial = line
            .partial
            .then(|| view! { <span class="quiet" title="Figures of the last trial that ended">" last trial"</span> });
        view! {
            <tr data-testid="point-row">
                <th scope="row" class="number">{line.level}</th>
                <td>{line.state}{partial}" "{doubt}" "{doubts}</td>
                {line.cells.into_iter().enumerate().map(|(column, cell)| {
                    let needs = cell.starts_with("n <");
                    let title = if needs {
                        Some("Too few samples carry no percentile this far out.".to_owned())
                    } else {
                        (column == FAILED).then(|| line.failures.clone()).filter(|f| !f.is_empty())
                    };
                    view! { <td class="number" class:quiet=needs title=title>{cell}</td> }
                }).collect_view()}
            </tr>
        }
    };
    view! {
        <Card title="Points" about="Exact figures of each load level once its trials ended; percentiles by nearest rank over all samples.">
            <div class="scroll" tabindex="0" role="region" aria-label="Table of points">
                <table class="points" data-testid="points-table">
                    <thead>
                        <tr>
                            <th scope="col" rowspan="2" class="number">"Level"</th>
                            <th scope="col" rowspan="2">"State"</th>
                            {GROUPS.iter().map(|(name, columns)| view! { <th scope="colgroup" colspan=columns.len() class="group">{*name}</th> }).collect_view()}
                            <th scope="col" rowspan="2" class="number" title="US dollars per million output tokens">"$/MTok"</th>
                        </tr>
                        <tr>{GROUPS.iter().flat_map(|(_, columns)| columns.iter()).map(|c| view! { <th scope="col" class="number">{*c}</th> }).collect_view()}</tr>
                    </thead>
                    <tbody>{move || lines.get().into_iter().map(row).collect_view()}</tbody>
                </table>
            </div>
        </Card>
        {move || several.get().then(|| view! {
            <section class="charts single">
                <Chart name="by-level" label="Output throughput by concurrency" define=of_run(app, chart::throughput_by_level)/>
            </section>
        })}
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_a_cell_for_every_column() {
        let summary = Summary {
            attempted: 12,
            ok: 10,
            request_throughput: Some(2.0),
            in_flight_peak: 4,
            caveats: vec![Caveat::PriceUnknown],
            ..Summary::default()
        };
        let cells = cells(&summary);
        assert_eq!(cells.len(), width());
        assert_eq!(&cells[..3], ["12", "10", "2"]);
        assert_eq!(cells[5], "n < 1");
        assert_eq!(cells[13], "—");
    }
}
