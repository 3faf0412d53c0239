//! Owns a run's line in the history, and the words of its cells that other screens share.
//! Must not know how the list came about.

use super::found::Found;
use crate::erased::{click, kept, live};
use crate::format;
use crate::model::App;
use crate::parts::{Icon, StateBadge, VerdictBadge, pick};
use leptos::prelude::*;
use shared::event::RunState;
use shared::ids::RunId;
use shared::people::Role;
use shared::wire::RunRow;

/// Engine and model of a row.
pub fn engine_words(row: &RunRow) -> String {
    match &row.model {
        Some(model) => format!("{} · {model}", row.engine),
        None => row.engine.clone(),
    }
}

/// Greatest throughput of a row.
pub fn best(row: &RunRow) -> String {
    format::figure(row.best_output_throughput, "tok/s")
}

/// An age, with the host's time on hover.
#[component]
pub fn When(unix_ms: u64) -> impl IntoView {
    let app = App::get();
    let exact = move || app.agent.with(|agent| agent.clock(unix_ms));
    view! { <time class="quiet" title=exact>{live(move || format::age(app.now_unix_ms.get(), unix_ms))}</time> }
}

/// What a run is part of, or where it comes from, in words and where they lead.
fn belongs(row: &RunRow) -> Option<(String, Option<String>)> {
    let study = row.study.as_ref().map(|place| ("study".to_owned(), Some(format!("/studies/{}", place.study))));
    study.or_else(|| row.source.as_ref().map(|tool| (format!("from {tool}"), None)))
}

/// A tag that leads to all runs with it.
fn tag(tag: String) -> AnyView {
    let href = format!("/runs?tag={}", js_sys::encode_uri_component(&tag));
    view! { " "<a class="badge tag" href=href data-testid="tag">{tag}</a> }.into_any()
}

/// The line.
#[component]
pub(super) fn Row(run: RunId, found: Found, chosen: RwSignal<Vec<RunId>>) -> impl IntoView {
    let app = App::get();
    let (picked, id) = (run.clone(), run.to_string());
    let link = format!("/runs/{run}");
    // As the list has it, which is live; as it was found where the list does not reach so far back.
    let row = kept(move || app.rows.with(|rows| rows.get(&run).cloned()).or_else(|| found.row(&run)));
    let text = move |read: fn(&RunRow) -> String| kept(move || row.with(|r| r.as_ref().map(read)).unwrap_or_default());
    let reason = text(|r| r.reason.clone().unwrap_or_default());
    let state = kept(move || row.with(|r| r.as_ref().map_or(RunState::Queued, |r| r.state)));
    let verdict = kept(move || row.with(|r| r.as_ref().and_then(|r| r.verdict)));
    let begun = kept(move || row.with(|r| r.as_ref().map_or(0, |r| r.created_unix_ms)));
    let marks = kept(move || row.with(|r| r.as_ref().map(|r| r.marks.clone())).unwrap_or_default());
    let pinned = kept(move || marks.with(|marks| marks.pinned));
    let name = text(|r| r.name.clone());
    let label = kept(move || format!("Delete {}", name.get()));
    let pick_label = kept(move || format!("Choose {}", name.get()));
    let pin_label = kept(move || format!("Pin {} as a baseline", name.get()));
    let belongs = kept(move || row.with(|r| r.as_ref().and_then(belongs)));
    let may_change = kept(move || app.reader.may(Role::Operator));
    let of = StoredValue::new(id);
    let pin = move |_| app.pin(vec![of.get_value()], !pinned.get_untracked());
    let remove = move |_| {
        let sentence = format!("\"{}\" was deleted.", name.get_untracked());
        app.delete(vec![of.get_value()], sentence);
    };
    view! {
        <tr data-testid="run-row">
            {pick(chosen, picked, Signal::derive(move || pick_label.get()), "pick-run")}
            <th scope="row">
                <a href=link>{name}</a>
                {live(move || belongs.get().map(|(words, href)| view! {
                    " "<span class="badge">{match href {
                        Some(href) => view! { <a href=href>{words}</a> }.into_any(),
                        None => words.into_any(),
                    }}</span>
                }))}
                {live(move || marks.with(|marks| marks.tags.iter().cloned().map(tag).collect_view()))}
                {live(move || marks.with(|marks| marks.noted.then(|| view! { " "<span class="badge">"note"</span> })))}
                {live(move || (pinned.get() && !may_change.get()).then(|| view! { " "<span class="badge">"pinned"</span> }))}
            </th>
            <td>{text(engine_words)}</td>
            <td title=move || reason.get()><StateBadge state=state/></td>
            <td>{live(move || verdict.get().map(|v| view! { <VerdictBadge verdict=Signal::stored(Some(v))/> }))}</td>
            <td class="number">{text(best)}</td>
            <td class="number">{text(|r| format::progress(r.trials_done, r.trials))}</td>
            <td class="number">{text(|r| format::duration(r.elapsed_ns))}</td>
            <td>{live(move || view! { <When unix_ms=begun.get()/> })}</td>
            <td class="line-actions">
                {live(move || may_change.get().then(|| view! {
                    <button class="icon-button" title=move || pin_label.get() aria-label=move || pin_label.get()
                        aria-pressed=move || pinned.get().to_string() data-testid="pin-run" on:click=click(pin)>
                        <Icon name="pin"/>
                    </button>
                }))}
                {live(move || (state.get().is_final() && may_change.get()).then(|| view! {
                    <button class="icon-button" title=move || label.get() aria-label=move || label.get() data-testid="delete-run" on:click=click(remove)>
                        <Icon name="delete"/>
                    </button>
                }))}
            </td>
        </tr>
    }
    .into_any()
}
