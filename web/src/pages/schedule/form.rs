//! Owns the form of a schedule: what begins, when, and who is told; its next times are shown before it is made.
//! Must not know when anything is due: the agent says.

use crate::erased::{kept, live, spawn};
use crate::link::http;
use crate::model::{App, Fetched};
use crate::parts::ErrorBox;
use leptos::prelude::*;
use serde_json::{Value, json};
use shared::schedule::ScheduleRow;
use shared::study::StudyRow;
use shared::wire::ApiError;

/// Runs and studies that can be chosen from.
const LAST: usize = 20;

/// The fields. Copies share them.
#[derive(Clone, Copy)]
struct Fields {
    /// `preset:first`, `study_preset:ab` or `like:r…`.
    work: RwSignal<String>,
    once: RwSignal<bool>,
    /// As the browser's own field gives it, on this browser's clock.
    at: RwSignal<String>,
    cron: RwSignal<String>,
    zone: RwSignal<String>,
    missed: RwSignal<String>,
    url: RwSignal<String>,
    secret: RwSignal<String>,
    on: RwSignal<String>,
}

impl Fields {
    fn new(app: App) -> Self {
        let zone = app.agent.with_untracked(|agent| agent.time_zone.clone()).unwrap_or_else(|| "UTC".to_owned());
        let text = |text: &str| RwSignal::new(text.to_owned());
        Self {
            work: text("preset:first"),
            once: RwSignal::new(false),
            at: text(""),
            cron: text("30 2 * * *"),
            zone: RwSignal::new(zone),
            missed: text("run_once"),
            url: text(""),
            secret: text(""),
            on: text("finish"),
        }
    }

    /// What the agent is asked.
    fn body(self) -> Value {
        let work = self.work.get();
        let (kind, name) = work.split_once(':').unwrap_or(("preset", ""));
        let when = if self.once.get() {
            // A text that is no time has none: the agent says so.
            let ms = js_sys::Date::parse(&self.at.get());
            json!({ "once": ms.is_finite().then_some(ms as u64) })
        } else {
            json!({ "cron": { "cron": self.cron.get(), "time_zone": self.zone.get() } })
        };
        let url = self.url.get();
        let webhook = (!url.trim().is_empty())
            .then(|| json!({ "url": url.trim(), "secret": self.secret.get().trim(), "on": self.on.get() }));
        json!({ "work": { kind: name }, "when": when, "missed": self.missed.get(), "webhook": webhook })
    }
}

/// The form.
#[component]
pub fn Form(made: Callback<()>) -> impl IntoView {
    let app = App::get();
    let fields = Fields::new(app);
    let error = RwSignal::new(None::<ApiError>);
    let checked = RwSignal::new(None::<ScheduleRow>);
    let body = kept(move || fields.body().to_string());
    Effect::new(move |_| {
        let body = body.get();
        spawn(async move {
            let answer = http::post::<ScheduleRow>("/api/v1/schedules/check", "application/json", &body).await;
            // Somebody may have typed on meanwhile, or gone elsewhere.
            if fields.work.try_with_untracked(|_| ()).is_none() || body_now(fields) != body {
                return;
            }
            match answer {
                Ok(row) => {
                    error.try_set(None);
                    checked.try_set(Some(row));
                }
                Err(failure) => {
                    app.failed(&failure);
                    error.try_set(Some(failure.error()));
                    checked.try_set(None);
                }
            }
        });
    });
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let body = body_now(fields);
        spawn(async move {
            match http::post::<ScheduleRow>("/api/v1/schedules", "application/json", &body).await {
                Ok(_) => made.run(()),
                Err(failure) => {
                    app.failed(&failure);
                    error.try_set(Some(failure.error()));
                }
            }
        });
    };
    let times = move || {
        checked.get().map(|row| {
            let times = row.next.into_iter().map(|time| view! { <li>{time}</li> }).collect_view();
            view! { <p class="quiet">"It would come:"</p><ol class="times" data-testid="schedule-would">{times}</ol> }
        })
    };
    let when = move || {
        if fields.once.get() {
            view! { <Text label="At, on this browser's clock" value=fields.at testid="schedule-at" kind="datetime-local"/> }
                .into_any()
        } else {
            view! {
                <Text label="Cron: minute, hour, day, month, weekday" value=fields.cron testid="schedule-cron" kind="text"/>
                <Text label="Time zone (IANA)" value=fields.zone testid="schedule-zone" kind="text"/>
            }
            .into_any()
        }
    };
    view! {
        <form on:submit=submit data-testid="schedule-form">
            <div class="tools">
                <Works work=fields.work/>
                <label class="field wide-field">
                    <span class="field-label">"When"</span>
                    <select data-testid="schedule-kind" on:change:target=move |e| fields.once.set(e.target().value() == "once")>
                        <option value="cron">"Again and again"</option>
                        <option value="once">"Once"</option>
                    </select>
                </label>
                {live(when)}
                <label class="field wide-field">
                    <span class="field-label">"Missed times"</span>
                    <select on:change:target=move |e| fields.missed.set(e.target().value())>
                        <option value="run_once">"Once when the agent is back"</option>
                        <option value="skip">"Pass over"</option>
                    </select>
                </label>
            </div>
            <details class="fold">
                <summary>"Tell somebody by a webhook"</summary>
                <p class="quiet">"A signed POST with the summary. The secret is one that the agent has: tokenprism secret set NAME."</p>
                <div class="tools">
                    <Text label="URL" value=fields.url testid="schedule-url" kind="url"/>
                    <Text label="Name of the secret" value=fields.secret testid="schedule-secret" kind="text"/>
                    <label class="field wide-field">
                        <span class="field-label">"Tell"</span>
                        <select on:change:target=move |e| fields.on.set(e.target().value())>
                            <option value="finish">"On every end"</option>
                            <option value="regression">"On a regression"</option>
                        </select>
                    </label>
                </div>
            </details>
            <ErrorBox error=error/>
            {live(times)}
            <button class="button primary" data-testid="schedule-make" disabled=move || error.with(Option::is_some)>"Schedule it"</button>
        </form>
    }
    .into_any()
}

fn body_now(fields: Fields) -> String {
    untrack(move || fields.body()).to_string()
}

/// A line of text.
#[component]
fn Text(label: &'static str, value: RwSignal<String>, testid: &'static str, kind: &'static str) -> impl IntoView {
    view! {
        <label class="field wide-field">
            <span class="field-label">{label}</span>
            <input type=kind data-testid=testid prop:value=move || value.get() on:change:target=move |e| value.set(e.target().value())/>
        </label>
    }
    .into_any()
}

/// What can begin: presets, and what ran before.
#[component]
fn Works(work: RwSignal<String>) -> impl IntoView {
    let app = App::get();
    let studies = Fetched::<Vec<StudyRow>>::new();
    studies.ask(app, format!("/api/v1/studies?limit={LAST}"));
    // Made anew with the list around it, the one that was chosen stays chosen.
    let option = move |value: String, words: String| {
        let chosen = work.with_untracked(|work| *work == value);
        view! { <option value=value selected=chosen>{words}</option> }.into_any()
    };
    let presets = move || {
        let presets = app.presets.get();
        presets.iter().map(|preset| option(format!("preset:{}", preset.key), preset.plan.name.clone())).collect_view()
    };
    let runs = kept(move || {
        app.rows.with(|rows| {
            let own = rows.visible().filter(|row| row.source.is_none() && row.study.is_none()).take(LAST);
            own.map(|row| (row.run.to_string(), row.name.clone())).collect::<Vec<_>>()
        })
    });
    let like = move |(id, name): (String, String)| {
        let end = id.get(id.len().saturating_sub(4)..).unwrap_or_default();
        option(format!("like:{id}"), format!("{name} …{end}"))
    };
    let of_studies = move || {
        let rows = studies.value.get();
        let named = rows.iter().flat_map(|rows| rows.iter().map(|row| (row.study.to_string(), row.name.clone())));
        named.map(like).collect_view()
    };
    view! {
        <label class="field wide-field">
            <span class="field-label">"What begins"</span>
            <select data-testid="schedule-work" on:change:target=move |e| work.set(e.target().value())>
                <optgroup label="Presets">{live(presets)}</optgroup>
                <optgroup label="The plan of a study">{live(of_studies)}</optgroup>
                <optgroup label="The plan of a run">{live(move || runs.get().into_iter().map(like).collect_view())}</optgroup>
            </select>
        </label>
        <ErrorBox error=studies.error again=studies.again(app)/>
    }
    .into_any()
}
