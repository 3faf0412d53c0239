//! Owns what a ladder came to: one figure of a choice, as waterfalls and options left out of both cases, and as tables.
//! Must not know how steps are compared.

use super::Shown;
use super::rungs::Rungs;
use crate::charts::{Chart, Define};
use crate::erased::{Kept, kept, live};
use crate::parts::{Card, Tabs};
use crate::route::Place;
use leptos::prelude::*;
use shared::chart;
use shared::compare::Figure;
use shared::study::{Case, Decomposition, LADDER_FIGURES, Role, StudyView};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Words of the figures of a ladder, in their order.
const WORDS: [&str; LADDER_FIGURES.len()] = ["tok/s", "TTFT", "TPOT", "$/Mtok", "J/token"];
/// Name of a case's chart, and what somebody hears who cannot see it.
const CHARTS: [(&str, &str); 2] = [
    (
        "waterfall-latency",
        "What each step made of the figure in the latency-bound case; the table below has the numbers",
    ),
    (
        "waterfall-throughput",
        "What each step made of the figure in the throughput-bound case; the table below has the numbers",
    ),
];

/// The same of the options left out.
const LEFT_OUT: [(&str, &str); 2] = [
    (
        "left-out-latency",
        "What is left of the figure without each option in the latency-bound case; the table below has the numbers",
    ),
    (
        "left-out-throughput",
        "What is left of the figure without each option in the throughput-bound case; the table below has the numbers",
    ),
];

/// The ladder as it is known now.
pub(super) type Known = Kept<Option<Arc<Decomposition>>>;

/// Why a run has no figures, by its part in the study.
pub(super) type Reasons = BTreeMap<Part, String>;

/// A part in a ladder: which step, and whether it is the one left out.
pub(super) type Part = (bool, u32);

/// What each run that has no figures says of itself: its state, and why it ended so.
fn reasons(view: &StudyView) -> Reasons {
    let reason = |run: &shared::study::StudyRunView| {
        let part = match run.role {
            Role::Step { step } => (false, step),
            Role::Without { step } => (true, step),
            Role::Engine { .. } | Role::Round { .. } => return None,
        };
        let words = match &run.row {
            None => "Its run was deleted.".to_owned(),
            Some(row) => match &row.reason {
                Some(why) => format!("Its run {}: {why}", row.state.label()),
                None => format!("Its run is {}.", row.state.label()),
            },
        };
        Some((part, words))
    };
    view.runs.iter().filter_map(reason).collect()
}

fn has(ladder: &Decomposition, key: &str) -> bool {
    ladder.cases.iter().flat_map(|case| &case.steps).any(|rung| rung.figures.contains_key(key))
}

/// How many options are left out, where what is left of a figure without one of them is known; 0 elsewhere.
fn options(ladder: &Decomposition, key: &str) -> usize {
    let of = |case: &Case| case.without.iter().any(|rung| rung.against.contains_key(key));
    if ladder.cases.iter().any(of) { ladder.cases.iter().map(|case| case.without.len()).max().unwrap_or(0) } else { 0 }
}

/// Why nothing of a figure is known.
fn unknown(key: &str) -> &'static str {
    match key {
        "cost_per_mtok" => {
            "No step has a cost: a price of the engine's GPUs has to be known, and how many it has, when the engine is ready."
        }
        "energy_per_token" => "No step has an energy: the GPUs of the engines do not tell it, or there are none.",
        _ => "No step has this figure so far: it comes as soon as a trial has ended.",
    }
}

/// Waterfalls and tables.
#[component]
pub(super) fn Ladder(shown: Shown) -> impl IntoView {
    let place = Place::get();
    let known: Known = shown.part(|view| view.decomposition.clone().map(Arc::new));
    let why = shown.part(reasons);
    let asked = place.query("figure").get_untracked();
    let first = LADDER_FIGURES.iter().position(|key| Some(*key) == asked.as_deref()).unwrap_or(0);
    let chosen = RwSignal::new(first);
    Effect::new(move |_| place.set_query("figure", Some(LADDER_FIGURES[chosen.get()]).filter(|_| chosen.get() > 0)));
    let is_known = kept(move || {
        let key = LADDER_FIGURES[chosen.get()];
        known.with(|ladder| ladder.as_ref().is_some_and(|ladder| has(ladder, key)))
    });
    let steps = kept(move || known.with(|l| l.as_ref().and_then(|l| l.cases.first()).map_or(0, |c| c.steps.len())));
    let chart = move |(place, (name, label)): (usize, (&'static str, &'static str))| {
        let define: Define = Arc::new(move |theme| {
            let figure = Figure::parse(LADDER_FIGURES[chosen.get()]).ok()?;
            known.with(|ladder| Some(chart::waterfall(ladder.as_ref()?.cases.get(place)?, figure, theme)))
        });
        view! { <Chart name=name label=label define=define/> }.into_any()
    };
    let left_out = move |(place, (name, label)): (usize, (&'static str, &'static str))| {
        let define: Define = Arc::new(move |theme| {
            let figure = Figure::parse(LADDER_FIGURES[chosen.get()]).ok()?;
            known.with(|ladder| Some(chart::left_out(ladder.as_ref()?.cases.get(place)?, figure, theme)))
        });
        view! { <Chart name=name label=label define=define/> }.into_any()
    };
    let without = kept(move || {
        let key = LADDER_FIGURES[chosen.get()];
        known.with(|ladder| ladder.as_ref().map_or(0, |ladder| options(ladder, key)))
    });
    let charts_without = move || {
        let options = without.get();
        (options > 0).then(|| {
            view! {
                <section class="charts ladder" aria-label="Each option left out" style=format!("--height: {}px", chart::left_out_height(options))>
                    {LEFT_OUT.into_iter().enumerate().map(left_out).collect_view()}
                </section>
            }
            .into_any()
        })
    };
    let charts = move || {
        if !is_known.get() {
            return view! { <p class="quiet" data-testid="no-figure">{live(move || unknown(LADDER_FIGURES[chosen.get()]))}</p> }
                .into_any();
        }
        view! {
            <section class="charts ladder" aria-label="Waterfalls" style=format!("--height: {}px", chart::waterfall_height(steps.get()))>
                {CHARTS.into_iter().enumerate().map(chart).collect_view()}
            </section>
        }
        .into_any()
    };
    let words = move |place: usize| {
        kept(move || {
            let key = LADDER_FIGURES[chosen.get()];
            known.with(|ladder| ladder.as_ref()?.cases.get(place)?.distance(key))
        })
    };
    let tables = move |place: usize| {
        let words = words(place);
        view! {
            <Rungs known=known case=place chosen=chosen why=why/>
            {live(move || words.get().map(|sentence| view! { <p class="quiet below" data-testid="distance">{sentence}</p> }))}
        }
        .into_any()
    };
    view! {
        <Card
            title="What each step is worth"
            about="Each bar goes from the figure of the step before to the step's own, on a log axis: blue better, orange worse, grey within noise or not told; whiskers are intervals at 95 %, a purple line what the hardware allows. Where options are left out of the full configuration, a bar goes from one, everything on, to what is left."
        >
            <Tabs labels=&WORDS chosen=chosen/>
            {live(charts)}
            {live(charts_without)}
            {(0..CHARTS.len()).map(tables).collect_view()}
        </Card>
    }
    .into_any()
}
