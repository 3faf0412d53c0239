//! Owns the history: all runs, newest first, searched and deleted here.
//! Must not know a run beyond its row.

use super::on_demand::{OnDemand, Screen};
use crate::erased::{click, kept, live};
use crate::format;
use crate::model::{App, Deletion, Rows, row_matches};
use crate::parts::{Empty, ErrorBox, Icon, StateBadge, VerdictBadge};
use crate::route::Place;
use leptos::html::Input;
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

/// Hides a run now and deletes it when nobody took that back.
fn delete_later(app: App, row: &RunRow) {
    let run = row.run.clone();
    let path = format!("/api/v1/runs/{run}");
    app.delete_later(format!("\"{}\" will be deleted.", row.name), path, move |deletion| {
        app.rows.update(|rows| match deletion {
            Deletion::Hidden => rows.hide(run.clone()),
            Deletion::Back => rows.unhide(&run),
            Deletion::Gone => rows.remove(&run),
        });
    });
}

/// The history.
#[component]
pub fn Runs() -> impl IntoView {
    let app = App::get();
    let place = Place::get();
    let search = place.query("search");
    let field = NodeRef::<Input>::new();
    Effect::new(move |_| {
        if let Some(field) = field.get().filter(|_| app.search.get()) {
            app.search.set(false);
            if field.focus().is_err() {
                leptos::logging::warn!("the search field took no focus");
            }
        }
    });
    let found = kept(move || {
        let search = search.get().unwrap_or_default();
        let matching = |rows: &Rows| {
            rows.visible().filter(|row| row_matches(row, &search)).map(|row| row.run.clone()).collect::<Vec<_>>()
        };
        app.rows.with(matching)
    });
    // Memos, so that a row that changes does not make the whole table anew.
    let error = kept(move || app.rows.with(|r| r.error.clone()));
    let loaded = kept(move || app.rows.with(|r| r.loaded));
    let nothing = kept(move || app.rows.with(|r| r.visible().next().is_none()));
    let none_found = kept(move || found.with(Vec::is_empty));
    let more = kept(move || app.rows.with(|r| r.more));
    // Runs that are compared, in the order in which somebody chose them: the first is the base.
    let chosen = RwSignal::new(Vec::<RunId>::new());
    let importing = RwSignal::new(false);
    let table = move || {
        if !loaded.get() {
            return view! { <div class="skeleton" aria-label="Loading"></div> }.into_any();
        }
        if nothing.get() {
            return view! {
                <Empty title="No run yet" text="Every run stays here with all its measurements until you delete it." action="New run" href="/new"/>
            }
            .into_any();
        }
        if none_found.get() {
            return view! { <p class="quiet">"No run has all of these words in its name, engine, model, state or id."</p> }.into_any();
        }
        view! {
            <div class="scroll card">
                <table data-testid="runs-table">
                    <thead><tr>
                        <th scope="col"><span class="unseen">"Compare"</span></th>
                        <th scope="col">"Run"</th><th scope="col">"Engine"</th><th scope="col">"State"</th>
                        <th scope="col">"Verdict"</th><th scope="col" class="number">"Best output"</th>
                        <th scope="col" class="number">"Trials"</th><th scope="col" class="number">"Took"</th>
                        <th scope="col">"Begun"</th><th scope="col"><span class="unseen">"Delete"</span></th>
                    </tr></thead>
                    <tbody><For each=move || found.get() key=RunId::clone children=move |run| view! { <Row run=run chosen=chosen/> }/></tbody>
                </table>
            </div>
        }
        .into_any()
    };
    view! {
        <header class="page-head">
            <h1>"Runs"</h1>
            <input
                type="search"
                class="search"
                placeholder="Search name, engine, model, state  ( / )"
                aria-label="Search runs"
                data-testid="search"
                node_ref=field
                prop:value=move || search.get().unwrap_or_default()
                on:input:target=move |e| place.set_query("search", Some(e.target().value().as_str()).filter(|s| !s.is_empty()))
            />
            <button
                class="button"
                data-testid="import"
                aria-expanded=move || importing.get().to_string()
                on:click=click(move |_| importing.update(|open| *open = !*open))
            >
                "Import"
            </button>
            <a href="/new" class="button primary">"New run"</a>
        </header>
        {live(move || importing.get().then(|| view! { <OnDemand screen=Screen::Import/> }))}
        <ErrorBox error=error/>
        {live(table)}
        {live(move || more.get().then(|| view! {
            <button class="button" on:click=click(move |_| app.load_rows(app.rows.with_untracked(|r| r.oldest())))>"Older runs"</button>
        }))}
        <ChoiceBar chosen=chosen/>
    }
    .into_any()
}

/// What can be done with the runs that are chosen, in view while there are any.
#[component]
fn ChoiceBar(chosen: RwSignal<Vec<RunId>>) -> impl IntoView {
    let bar = move || {
        let runs = chosen.get();
        (!runs.is_empty()).then(|| {
            let words = match runs.len() {
                1 => "1 run chosen; choose another to compare with it".to_owned(),
                n => format!("{n} runs chosen; the first is the base"),
            };
            let ids: Vec<&str> = runs.iter().map(RunId::as_str).collect();
            let href = format!("/compare?runs={}", ids.join(","));
            view! {
                <div class="choice-bar" role="region" aria-label="Chosen runs">
                    <span aria-live="polite">{words}</span>
                    <a href=href class="button primary small" data-testid="compare-chosen">"Compare"</a>
                    <button class="button small" on:click=click(move |_| chosen.set(Vec::new()))>"Clear"</button>
                </div>
            }
        })
    };
    live(bar)
}

/// What a run is part of, or where it comes from, in words and where they lead.
fn belongs(row: &RunRow) -> Option<(String, Option<String>)> {
    let study = row.study.as_ref().map(|place| ("study".to_owned(), Some(format!("/studies/{}", place.study))));
    study.or_else(|| row.source.as_ref().map(|tool| (format!("from {tool}"), None)))
}

#[component]
fn Row(run: RunId, chosen: RwSignal<Vec<RunId>>) -> impl IntoView {
    let app = App::get();
    let (picked, is_picked) = (run.clone(), run.clone());
    let pick = move |on: bool| {
        chosen.update(|chosen| {
            chosen.retain(|of| *of != picked);
            if on {
                chosen.push(picked.clone());
            }
        });
    };
    let link = format!("/runs/{run}");
    let row = app.row(run);
    let text = move |read: fn(&RunRow) -> String| kept(move || row.with(|r| r.as_ref().map(read)).unwrap_or_default());
    let reason = text(|r| r.reason.clone().unwrap_or_default());
    let state = kept(move || row.with(|r| r.as_ref().map_or(RunState::Queued, |r| r.state)));
    let verdict = kept(move || row.with(|r| r.as_ref().and_then(|r| r.verdict)));
    let begun = kept(move || row.with(|r| r.as_ref().map_or(0, |r| r.created_unix_ms)));
    let name = text(|r| r.name.clone());
    let label = kept(move || format!("Delete {}", name.get()));
    let pick_label = kept(move || format!("Choose {} to compare", name.get()));
    let belongs = kept(move || row.with(|r| r.as_ref().and_then(belongs)));
    let may_change = kept(move || app.reader.may(Role::Operator));
    let remove = move |_| {
        if let Some(row) = row.get_untracked() {
            delete_later(app, &row);
        }
    };
    view! {
        <tr data-testid="run-row">
            <td class="pick">
                <input
                    type="checkbox"
                    aria-label=move || pick_label.get()
                    data-testid="pick-run"
                    prop:checked=move || chosen.with(|chosen| chosen.contains(&is_picked))
                    on:change:target=move |e| pick(e.target().checked())
                />
            </td>
            <th scope="row">
                <a href=link>{name}</a>
                {live(move || belongs.get().map(|(words, href)| view! {
                    " "<span class="badge">{match href {
                        Some(href) => view! { <a href=href>{words}</a> }.into_any(),
                        None => words.into_any(),
                    }}</span>
                }))}
            </th>
            <td>{text(engine_words)}</td>
            <td title=move || reason.get()><StateBadge state=state/></td>
            <td>{live(move || verdict.get().map(|v| view! { <VerdictBadge verdict=Signal::stored(Some(v))/> }))}</td>
            <td class="number">{text(best)}</td>
            <td class="number">{text(|r| format::progress(r.trials_done, r.trials))}</td>
            <td class="number">{text(|r| format::duration(r.elapsed_ns))}</td>
            <td>{live(move || view! { <When unix_ms=begun.get()/> })}</td>
            <td>
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
