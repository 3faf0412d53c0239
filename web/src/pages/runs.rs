//! Owns the history: all runs, newest first, searched and deleted here.
//! Must not know a run beyond its row.

use crate::erased::{click, kept, live, spawn};
use crate::format;
use crate::link::http;
use crate::model::{App, Rows, Toast, row_matches};
use crate::parts::{Empty, ErrorBox, Icon, StateBadge, VerdictBadge};
use crate::route::Place;
use leptos::html::Input;
use leptos::prelude::*;
use shared::event::RunState;
use shared::ids::RunId;
use shared::people::Role;
use shared::wire::RunRow;
use std::time::Duration;

/// How long a deletion can be taken back.
const UNDO: Duration = Duration::from_secs(6);

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
    app.rows.update(|rows| rows.hide(run.clone()));
    let taken_back = RwSignal::new(false);
    let undone = run.clone();
    let undo = Callback::new(move |()| {
        taken_back.set(true);
        app.rows.update(|rows| rows.unhide(&undone));
        app.toast.set(None);
    });
    app.toast.set(Some(Toast { sentence: format!("\"{}\" will be deleted.", row.name), undo: Some(undo) }));
    set_timeout(
        move || {
            if !taken_back.get_untracked() {
                app.toast.set(None);
                spawn(delete(app, run));
            }
        },
        UNDO,
    );
}

async fn delete(app: App, run: RunId) {
    match http::delete(&format!("/api/v1/runs/{run}")).await {
        Ok(()) => app.rows.update(|rows| rows.remove(&run)),
        Err(failure) => {
            app.rows.update(|rows| rows.unhide(&run));
            app.tell(&failure);
        }
    }
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
                        <th scope="col">"Run"</th><th scope="col">"Engine"</th><th scope="col">"State"</th>
                        <th scope="col">"Verdict"</th><th scope="col" class="number">"Best output"</th>
                        <th scope="col" class="number">"Trials"</th><th scope="col" class="number">"Took"</th>
                        <th scope="col">"Begun"</th><th scope="col"><span class="unseen">"Delete"</span></th>
                    </tr></thead>
                    <tbody><For each=move || found.get() key=RunId::clone children=|run| view! { <Row run=run/> }/></tbody>
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
            <a href="/new" class="button primary">"New run"</a>
        </header>
        <ErrorBox error=error/>
        {live(table)}
        {live(move || more.get().then(|| view! {
            <button class="button" on:click=click(move |_| app.load_rows(app.rows.with_untracked(|r| r.oldest())))>"Older runs"</button>
        }))}
    }
    .into_any()
}

#[component]
fn Row(run: RunId) -> impl IntoView {
    let app = App::get();
    let link = format!("/runs/{run}");
    let row = app.row(run);
    let text = move |read: fn(&RunRow) -> String| kept(move || row.with(|r| r.as_ref().map(read)).unwrap_or_default());
    let reason = text(|r| r.reason.clone().unwrap_or_default());
    let state = kept(move || row.with(|r| r.as_ref().map_or(RunState::Queued, |r| r.state)));
    let verdict = kept(move || row.with(|r| r.as_ref().and_then(|r| r.verdict)));
    let begun = kept(move || row.with(|r| r.as_ref().map_or(0, |r| r.created_unix_ms)));
    let name = text(|r| r.name.clone());
    let label = kept(move || format!("Delete {}", name.get()));
    let may_change = kept(move || app.reader.may(Role::Operator));
    let remove = move |_| {
        if let Some(row) = row.get_untracked() {
            delete_later(app, &row);
        }
    };
    view! {
        <tr data-testid="run-row">
            <th scope="row"><a href=link>{name}</a></th>
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
