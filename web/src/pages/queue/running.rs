//! Owns the list of what is under way: what of the host each has, what it is beside, how long it will go on.
//! Must not know where it comes from.

use super::{Queue, length};
use crate::erased::{kept, live};
use leptos::prelude::*;
use shared::ids::RunId;
use shared::queue::RunningRow;

/// The list.
#[component]
pub fn Running(queue: Queue) -> impl IntoView {
    let rows = move || queue.now.value.get().map(|now| now.running.clone()).unwrap_or_default();
    let line = move |run: RunId| {
        let id = run.clone();
        let row = kept(move || rows().into_iter().find(|row| row.run == id));
        view! { <li class="queued" data-testid="queue-running">{live(move || row.get().map(shown))}</li> }.into_any()
    };
    let runs = move || rows().into_iter().map(|row| row.run).collect::<Vec<_>>();
    view! { <ul class="queue-list"><For each=runs key=RunId::clone children=line/></ul> }.into_any()
}

fn shown(row: RunningRow) -> AnyView {
    let left = length(row.left_s).map_or_else(|| "time left unknown".to_owned(), |long| format!("{long} left"));
    let link = |run: &RunId| view! { " "<a href=format!("/runs/{run}")>{run.to_string()}</a> }.into_any();
    let beside: Vec<AnyView> = row.beside.iter().map(link).collect();
    view! {
        <a class="title" href=format!("/runs/{}", row.run)>{row.name}</a>
        <span class="quiet">{format!("has {}", row.has)}</span>
        <span class="number">{left}</span>
        {(!beside.is_empty()).then(|| view! {
            <p class="quiet"><span class="shape" aria-hidden="true">"△ "</span>"Measured beside"{beside}" on other GPUs: its results say so."</p>
        })}
    }
    .into_any()
}
