//! Owns the queue's page: what is under way, what waits in which order and why, and arranging it.
//! Must not know how the agent decides.

mod running;
mod waiting;

use crate::erased::{Kept, click, kept, live, spawn};
use crate::link::http::{self, Failure};
use crate::model::{App, Fetched};
use crate::parts::{Awaited, Card, Empty};
use leptos::prelude::*;
use running::Running;
use serde_json::{Value, json};
use shared::format;
use shared::people::Role;
use shared::queue::QueueNow;
use waiting::Waiting;

/// The queue as it was last told. Copies share it.
#[derive(Clone, Copy)]
struct Queue {
    app: App,
    now: Fetched<QueueNow>,
    /// Who reads may arrange it.
    may: Kept<bool>,
}

impl Queue {
    /// Asked for now, whenever a run's state changes, and every few seconds: others arrange it, too, and time goes by.
    fn followed() -> Self {
        let app = App::get();
        let now = Fetched::<QueueNow>::new();
        let states = kept(move || {
            app.rows.with(|rows| rows.visible().map(|row| (row.run.clone(), row.state)).collect::<Vec<_>>())
        });
        let queue = Self { app, now, may: kept(move || app.reader.may(Role::Operator)) };
        Effect::new(move |_| {
            states.track();
            app.now_unix_ms.track();
            queue.ask();
        });
        queue
    }

    fn ask(self) {
        self.now.ask(self.app, "/api/v1/queue".to_owned());
    }

    /// Has the agent change something, and shows what came of it.
    fn put(self, path: String, body: Value) {
        spawn(async move { self.after(http::set(&path, &body.to_string()).await) });
    }

    fn post(self, path: String) {
        spawn(async move { self.after(http::command(&path, "{}").await) });
    }

    fn after(self, answer: Result<(), Failure>) {
        if let Err(failure) = answer {
            self.app.tell(&failure);
        }
        self.ask();
    }
}

/// A length in words; nobody knows every one.
fn length(seconds: Option<f64>) -> Option<String> {
    seconds.map(|s| format!("about {}", format::duration((s * 1e9) as u64)))
}

/// The page.
#[component]
pub fn QueuePage() -> impl IntoView {
    let queue = Queue::followed();
    let paused = kept(move || queue.now.value.with(|now| now.as_ref().map(|now| now.paused.clone())));
    let pause = move || {
        let is_paused = paused.get()?.is_some();
        let label = if is_paused { "Let it go on" } else { "Pause the queue" };
        let toggle = move |_| queue.put("/api/v1/queue".to_owned(), json!({ "paused": !is_paused }));
        let button = view! { <button class="button" data-testid="queue-pause" on:click=click(toggle)>{label}</button> };
        queue.may.get().then_some(button)
    };
    view! {
        <header class="page-head">
            <h1>"Queue"</h1>
            <a href="/schedule" class="button">"Schedule"</a>
            {live(pause)}
        </header>
        <Awaited known=queue.now.known() error=queue.now.error again=queue.now.again(queue.app)/>
        {live(move || paused.get().flatten().map(|who| view! {
            <p class="notice" role="status" data-testid="queue-paused">
                <span class="shape" aria-hidden="true">"‖"</span>
                {format!("The queue was paused by {}: nothing starts until it goes on. What is under way goes on.", who.name)}
            </p>
        }))}
        {body(queue)}
    }
    .into_any()
}

/// What there is to show. The lists keep their lines where only figures change, so that nothing is lost under somebody's hands.
#[derive(Clone, Copy, PartialEq)]
enum Shown {
    Nothing,
    Empty,
    Lists,
}

fn body(queue: Queue) -> AnyView {
    let shown = kept(move || match queue.now.value.get() {
        Some(now) if now.running.is_empty() && now.waiting.is_empty() => Shown::Empty,
        Some(_) => Shown::Lists,
        None => Shown::Nothing,
    });
    let none = move |of: fn(&QueueNow) -> bool| kept(move || queue.now.value.get().is_some_and(|now| of(&now)));
    let (none_runs, none_waits) = (none(|now| now.running.is_empty()), none(|now| now.waiting.is_empty()));
    live(move || {
        match shown.get() {
        Shown::Nothing => ().into_any(),
        Shown::Empty => view! {
            <Empty
                title="Nothing runs and nothing waits"
                text="Runs on other GPUs go side by side; all others have their turn one after the other. Here you will see in which order, why each of them waits, and when it will start."
                action="New run"
                href="/new"
            />
        }
        .into_any(),
        Shown::Lists => view! {
            <Card title="Under way">
                {live(move || none_runs.get().then(|| view! { <p class="quiet">"Nothing runs at the moment."</p> }))}
                <Running queue=queue/>
            </Card>
            <Card title="Waiting" about="By priority, then as they came. Two runs go side by side only where both name their GPUs and share none.">
                {live(move || none_waits.get().then(|| view! { <p class="quiet">"Nothing waits."</p> }))}
                <Waiting queue=queue/>
            </Card>
        }
        .into_any(),
    }
    })
}

/// What waits, as a part of another page.
#[component]
pub fn WhatWaits() -> impl IntoView {
    let queue = Queue::followed();
    let lines = move || {
        queue.now.value.get().map(|now| {
            let line = |row: &shared::queue::WaitingRow| {
                let starts = length(row.starts_in_s).map(|long| format!("starts in {long}"));
                view! {
                    <li>
                        <a href=format!("/runs/{}", row.run)>{row.name.clone()}</a>
                        <span class="quiet">{row.reason.clone()}</span>
                        <span class="number">{starts.unwrap_or_else(|| "start unknown".to_owned())}</span>
                    </li>
                }
            };
            view! { <ol class="lines what-waits">{now.waiting.iter().map(line).collect_view()}</ol> }
        })
    };
    view! {
        <Awaited known=queue.now.known() error=queue.now.error again=queue.now.again(queue.app) short=true/>
        {live(lines)}
        <a href="/queue">"The queue"</a>
    }
    .into_any()
}
