//! Owns the table of points and the charts over load levels.
//! Must not know how figures are computed.

use super::charts::of_run;
use crate::charts::Chart;
use crate::erased::{kept, live};
use crate::model::App;
use crate::parts::{Card, MetricLink, VerdictBadge};
use leptos::prelude::*;
use shared::chart;
use shared::said::points::{Cell, Column, Has, Line, Shown, groups, lines, no_limit};
use shared::search::SearchEnd;

fn cell(cell: Cell) -> AnyView {
    let title = Some(cell.title).filter(|title| !title.is_empty());
    let mark = (!cell.mark.is_empty()).then(|| view! { <span class="caveat">{cell.mark}" "</span> });
    let interval = (!cell.interval.is_empty()).then(|| view! { <span class="interval">" "{cell.interval}</span> });
    view! { <td class="number" class:quiet=cell.needs title=title>{mark}{cell.text}{interval}</td> }.into_any()
}

fn row(line: Line) -> AnyView {
    let caveats = (!line.caveats.is_empty()).then(
        || view! { <span class="caveat" title=line.caveats.clone() aria-label=line.caveats.clone()>"△ note"</span> },
    );
    let doubts = (line.doubts.into_iter())
        .map(|(label, sentence)| view! { <span class="caveat" title=sentence>{label}</span>" " })
        .collect_view();
    let partial = line
        .partial
        .then(|| view! { <span class="quiet" title="Figures of the last trial that ended">" last trial"</span> });
    let verdict = line.verdict.map(|v| view! { <VerdictBadge verdict=Signal::stored(Some(v))/>" " });
    view! {
        <tr data-testid="point-row">
            <th scope="row" class="number">{line.level}</th>
            <td class="state">{line.state}{partial}" "{verdict}{doubts}{caveats}</td>
            {line.cells.into_iter().map(cell).collect_view()}
        </tr>
    }
    .into_any()
}

/// A name that leads to its metric, where it has one.
fn named(words: &'static str, metric: Option<&'static str>) -> AnyView {
    match metric {
        Some(key) => view! { <MetricLink key=key words=words/> }.into_any(),
        None => words.into_any(),
    }
}

fn heading(shown: &Shown) -> AnyView {
    let group = shown.group;
    view! { <th scope="colgroup" colspan=shown.columns.len() class="group">{named(group.name, group.metric)}</th> }
        .into_any()
}

fn column(column: &&'static Column) -> AnyView {
    view! { <th scope="col" class="number">{named(column.name, column.metric)}</th> }.into_any()
}

/// The table and the charts over levels.
#[component]
pub fn PointsTable() -> impl IntoView {
    let app = App::get();
    let has = kept(move || app.with_view(Has::of).unwrap_or_default());
    let head = move || {
        let shown = groups(has.get());
        let headings = shown.iter().map(heading).collect_view();
        let columns = shown.iter().flat_map(|shown| &shown.columns).map(column).collect_view();
        view! {
            <thead>
                <tr>
                    <th scope="col" rowspan="2" class="number">"Level"</th>
                    <th scope="col" rowspan="2">"State"</th>
                    {headings}
                </tr>
                <tr>{columns}</tr>
            </thead>
        }
    };
    let lines = kept(move || app.with_view(|view| lines(view, &groups(has.get()))).unwrap_or_default());
    let unknown = kept(move || app.with_view(no_limit).flatten());
    // An imported run has curves of its own.
    let own = kept(move || app.with_view(|view| view.source.is_none()).unwrap_or(false));
    let several = kept(move || own.get() && lines.with(|l| l.len() > 1));
    view! {
        <Card title="Points" about="Exact figures of each load level once its trials ended; percentiles by nearest rank over all samples.">
            <div class="scroll" tabindex="0" role="region" aria-label="Table of points">
                <table class="points" data-testid="points-table">
                    {live(head)}
                    <tbody>{live(move || lines.get().into_iter().map(row).collect_view())}</tbody>
                </table>
            </div>
            {live(move || unknown.get().map(|sentence| view! { <p class="quiet">{sentence}</p> }))}
        </Card>
        {live(move || several.get().then(|| view! { <Levels/> }))}
    }
    .into_any()
}

/// The curve over levels as it grows, and what a search answered.
#[component]
fn Levels() -> impl IntoView {
    let app = App::get();
    let answer = kept(move || app.with_view(|v| v.search.as_ref().map(SearchEnd::sentence)).flatten());
    view! {
        <section class="charts" aria-label="Charts over load levels">
            <Chart name="by-level" label="Output throughput by load level" define=of_run(app, chart::throughput_by_level)/>
            <Chart name="ttft-by-level" label="Time to first token by load level, percentiles 50 and 99" define=of_run(app, chart::ttft_by_level)/>
        </section>
        {live(move || answer.get().map(|sentence| view! { <p class="notice found" role="status" data-testid="search-answer">{sentence}</p> }))}
    }
    .into_any()
}
