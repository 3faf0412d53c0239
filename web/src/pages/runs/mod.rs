//! Owns the history: all runs, newest first, or those that the address's filters find, and what is done with several at once.
//! Must not know a run beyond its row.

mod bin;
mod chosen;
mod filters;
mod found;
mod row;

pub use row::{When, best, engine_words};

use super::on_demand::{OnDemand, Screen};
use crate::erased::{Kept, click, kept, live};
use crate::model::App;
use crate::parts::{Awaited, Empty};
use crate::route::Place;
use filters::{Filters, asked};
use found::Found;
use leptos::html::Input;
use leptos::prelude::*;
use shared::ids::RunId;

/// Value of `show` in the address that shows what was deleted.
const BIN: &str = "bin";

/// The history.
#[component]
pub fn Runs() -> impl IntoView {
    let app = App::get();
    let place = Place::get();
    let search = place.query("q");
    let field = NodeRef::<Input>::new();
    Effect::new(move |_| {
        if let Some(field) = field.get().filter(|_| app.search.get()) {
            app.search.set(false);
            if field.focus().is_err() {
                leptos::logging::warn!("the search field took no focus");
            }
        }
    });
    let importing = RwSignal::new(false);
    let shows = place.query("show");
    let in_bin = kept(move || shows.with(|shows| shows.as_deref() == Some(BIN)));
    view! {
        <header class="page-head">
            <h1>"Runs"</h1>
            <input
                type="search"
                class="search"
                placeholder="Search name, engine, model, GPU, tags, notes  ( / )"
                aria-label="Search runs"
                data-testid="search"
                node_ref=field
                prop:value=move || search.get().unwrap_or_default()
                on:input:target=move |e| place.set_query("q", Some(e.target().value().as_str()).filter(|s| !s.is_empty()))
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
        {live(move || if in_bin.get() { view! { <bin::Bin/> }.into_any() } else { view! { <List/> }.into_any() })}
    }
    .into_any()
}

/// The list, with what it is filtered by.
#[component]
fn List() -> impl IntoView {
    let app = App::get();
    let place = Place::get();
    let query = asked(place);
    let filtered = kept(move || query.with(|query| !query.is_empty()));
    let found = Found::follow(app, query);
    let listed: Kept<Vec<RunId>> = kept(move || {
        if filtered.get() {
            found.rows.with(|rows| rows.iter().flatten().map(|row| row.run.clone()).collect())
        } else {
            app.rows.with(|rows| rows.visible().map(|row| row.run.clone()).collect())
        }
    });
    // Memos, so that a row that changes does not make the whole table anew.
    let error = kept(move || if filtered.get() { found.error.get() } else { app.rows.with(|r| r.error.clone()) });
    let loaded =
        kept(move || if filtered.get() { found.rows.with(Option::is_some) } else { app.rows.with(|r| r.loaded) });
    let nothing = kept(move || listed.with(Vec::is_empty));
    let more = kept(move || if filtered.get() { found.more.get() } else { app.rows.with(|r| r.more) });
    // Runs that are chosen, in the order in which somebody chose them: the first is the base of a comparison.
    let chosen = RwSignal::new(Vec::<RunId>::new());
    let older = move |_| {
        if filtered.get_untracked() {
            found.older(app);
        } else {
            app.load_rows(app.rows.with_untracked(|r| r.oldest()));
        }
    };
    let again = Callback::new(move |()| {
        if filtered.get_untracked() {
            found.again(app);
        } else {
            app.load_rows_again();
        }
    });
    let table = move || {
        if !loaded.get() {
            return ().into_any();
        }
        if nothing.get() && filtered.get() {
            return view! {
                <p class="quiet" data-testid="none-found">"No run is like that. "<a href="/runs">"Show all runs"</a></p>
            }
            .into_any();
        }
        if nothing.get() {
            return view! {
                <Empty title="No run yet" text="Every run stays here with all its measurements until you delete it." action="New run" href="/new"/>
            }
            .into_any();
        }
        view! {
            <div class="scroll card" tabindex="0" role="region" aria-label="Table of runs">
                <table data-testid="runs-table">
                    <thead><tr>
                        <th scope="col"><span class="unseen">"Choose"</span></th>
                        <th scope="col">"Run"</th><th scope="col">"Engine"</th><th scope="col">"State"</th>
                        <th scope="col">"Verdict"</th><th scope="col" class="number">"Best output"</th>
                        <th scope="col" class="number">"Trials"</th><th scope="col" class="number">"Took"</th>
                        <th scope="col">"Begun"</th><th scope="col"><span class="unseen">"Pin and delete"</span></th>
                    </tr></thead>
                    <tbody><For each=move || listed.get() key=RunId::clone children=move |run| view! { <row::Row run=run found=found chosen=chosen/> }/></tbody>
                </table>
            </div>
        }
        .into_any()
    };
    view! {
        <Filters/>
        <Awaited known=loaded error=error again=again/>
        {live(table)}
        {live(move || more.get().then(|| view! {
            <button class="button" data-testid="older" on:click=click(older)>"Older runs"</button>
        }))}
        <chosen::ChoiceBar chosen=chosen/>
    }
    .into_any()
}
