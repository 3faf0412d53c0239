//! Owns one schedule as it is shown: its next times, what became of the last one, what changed, who was told.
//! Must not know where it comes from.

use super::super::runs::When;
use crate::erased::{Kept, live, spawn};
use crate::link::http;
use crate::model::App;
use crate::parts::{Confirm, CopyButton};
use leptos::prelude::*;
use shared::people::Side;
use shared::schedule::{Changed, Delivery, Fate, Missed, Occasion, On, Outcome, ScheduleRow, Webhook};

/// A link to a run or study.
fn link(side: &Side) -> AnyView {
    let href = match side {
        Side::Run(run) => format!("/runs/{run}"),
        Side::Study(study) => format!("/studies/{study}"),
    };
    view! { <a href=href>{side.to_string()}</a> }.into_any()
}

/// One schedule.
#[component]
pub fn Row(row: ScheduleRow, may: Kept<bool>, changed: Callback<()>) -> impl IntoView {
    let app = App::get();
    let plan = row.schedule.plan;
    let path = format!("/api/v1/schedules/{}", row.schedule.schedule);
    let remove = Callback::new(move |()| {
        let path = path.clone();
        spawn(async move {
            if let Err(failure) = http::delete(&path).await {
                app.tell(&failure);
            }
            changed.run(());
        });
    });
    let missed = match plan.missed {
        Missed::RunOnce => "A missed time is made up for once when the agent is back.",
        Missed::Skip => "Missed times are passed over.",
    };
    let times = row.next.into_iter().map(|time| view! { <li>{time}</li> }).collect_view();
    let is_over = row.next_unix_ms.is_empty();
    view! {
        <section class="card scheduled" data-testid="schedule">
            <header class="page-head">
                <h2>{plan.work.name().to_owned()}</h2>
                {live(move || may.get().then(|| view! {
                    <Confirm label="Remove" icon="delete" question="Remove the schedule?" yes="Remove" no="Keep" testid="schedule-remove" does=remove/>
                }))}
            </header>
            <p>{row.when}". "<span class="quiet">{missed}" Made by "{row.schedule.by.name}"."</span></p>
            {row.last.map(|last| view! { <Last last=last/> })}
            {row.outcome.map(|outcome| view! { <WhatChanged outcome=outcome/> })}
            {plan.webhook.map(|webhook| view! { <Told webhook=webhook delivery=row.delivery/> })}
            {if is_over {
                view! { <p class="quiet">"It does not come again."</p> }.into_any()
            } else {
                view! { <p class="quiet">"The next times:"</p><ol class="times" data-testid="schedule-next">{times}</ol> }.into_any()
            }}
        </section>
    }
    .into_any()
}

/// What became of the last time.
#[component]
fn Last(last: Occasion) -> impl IntoView {
    let missed = match last.missed {
        0 => String::new(),
        1 => " One time before it was missed.".to_owned(),
        n => format!(" {n} times before it were missed."),
    };
    let fate = match last.fate {
        Fate::Began(side) => view! { "began "{link(&side)}"." }.into_any(),
        Fate::Begins => "is about to begin. Where nothing follows, the agent ended in between.".into_any(),
        Fate::Passed(why) => {
            view! { <span class="shape" aria-hidden="true">"△ "</span>"nothing began. "{why} }.into_any()
        }
    };
    view! { <p data-testid="schedule-last">"Last, "<When unix_ms=last.due_unix_ms/>": "{fate}{missed}</p> }.into_any()
}

/// What came of it, beside the time before.
#[component]
fn WhatChanged(outcome: Outcome) -> impl IntoView {
    let shape = match outcome.changed {
        Changed::Better => "▲",
        Changed::Worse => "▼",
        Changed::Failed => "✕",
        Changed::Nothing => "✓",
        Changed::First | Changed::NotTold => "○",
    };
    let compare = outcome.against.as_ref().map(|against| {
        view! { " "<a href=format!("/compare?runs={against},{}", outcome.of)>"Compare"</a> }
    });
    view! {
        <p data-testid="schedule-changed" data-changed=outcome.changed.label()>
            <span class="badge"><span class="shape" aria-hidden="true">{shape}</span>{outcome.changed.label()}</span>
            " "{link(&outcome.of)}", ended "<When unix_ms=outcome.ended_unix_ms/>"."{compare}
        </p>
        <details class="fold">
            <summary>"What changed"</summary>
            <pre class="code summary-text" tabindex="0" aria-label="Summary as Markdown">{outcome.markdown.clone()}</pre>
            <CopyButton text=Signal::stored(outcome.markdown) label="Copy Markdown"/>
        </details>
    }
    .into_any()
}

/// Whom it tells, and how that went.
#[component]
fn Told(webhook: Webhook, delivery: Option<Delivery>) -> impl IntoView {
    let when = match webhook.on {
        On::Finish => "on every end",
        On::Regression => "on a regression",
    };
    let url = webhook.shown();
    let went = delivery.map(|Delivery { at_unix_ms, attempts, failure }| match failure {
        None => view! { " Arrived "<When unix_ms=at_unix_ms/>", attempt "{attempts}"." }.into_any(),
        Some(why) => view! {
            <strong class="failed-told" data-testid="schedule-not-told"><span class="shape" aria-hidden="true">" ✕ "</span>{format!("It did not arrive in {attempts} attempts: {why}")}</strong>
        }
        .into_any(),
    });
    view! { <p>"Tells "{url}" "{when}", signed with the secret "{webhook.secret}"."{went}</p> }.into_any()
}
