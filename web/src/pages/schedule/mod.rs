//! Owns the page of schedules: what begins when, what came of the last time, what changed, and making another.
//! Must not know when anything is due.

mod form;
mod row;

use crate::erased::{kept, live};
use crate::model::{App, Fetched};
use crate::parts::{Awaited, Card};
use form::Form;
use leptos::prelude::*;
use row::Row;
use shared::ids::ScheduleId;
use shared::people::Role;
use shared::schedule::ScheduleRow;

/// The page.
#[component]
pub fn SchedulePage() -> impl IntoView {
    let app = App::get();
    let of = Fetched::<Vec<ScheduleRow>>::new();
    // What one has begun ends with its runs; what it begins, it begins at times of its own.
    let states =
        kept(move || app.rows.with(|rows| rows.visible().map(|row| (row.run.clone(), row.state)).collect::<Vec<_>>()));
    let ask = move || of.ask(app, "/api/v1/schedules".to_owned());
    Effect::new(move |_| {
        states.track();
        app.now_unix_ms.track();
        ask();
    });
    let may = kept(move || app.reader.may(Role::Operator));
    let ids = move || -> Vec<ScheduleId> {
        let rows = of.value.get();
        rows.iter().flat_map(|rows| rows.iter().map(|row| row.schedule.schedule.clone())).collect()
    };
    let is_loaded = of.known();
    let is_empty = kept(move || of.value.get().is_some_and(|rows| rows.is_empty()));
    let line = move |id: ScheduleId| {
        let row =
            kept(move || of.value.get().and_then(|rows| rows.iter().find(|row| row.schedule.schedule == id).cloned()));
        let changed = Callback::new(move |()| ask());
        live(move || row.get().map(|row| view! { <Row row=row may=may changed=changed/> }))
    };
    let list = move || {
        if !is_loaded.get() {
            return ().into_any();
        }
        if is_empty.get() {
            return view! {
                <div class="empty">
                    <h2>"Nothing is scheduled"</h2>
                    <p class="quiet">"A run or a study can begin by itself, once or again and again. Each time it is compared with the time before, and what changed is said with its significance."</p>
                </div>
            }
            .into_any();
        }
        view! { <For each=ids key=ScheduleId::clone children=line/> }.into_any()
    };
    view! {
        <header class="page-head">
            <h1>"Schedule"</h1>
            <a href="/queue" class="button">"Queue"</a>
        </header>
        <Awaited known=is_loaded error=of.error again=of.again(app)/>
        {live(list)}
        {live(move || may.get().then(|| view! {
            <Card title="Schedule something" about="What is due waits in the queue like any other run.">
                <Form made=Callback::new(move |()| ask())/>
            </Card>
        }))}
    }
    .into_any()
}
