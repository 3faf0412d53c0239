//! Owns the table of a study's runs, each with its state as it changes, and the study's plan.
//! Must not know what the runs come to.

use super::super::runs::best;
use super::Shown;
use crate::erased::{kept, live};
use crate::format;
use crate::model::App;
use crate::parts::{Card, CopyButton, StateBadge, VerdictBadge};
use leptos::prelude::*;
use shared::study::{StudyRunView, StudyView};
use shared::wire::RunRow;

/// The runs.
#[component]
pub(super) fn Runs(shown: Shown) -> impl IntoView {
    let places = shown.part(|view| view.runs.len());
    view! {
        <Card title="Runs" about="In the order in which they are measured; each has a page of its own.">
            <div class="scroll" tabindex="0" role="region" aria-label="Table of runs">
                <table data-testid="study-runs">
                    <thead><tr>
                        <th scope="col">"Run"</th><th scope="col">"State"</th><th scope="col">"Verdict"</th>
                        <th scope="col" class="number">"Best output"</th><th scope="col" class="number">"Trials"</th>
                        <th scope="col" class="number">"Took"</th>
                    </tr></thead>
                    <tbody>{live(move || (0..places.get()).map(|place| view! { <Row shown=shown place=place/> }).collect_view())}</tbody>
                </table>
            </div>
        </Card>
    }
    .into_any()
}

#[component]
fn Row(shown: Shown, place: usize) -> impl IntoView {
    let app = App::get();
    let told = kept(move || {
        let at = |view: &std::sync::Arc<StudyView>| view.runs.get(place).cloned();
        shown.of.value.with(|view| view.as_ref().and_then(at))
    });
    let row = kept(move || {
        told.with(|told| {
            let run = told.as_ref()?.run.as_ref()?;
            app.rows.with(|rows| rows.get(run).cloned()).or_else(|| told.as_ref()?.row.clone())
        })
    });
    let label = move |told: &StudyRunView| match &told.run {
        Some(run) => view! { <a href=format!("/runs/{run}")>{told.label.clone()}</a> }.into_any(),
        None => view! { {told.label.clone()} }.into_any(),
    };
    let cells = |row: RunRow| {
        let took = row.begun_ns.map(|begun_ns| row.elapsed_ns.saturating_sub(begun_ns));
        view! {
            <td title=row.reason.clone().unwrap_or_default()><StateBadge state=Signal::stored(row.state)/></td>
            <td>{row.verdict.map(|verdict| view! { <VerdictBadge verdict=Signal::stored(Some(verdict))/> })}</td>
            <td class="number">{best(&row)}</td>
            <td class="number">{format::progress(row.trials_done, row.trials)}</td>
            <td class="number">{format::or_absent(took, format::duration)}</td>
        }
        .into_any()
    };
    view! {
        <tr data-testid="study-run">
            <th scope="row">{live(move || told.with(|told| told.as_ref().map(label)))}</th>
            {live(move || match row.get() {
                Some(row) => cells(row),
                None => view! { <td colspan="5" class="quiet">"This run was deleted."</td> }.into_any(),
            })}
        </tr>
    }
    .into_any()
}

/// The plan, folded.
#[component]
pub(super) fn PlanText(shown: Shown) -> impl IntoView {
    let toml = shown.text(|view| view.plan.to_toml());
    view! {
        <section class="card">
            <details>
                <summary>"The plan"</summary>
                <pre class="code" tabindex="0" aria-label="Plan as TOML">{toml}</pre>
                <CopyButton text=toml label="Copy plan"/>
                <p class="quiet">"Saved as study.toml it runs without a browser as "<code>"tokenprism study study.toml"</code>"."</p>
            </details>
        </section>
    }
    .into_any()
}
