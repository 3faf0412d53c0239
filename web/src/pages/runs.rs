//! Owns the history: all runs, newest first, searched and deleted here.
//! Must not know a run beyond its row.

use crate::format;
use crate::link::http;
use crate::model::{App, Toast, row_matches};
use crate::parts::{Empty, ErrorBox, Icon, StateBadge, VerdictBadge};
use leptos::html::Input;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::NavigateOptions;
use leptos_router::components::A;
use leptos_router::hooks::query_signal_with_options;
use shared::event::RunState;
use shared::ids::RunId;
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
    let exact = move || {
        let agent = app.agent.get();
        format::host_time(unix_ms, agent.utc_offset_minutes, &agent.time_zone)
    };
    view! { <time class="quiet" title=exact>{move || format::age(app.now_unix_ms.get(), unix_ms)}</time> }
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
                spawn_local(delete(app, run));
            }
        },
        UNDO,
    );
}

async fn delete(app: App, run: RunId) {
    match http::delete(&format!("/api/v1/runs/{run}")).await {
        Ok(()) => app.rows.update(|rows| rows.remove(&run)),
        Err(failure) => {
            app.failed(&failure);
            app.rows.update(|rows| rows.unhide(&run));
            app.toast.set(Some(Toast { sentence: failure.error().error, undo: None }));
        }
    }
}

/// The history.
#[component]
pub fn Runs() -> impl IntoView {
    let app = App::get();
    let options = NavigateOptions { replace: true, scroll: false, ..NavigateOptions::default() };
    let (search, set_search) = query_signal_with_options::<String>("search", options);
    let field = NodeRef::<Input>::new();
    Effect::new(move |_| {
        if let Some(field) = field.get().filter(|_| app.search.get()) {
            app.search.set(false);
            if field.focus().is_err() {
                leptos::logging::warn!("the search field took no focus");
            }
        }
    });
    let found = Memo::new(move |_| {
        let search = search.get().unwrap_or_default();
        app.rows.with(|rows| rows.visible().filter(|row| row_matches(row, &search)).cloned().collect::<Vec<_>>())
    });
    let error = Signal::derive(move || app.rows.with(|r| r.error.clone()));
    let table = move || {
        if !app.rows.with(|r| r.loaded) {
            return view! { <div class="skeleton" aria-label="Loading"></div> }.into_any();
        }
        if app.rows.with(|r| r.visible().next().is_none()) {
            return view! {
                <Empty title="No run yet" text="Every run stays here with all its measurements until you delete it." action="New run" href="/new"/>
            }
            .into_any();
        }
        let rows = found.get();
        if rows.is_empty() {
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
                    <tbody>{rows.into_iter().map(|row| view! { <Row row=row/> }).collect_view()}</tbody>
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
                on:input:target=move |e| set_search.set(Some(e.target().value()).filter(|s| !s.is_empty()))
            />
            <A href="/new" attr:class="button primary">"New run"</A>
        </header>
        <ErrorBox error=error/>
        {table}
        {move || app.rows.with(|r| r.more).then(|| view! {
            <button class="button" on:click=move |_| app.load_rows(app.rows.with_untracked(|r| r.oldest()))>"Older runs"</button>
        })}
    }
    .into_any()
}

#[component]
fn Row(row: RunRow) -> impl IntoView {
    let app = App::get();
    let is_final = row.state.is_final();
    let label = format!("Delete {}", row.name);
    let (state, verdict, name) = (row.state, row.verdict, row.name.clone());
    let verdict = (state == RunState::Done || verdict.is_some())
        .then(|| view! { <VerdictBadge verdict=Signal::stored(verdict)/> });
    let cells = (
        engine_words(&row),
        best(&row),
        format!("{} / {}", row.trials_done, row.trials),
        format::duration(row.elapsed_ns),
        row.reason.clone().unwrap_or_default(),
    );
    view! {
        <tr data-testid="run-row">
            <th scope="row"><A href=format!("/runs/{}", row.run)>{name}</A></th>
            <td>{cells.0}</td>
            <td title=cells.4><StateBadge state=Signal::stored(state)/></td>
            <td>{verdict}</td>
            <td class="number">{cells.1}</td>
            <td class="number">{cells.2}</td>
            <td class="number">{cells.3}</td>
            <td><When unix_ms=row.created_unix_ms/></td>
            <td>
                {is_final.then(|| view! {
                    <button class="icon-button" title=label.clone() aria-label=label data-testid="delete-run" on:click=move |_| delete_later(app, &row)>
                        <Icon name="delete"/>
                    </button>
                })}
            </td>
        </tr>
    }
    .into_any()
}
