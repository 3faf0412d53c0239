//! Owns the first screen: what runs, the machine, what waits, what ended last.
//! Must not know how runs are made.

use super::new_run::PresetCards;
use super::on_demand::{OnDemand, Screen};
use super::runs::{When, best, engine_words};
use crate::erased::{Kept, kept, live};
use crate::format;
use crate::model::App;
use crate::parts::{Awaited, Card, Figure, StateBadge, VerdictBadge};
use leptos::prelude::*;
use shared::event::RunState;
use shared::ids::RunId;
use shared::wire::RunRow;

/// Ended runs shown here; the rest is one click away.
const LAST: usize = 6;

/// The first screen.
#[component]
pub fn Now() -> impl IntoView {
    let app = App::get();
    let pick = move |states: &'static [RunState]| kept(move || app.rows.with(|r| r.in_state(|s| states.contains(&s))));
    let running = pick(&[RunState::Starting, RunState::Running]);
    let waiting = pick(&[RunState::Queued]);
    let ended = kept(move || {
        let mut runs = app.rows.with(|r| r.in_state(RunState::is_final));
        runs.truncate(LAST);
        runs
    });
    let loaded = kept(move || app.rows.with(|r| r.loaded));
    let error = kept(move || app.rows.with(|r| r.error.clone()));
    let nothing = kept(move || loaded.get() && app.rows.with(|r| r.visible().next().is_none()));
    let content = move || {
        if !loaded.get() {
            return ().into_any();
        }
        if nothing.get() {
            return view! {
                <Card title="No run yet" about="Here you will see what runs, live, and what ran before. Choose what to measure; the first run needs no GPU.">
                    <PresetCards/>
                </Card>
                <Card title="Or a study" about="A set of runs that are read together.">
                    <OnDemand screen=Screen::StudyCards/>
                </Card>
                <OnDemand screen=Screen::Machine/>
            }
            .into_any();
        }
        view! {
            <div class="columns now">
                <Card title="Running">
                    {live(move || running.with(Vec::is_empty).then(|| view! { <p class="quiet">"Nothing runs at the moment."</p> }))}
                    <For each=move || running.get() key=RunId::clone children=|run| view! { <LiveCard run=run/> }/>
                </Card>
                <div class="now-machine"><OnDemand screen=Screen::Machine/></div>
                <Card title="Start another">
                    <PresetCards/>
                </Card>
            </div>
            {live(move || (!waiting.with(Vec::is_empty)).then(|| view! { <Card title="Waiting"><OnDemand screen=Screen::WhatWaits/></Card> }))}
            <Card title="Or a study" about="A set of runs that are read together.">
                <OnDemand screen=Screen::StudyCards/>
            </Card>
            <Card title="Last runs">
                {live(move || ended.with(Vec::is_empty).then(|| view! { <p class="quiet">"None has ended yet."</p> }))}
                <Lines runs=ended/>
                <a href="/runs">"All runs"</a>
            </Card>
        }
        .into_any()
    };
    view! {
        <h1>"Now"</h1>
        <Awaited known=loaded error=error again=Callback::new(move |()| app.load_rows_again())/>
        {live(content)}
    }
    .into_any()
}

/// Runs, one a line.
#[component]
fn Lines(runs: Kept<Vec<RunId>>) -> impl IntoView {
    let app = App::get();
    let line = move |run: RunId| {
        let row = app.row(run);
        move || {
            row.get().map(|row| {
                let (state, verdict, name) = (row.state, row.verdict, row.name.clone());
                view! {
                    <li>
                        <a href=format!("/runs/{}", row.run)>{name}</a>
                        <span class="quiet">{engine_words(&row)}</span>
                        <StateBadge state=Signal::stored(state)/>
                        <span>{verdict.map(|v| view! { <VerdictBadge verdict=Signal::stored(Some(v))/> })}</span>
                        <span class="number">{best(&row)}</span>
                        <When unix_ms=row.created_unix_ms/>
                    </li>
                }
            })
        }
    };
    view! { <ul class="lines"><For each=move || runs.get() key=RunId::clone children=line/></ul> }.into_any()
}

/// A run that is under way, as a card.
#[component]
fn LiveCard(run: RunId) -> impl IntoView {
    let app = App::get();
    let link = format!("/runs/{run}");
    let row = app.row(run);
    let text = move |read: fn(&RunRow) -> String| kept(move || row.with(|r| r.as_ref().map(read)).unwrap_or_default());
    let name = text(|r| r.name.clone());
    let engine = text(engine_words);
    let state = kept(move || row.with(|r| r.as_ref().map_or(RunState::Running, |r| r.state)));
    let progress = text(|r| format::progress(r.trials_done, r.trials));
    let elapsed = text(|r| format::duration(r.elapsed_ns));
    let best = text(best);
    let share = move || {
        row.with(|r| {
            r.as_ref().map_or(0.0, |r| r.trials.map_or(0.0, |n| f64::from(r.trials_done) / f64::from(n.max(1))))
        })
    };
    view! {
        <article class="live-card" data-testid="live-card">
            <header>
                <a href=link.clone() class="title">{name}</a>
                <StateBadge state=state/>
            </header>
            <p class="quiet">{engine}</p>
            <progress max="1" value=share aria-label="Trials done"></progress>
            <div class="figures">
                <Figure label="Progress" value=progress/>
                <Figure label="Elapsed" value=elapsed/>
                <Figure label="Best so far" value=best/>
            </div>
            <a href=link class="button primary">"Watch"</a>
        </article>
    }
    .into_any()
}
