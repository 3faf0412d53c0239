//! Owns runs beside one another, of a study or of anybody's choice: curves, values level by level, and comparisons.
//! Must not know where the runs come from.

mod curves;
mod pairs;
mod values;
mod word;
pub mod words;

pub use curves::Curves;
pub use pairs::Pairs;
pub use values::Values;
pub use word::{Apart, Word, unlike_lines};

use crate::erased::{Kept, kept, live};
use crate::route::Place;
use leptos::prelude::*;
use shared::compare::{Compared, Figure};
use shared::cost::UsdPerHour;
use std::sync::Arc;

/// Runs beside one another as they are known now. Copies share it.
pub type Known = Kept<Option<Arc<Compared>>>;

/// The figure that a visit begins with.
const FIRST: &str = "output_throughput";

/// The figure of the address, where it is one.
pub fn figure_of(place: Place) -> Kept<String> {
    let asked = place.query("figure");
    kept(move || asked.get().filter(|key| Figure::parse(key).is_ok()).unwrap_or_else(|| FIRST.to_owned()))
}

/// The price of the address, US dollars for an hour of an engine with all that it runs on.
pub fn price_of(place: Place) -> Kept<Option<UsdPerHour>> {
    let asked = place.query("price");
    kept(move || asked.get()?.parse().ok())
}

/// Them with costs at the price of the address, where they have none of their own.
pub fn priced(known: Known, place: Place) -> Known {
    let price = price_of(place);
    kept(move || {
        known.with(|known| {
            let known = known.as_ref()?;
            let Some(price) = price.get() else { return Some(known.clone()) };
            Some(Arc::new(Compared::clone(known).at_price(price)))
        })
    })
}

/// Everything of them: a choice of figure for what is read closely, and curves of the usual ones.
#[component]
pub fn Beside(known: Known) -> impl IntoView {
    let place = Place::get();
    let figure = figure_of(place);
    let known = priced(known, place);
    let several = kept(move || known.with(|known| known.as_ref().is_some_and(|c| c.curves.len() > 1)));
    view! {
        <Curves known=known/>
        <Choice known=known figure=figure/>
        <Values known=known figure=figure/>
        {live(move || several.get().then(|| view! { <Pairs known=known figure=figure/> }))}
    }
    .into_any()
}

/// Which figure the tables are of, among those that any point has or any comparison is by.
#[component]
fn Choice(known: Known, figure: Kept<String>) -> impl IntoView {
    let place = Place::get();
    let there = kept(move || {
        let has = |key: &str| {
            known.with(|known| {
                let points = known.iter().flat_map(|c| &c.curves).flat_map(|curve| &curve.points);
                let compares = known.iter().flat_map(|c| &c.rows).any(|row| row.comparison.figure == key);
                compares || points.map(|point| &point.figures).any(|figures| figures.contains_key(key))
            })
        };
        Figure::usual().into_iter().filter(|of| has(&of.key())).map(|of| (of.key(), of.name())).collect::<Vec<_>>()
    });
    let option = move |(key, name): (String, String)| {
        let of = key.clone();
        view! { <option value=key selected=move || figure.with(|f| *f == of)>{name}</option> }.into_any()
    };
    view! {
        <div class="tools">
            <label class="field wide-field">
                <span class="field-label">"Figure of the tables"</span>
                <select
                    data-testid="figure"
                    on:change:target=move |e| place.set_query("figure", Some(e.target().value().as_str()))
                >
                    {live(move || there.get().into_iter().map(option).collect_view())}
                </select>
            </label>
        </div>
    }
    .into_any()
}
