//! Owns the first screen: what runs, what waits, what ended last.
//! Must not know how runs are made.

use super::new_run::PresetCards;
use super::runs::{When, best, engine_words};
use crate::format;
use crate::model::App;
use crate::parts::{Card, ErrorBox, Figure, StateBadge, VerdictBadge};
use leptos::prelude::*;
use leptos_router::components::A;
use shared::event::RunState;
use shared::wire::RunRow;

/// Ended runs shown here; the rest is one click away.
const LAST: usize = 6;

/// The first screen.
#[component]
pub fn Now() -> impl IntoView {
    let app = App::get();
    let pick =
        move |states: &'static [RunState]| Memo::new(move |_| app.rows.with(|r| r.in_state(|s| states.contains(&s))));
    let live = pick(&[RunState::Starting, RunState::Running]);
    let waiting = pick(&[RunState::Queued]);
    let ended = Memo::new(move |_| {
        app.rows.with(|r| r.visible().filter(|r| r.state.is_final()).take(LAST).cloned().collect::<Vec<_>>())
    });
    let loaded = Memo::new(move |_| app.rows.with(|r| r.loaded));
    let error = Signal::derive(move || app.rows.with(|r| r.error.clone()));
    let nothing = Memo::new(move |_| loaded.get() && app.rows.with(|r| r.visible().next().is_none()));

    let live_cards = move || {
        let rows = live.get();
        if rows.is_empty() {
            return view! { <p class="quiet">"Nothing runs at the moment."</p> }.into_any();
        }
        rows.into_iter().map(|row| view! { <LiveCard row=row/> }).collect_view().into_any()
    };
    let list = |rows: Vec<RunRow>| {
        let one = |row: RunRow| {
            let verdict = row.verdict;
            let (state, name) = (row.state, row.name.clone());
            view! {
                <li>
                    <A href=format!("/runs/{}", row.run)>{name}</A>
                    <span class="quiet">{engine_words(&row)}</span>
                    <StateBadge state=Signal::stored(state)/>
                    {(state == RunState::Done).then(|| view! { <VerdictBadge verdict=Signal::stored(verdict)/> })}
                    <span class="number">{best(&row)}</span>
                    <When unix_ms=row.created_unix_ms/>
                </li>
            }
        };
        view! { <ul class="lines">{rows.into_iter().map(one).collect_view()}</ul> }
    };
    let content = move || {
        if !loaded.get() {
            return view! { <div class="skeleton" aria-label="Loading"></div> }.into_any();
        }
        if nothing.get() {
            return view! {
                <Card title="No run yet" about="Here you will see what runs, live, and what ran before. Choose what to measure; the first run needs no GPU.">
                    <PresetCards/>
                </Card>
            }
            .into_any();
        }
        view! {
            <div class="columns">
                <Card title="Running">{live_cards}</Card>
                <Card title="Start another">
                    <PresetCards/>
                </Card>
            </div>
            {move || (!waiting.get().is_empty()).then(|| view! { <Card title="Waiting">{list(waiting.get())}</Card> })}
            <Card title="Last runs">
                {move || list(ended.get())}
                <A href="/runs">"All runs"</A>
            </Card>
        }
        .into_any()
    };
    view! {
        <h1>"Now"</h1>
        <ErrorBox error=error/>
        {content}
    }
    .into_any()
}

/// A run that is under way, as a card.
#[component]
fn LiveCard(row: RunRow) -> impl IntoView {
    let progress = format!("{} of {} trials", row.trials_done, row.trials);
    let (link, name) = (format!("/runs/{}", row.run), row.name.clone());
    view! {
        <article class="live-card" data-testid="live-card">
            <header>
                <A href=link.clone() attr:class="title">{name}</A>
                <StateBadge state=Signal::stored(row.state)/>
            </header>
            <p class="quiet">{engine_words(&row)}</p>
            <progress max=row.trials.max(1) value=row.trials_done aria-label="Trials"></progress>
            <div class="figures">
                <Figure label="Progress" value=Signal::stored(progress)/>
                <Figure label="Elapsed" value=Signal::stored(format::duration(row.elapsed_ns))/>
                <Figure label="Best so far" value=Signal::stored(format::figure(row.best_output_throughput, "tok/s"))/>
            </div>
            <A href=link attr:class="button primary">"Watch"</A>
        </article>
    }
    .into_any()
}
