//! Owns the list of what waits: each run's place, why it waits, when it will start, and what can be done about that.
//! Must not know how the agent keeps the order.

use super::{Queue, length};
use crate::erased::{click, kept, live};
use crate::parts::Confirm;
use leptos::prelude::*;
use serde_json::json;
use shared::ids::RunId;
use shared::queue::{MAX_PRIORITY, WaitingRow};

/// The list.
#[component]
pub fn Waiting(queue: Queue) -> impl IntoView {
    let rows = move || queue.now.value.get().map(|now| now.waiting.clone()).unwrap_or_default();
    let line = move |run: RunId| {
        let (id, of_tools) = (run.clone(), run.clone());
        let row = kept(move || rows().into_iter().find(|row| row.run == id));
        let tools = kept(move || {
            let rows = rows();
            let at = rows.iter().position(|row| row.run == of_tools)?;
            let id = |at: usize| rows.get(at).map(|row| row.run.clone());
            let before = at.checked_sub(1).and_then(id);
            Some(Stands { before, behind: id(at + 1), held: rows[at].held.is_some(), priority: rows[at].priority })
        });
        let tools = move || {
            let stands = tools.get().filter(|_| queue.may.get())?;
            Some(view! { <Tools run=run.clone() stands=stands queue=queue/> })
        };
        view! { <li class="queued" data-testid="queue-waiting">{live(move || row.get().map(shown))}{live(tools)}</li> }
            .into_any()
    };
    let runs = move || rows().into_iter().map(|row| row.run).collect::<Vec<_>>();
    view! { <ol class="queue-list"><For each=runs key=RunId::clone children=line/></ol> }.into_any()
}

fn shown(row: WaitingRow) -> AnyView {
    let starts = length(row.starts_in_s).unwrap_or_else(|| "—".to_owned());
    let starts_note = if row.starts_in_s.is_some() { "" } else { "It hangs on something whose length is unknown." };
    let takes = length(row.takes_s).unwrap_or_else(|| "—".to_owned());
    view! {
        <a class="title" href=format!("/runs/{}", row.run)>{row.name}</a>
        <span class="quiet">{format!("needs {}", row.needs)}</span>
        <span class="number" title=starts_note>"starts in "{starts}</span>
        <span class="number" title=row.takes_by>"takes "{takes}</span>
        <p data-testid="queue-reason">{row.reason}</p>
    }
    .into_any()
}

/// Where a run stands.
#[derive(Clone, PartialEq)]
struct Stands {
    /// The run before it.
    before: Option<RunId>,
    /// The run behind it.
    behind: Option<RunId>,
    held: bool,
    priority: i32,
}

/// What can be done about a run.
#[component]
fn Tools(run: RunId, stands: Stands, queue: Queue) -> impl IntoView {
    let Stands { before, behind, held, priority } = stands;
    let path = format!("/api/v1/queue/{run}");
    let cancel_path = format!("/api/v1/runs/{run}/cancel");
    let cancel = Callback::new(move |()| queue.post(cancel_path.clone()));
    let holds = path.clone();
    let hold = move |_| queue.put(holds.clone(), json!({ "held": !held }));
    let moves = |first: Option<RunId>,
                 before: Option<RunId>,
                 label: &'static str,
                 words: &'static str,
                 testid: &'static str| {
        let none = first.is_none() || before.is_none();
        let does = move |_| {
            if let Some((run, before)) = first.clone().zip(before.clone()) {
                queue.put(format!("/api/v1/queue/{run}"), json!({ "before": before }));
            }
        };
        view! {
            <button class="icon-button" disabled=none aria-label=label title=label data-testid=testid on:click=click(does)>{words}</button>
        }
    };
    let earlier = moves(Some(run.clone()), before, "Earlier by one", "↑", "queue-earlier");
    // That the next one goes before it is the same as that it goes behind the next one.
    let later = moves(behind, Some(run.clone()), "Later by one", "↓", "queue-later");
    let set = move |event: web_sys::Event| {
        let Ok(wanted) = event_target_value(&event).parse::<i32>() else { return };
        queue.put(path.clone(), json!({ "priority": wanted }));
    };
    view! {
        <div class="queued-tools">
            {earlier}
            {later}
            <label>
                "Priority "
                <input type="number" min=-MAX_PRIORITY max=MAX_PRIORITY value=priority data-testid="queue-priority" on:change=set/>
            </label>
            <button class="button small" data-testid="queue-hold" on:click=click(hold)>{if held { "Release" } else { "Hold back" }}</button>
            <Confirm label="Cancel" icon="stop" question="Cancel the run?" yes="Cancel it" no="Keep it" testid="queue-cancel" does=cancel/>
        </div>
    }
    .into_any()
}
