//! Owns the filters of the history, which stand in the address: what may be chosen, and what is.
//! Must not know how runs are found.

use super::BIN;
use crate::erased::{Kept, click, kept, live};
use crate::model::{App, Fetched};
use crate::parts::ErrorBox;
use crate::route::Place;
use leptos::prelude::*;
use shared::history::{Facet, Facets};

/// What a filter reads of the values that there are.
type Read = fn(&Facets) -> &Vec<Facet>;

/// Filters by a value: its key in the address, its words, and the values that there are.
const VALUES: [(&str, &str, Read); 6] = [
    ("engine", "Engine", |facets| &facets.engines),
    ("model", "Model", |facets| &facets.models),
    ("gpu", "GPU", |facets| &facets.gpus),
    ("tag", "Tag", |facets| &facets.tags),
    ("verdict", "Verdict", |facets| &facets.verdicts),
    ("state", "State", |facets| &facets.states),
];
/// Keys of the others.
const OTHERS: [&str; 4] = ["q", "pinned", "from", "to"];

/// What the address asks for, as the query of the API; empty where it asks for all runs.
pub(super) fn asked(place: Place) -> Kept<String> {
    let keys = OTHERS.into_iter().chain(VALUES.into_iter().map(|(key, ..)| key));
    let values: Vec<_> = keys.map(|key| (key, place.query(key))).collect();
    kept(move || {
        let set = values.iter().filter_map(|(key, value)| {
            let value = value.get().filter(|value| !value.trim().is_empty())?;
            Some(format!("{key}={}", js_sys::encode_uri_component(&value)))
        });
        set.collect::<Vec<_>>().join("&")
    })
}

/// The filters, folded until one is set.
#[component]
pub(super) fn Filters() -> impl IntoView {
    let app = App::get();
    let place = Place::get();
    let of = Fetched::<Facets>::new();
    // What runs can be filtered by follows from their rows, which come by themselves.
    let changed = kept(move || {
        let of = |row: &shared::wire::RunRow| (row.run.clone(), row.state, row.verdict, row.marks.clone());
        app.rows.with(|rows| rows.visible().map(of).collect::<Vec<_>>())
    });
    Effect::new(move |_| {
        changed.track();
        app.changes.track();
        of.ask(app, "/api/v1/history/facets".to_owned());
    });
    let (pinned, from, to) = (place.query("pinned"), place.query("from"), place.query("to"));
    let set: Vec<_> = VALUES.iter().map(|(key, ..)| place.query(key)).chain([pinned, from, to]).collect();
    let count = kept(move || set.iter().filter(|value| value.with(Option::is_some)).count());
    let summary = move || match count.get() {
        0 => "Filters".to_owned(),
        n => format!("Filters: {n} set"),
    };
    let is_open = count.get_untracked() > 0;
    let clear = move |_| {
        for key in VALUES.into_iter().map(|(key, ..)| key).chain(["pinned", "from", "to"]) {
            place.set_query(key, None);
        }
    };
    let date = move |key: &'static str, label: &'static str, value: Kept<Option<String>>| {
        view! {
            <label class="field">
                <span class="field-label">{label}</span>
                <input type="date" data-testid=format!("filter-{key}") prop:value=move || value.get().unwrap_or_default()
                    on:change:target=move |e| place.set_query(key, Some(e.target().value().as_str()).filter(|day| !day.is_empty()))/>
            </label>
        }
        .into_any()
    };
    view! {
        <div class="filters">
            <details open=is_open>
                <summary data-testid="filters">{live(summary)}</summary>
                <ErrorBox error=of.error again=of.again(app)/>
                <div class="tools">
                    {VALUES.into_iter().map(|(key, label, read)| view! { <OneOf key=key label=label read=read of=of/> }).collect_view()}
                    {date("from", "From", from)}
                    {date("to", "To", to)}
                    <label class="inline-field">
                        <input type="checkbox" data-testid="filter-pinned" prop:checked=move || pinned.with(Option::is_some)
                            on:change:target=move |e| place.set_query("pinned", e.target().checked().then_some("true"))/>
                        "Pinned only"
                    </label>
                    {live(move || (count.get() > 0).then(|| view! {
                        <button class="button small" data-testid="clear-filters" on:click=click(clear)>"Clear"</button>
                    }))}
                </div>
            </details>
            <span>
                <a class="quiet" href=format!("/runs?show={BIN}") data-testid="to-bin">"Deleted runs"</a>" · "
                <a class="quiet" href="/settings">"What is kept"</a>
            </span>
        </div>
    }
    .into_any()
}

/// A list of values to choose one of.
#[component]
fn OneOf(key: &'static str, label: &'static str, read: Read, of: Fetched<Facets>) -> impl IntoView {
    let place = Place::get();
    let value = place.query(key);
    let options = move || {
        let chosen = value.get().unwrap_or_default();
        let mut facets =
            of.value.with(|facets| facets.as_deref().map(|facets| read(facets).clone())).unwrap_or_default();
        let is_there = chosen.is_empty() || facets.iter().any(|facet| facet.value == chosen);
        // What no run has any more can still be what the address asks for.
        if !is_there {
            facets.push(Facet { value: chosen.clone(), count: 0 });
        }
        let option = |facet: Facet| {
            let words = format!("{} ({})", facet.value, facet.count);
            let selected = facet.value == chosen;
            view! { <option value=facet.value selected=selected>{words}</option> }.into_any()
        };
        let rest = facets.into_iter().map(option).collect_view();
        view! { <option value="" selected=chosen.is_empty()>"any"</option>{rest} }.into_any()
    };
    view! {
        <label class="field">
            <span class="field-label">{label}</span>
            <select data-testid=format!("filter-{key}")
                on:change:target=move |e| place.set_query(key, Some(e.target().value().as_str()).filter(|value| !value.is_empty()))>
                {live(options)}
            </select>
        </label>
    }
    .into_any()
}
