//! Owns the charts over load of several runs: throughput, waiting, money, energy, and what a user gets against what a GPU gives.
//! Must not know how they are drawn (`charts`) or computed (`shared::chart`).

use super::Known;
use crate::charts::{Chart, Define};
use crate::erased::{kept, live};
use crate::route::Place;
use leptos::prelude::*;
use shared::chart;
use shared::compare::{Compared, Figure};
use std::sync::Arc;

/// A chart: its name, what somebody hears who cannot see it, and its figure; of a latency without the statistic.
struct Drawn {
    name: &'static str,
    label: &'static str,
    figure: &'static str,
    is_latency: bool,
}

const DRAWN: [Drawn; 5] = [
    Drawn {
        name: "curve-throughput",
        label: "Output throughput by load level, a line for each engine",
        figure: "output_throughput",
        is_latency: false,
    },
    Drawn {
        name: "curve-ttft",
        label: "Time to first token by load level, a line for each engine",
        figure: "ttft",
        is_latency: true,
    },
    Drawn {
        name: "curve-tpot",
        label: "Time per output token by load level, a line for each engine",
        figure: "tpot",
        is_latency: true,
    },
    Drawn {
        name: "curve-cost",
        label: "Cost of a million output tokens by load level, a line for each engine",
        figure: "cost_per_mtok",
        is_latency: false,
    },
    Drawn {
        name: "curve-energy",
        label: "Energy of an output token by load level, a line for each engine",
        figure: "energy_per_token",
        is_latency: false,
    },
];
/// Statistics of a latency.
const STATISTICS: [(&str, &str); 3] = [("mean", "Mean"), ("p50", "Median"), ("p99", "99th percentile")];

impl Drawn {
    fn figure(&self, statistic: &str) -> Option<Figure> {
        let key = if self.is_latency { format!("{}.{statistic}", self.figure) } else { self.figure.to_owned() };
        Figure::parse(&key).ok()
    }
}

fn has(compared: &Compared, figure: Option<Figure>) -> bool {
    let Some(key) = figure.map(Figure::key) else { return false };
    compared.curves.iter().flat_map(|curve| &curve.points).any(|point| point.figures.contains_key(&key))
}

/// Why charts are not there, as a sentence; nothing where all are.
fn missing(compared: &Compared, statistic: &str) -> Option<String> {
    let lacks = |drawn: &&Drawn| !has(compared, drawn.figure(statistic));
    let names: Vec<String> =
        DRAWN.iter().filter(lacks).filter_map(|drawn| Some(drawn.figure(statistic)?.name())).collect();
    (!names.is_empty()).then(|| {
        let why = if lacks(&&DRAWN[3]) { " Give a price, and costs are worked out from throughput." } else { "" };
        format!("No point has a figure of: {}.{why}", names.join(", "))
    })
}

/// The charts; those of which no point has a figure are told to be missing.
#[component]
pub fn Curves(known: Known) -> impl IntoView {
    let place = Place::get();
    let (asked, typed) = (place.query("statistic"), place.query("price"));
    let statistic = kept(move || {
        let is_one = |asked: &String| STATISTICS.iter().any(|(key, _)| key == asked);
        asked.get().filter(is_one).unwrap_or_else(|| "mean".to_owned())
    });
    let chart = move |drawn: &'static Drawn| {
        let shown = kept(move || {
            let figure = drawn.figure(&statistic.get());
            known.with(|known| known.as_ref().is_some_and(|compared| has(compared, figure)))
        });
        let define: Define = Arc::new(move |theme| {
            let figure = drawn.figure(&statistic.get())?;
            known.with(|known| Some(chart::curves(&known.as_ref()?.curves, figure, theme)))
        });
        live(move || shown.get().then(|| view! { <Chart name=drawn.name label=drawn.label define=define.clone()/> }))
    };
    let two_sided = kept(move || {
        known.with(|known| {
            known.as_ref().is_some_and(|compared| has(compared, Figure::parse("per_user_throughput").ok()))
        })
    });
    let pareto: Define = Arc::new(move |theme| known.with(|known| Some(chart::pareto(&known.as_ref()?.curves, theme))));
    let lacks = kept(move || known.with(|known| missing(known.as_ref()?, &statistic.get())));
    let option = move |(key, words): (&'static str, &'static str)| {
        view! { <option value=key selected=move || statistic.with(|s| s == key)>{words}</option> }.into_any()
    };
    view! {
        <div class="tools">
            <label class="field">
                <span class="field-label">"Latencies as"</span>
                <select
                    data-testid="statistic"
                    on:change:target=move |e| place.set_query("statistic", Some(e.target().value().as_str()))
                >
                    {STATISTICS.into_iter().map(option).collect_view()}
                </select>
            </label>
            <label class="field wide-field">
                <span class="field-label">"Price if unknown"<span class="unit">"$/h"</span></span>
                <input
                    type="text"
                    inputmode="decimal"
                    autocomplete="off"
                    data-testid="price"
                    title="Of the engine with all that it runs on. A run that has a price of its own keeps it."
                    prop:value=move || typed.get().unwrap_or_default()
                    on:change:target=move |e| place.set_query("price", Some(e.target().value().trim()).filter(|p| !p.is_empty()))
                />
            </label>
        </div>
        <section class="charts curves" aria-label="Charts over load levels">
            {DRAWN.iter().map(chart).collect_view()}
            {live(move || two_sided.get().then(|| view! {
                <Chart name="pareto" label="Output tokens per second of a GPU against those of a user; a ring is around what no other beats in both" define=pareto.clone()/>
            }))}
        </section>
        {live(move || lacks.get().map(|sentence| view! { <p class="quiet below" data-testid="no-curve">{sentence}</p> }))}
    }
    .into_any()
}
