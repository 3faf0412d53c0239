//! Owns the header of a study, which stays in view: what it is, how far, how long yet, and what can be done with it.
//! Must not know what its runs come to.

use super::{Shown, StudyBadge};
use crate::erased::{click, kept, live, spawn};
use crate::format;
use crate::link::http;
use crate::model::App;
use crate::parts::{Confirm, CopyButton, Download, Figure, Icon, ShareButton, files};
use crate::route::{Place, Route};
use leptos::prelude::*;
use shared::event::RunState;
use shared::ids::RunId;
use shared::people::{Role, Shared};
use shared::study::{StudyState, StudyView};
use shared::wire::RunRow;

/// The runs that it has, in their order.
fn run_ids(view: &StudyView) -> Vec<RunId> {
    view.runs.iter().filter_map(|run| run.run.clone()).collect()
}

/// Trials that ended, of how many; of a search nobody knows.
fn trials<'a>(rows: impl Iterator<Item = &'a RunRow>) -> (u32, Option<u32>) {
    let mut sum = (0, Some(0));
    for row in rows {
        sum.0 += row.trials_done;
        sum.1 = sum.1.zip(row.trials).map(|(all, of)| all + of);
    }
    sum
}

/// The header.
#[component]
pub(super) fn Header(shown: Shown) -> impl IntoView {
    let app = App::get();
    let name = shown.text(|view| view.plan.name.clone());
    let kind = shown.text(|view| view.plan.kind.label().to_owned());
    let state = shown.part(|view| Some(view.state));
    let ids = shown.part(run_ids);
    // As the list has them, which is live; what the study said where the list does not reach so far back.
    let rows = kept(move || {
        let told = shown.of.value.get();
        let of = |run: &RunId| {
            let told = || told.as_ref()?.runs.iter().find_map(|of| of.row.clone().filter(|row| row.run == *run));
            app.rows.with(|rows| rows.get(run).cloned()).or_else(told)
        };
        ids.with(|ids| ids.iter().filter_map(of).collect::<Vec<RunRow>>())
    });
    let share = kept(move || match rows.with(|rows| trials(rows.iter())) {
        (done, Some(all)) => (f64::from(done) / f64::from(all.max(1)) * 1000.0).round() / 10.0,
        (_, None) => 0.0,
    });
    let done = kept(move || {
        let done = rows.with(|rows| rows.iter().filter(|row| row.state == RunState::Done).count());
        format!("{done} of {}", shown.of.value.with(|view| view.as_ref().map_or(0, |view| view.runs.len())))
    });
    let trials_note = kept(move || {
        let (done, all) = rows.with(|rows| trials(rows.iter()));
        Some(format::progress(done, all))
    });
    let elapsed = kept(move || {
        let longest = rows.with(|rows| rows.iter().map(|row| row.elapsed_ns).max());
        format::or_absent(longest, format::duration)
    });
    let left = shown.text(|view| format::or_absent(view.eta_ns, format::duration));
    let left_note = shown.part(|view| {
        let words = if view.eta_ns.is_some() { "by the runs that are done" } else { "known when a run is done" };
        Some(words.to_owned())
    });
    let now = kept(move || {
        let runs = |row: &&RunRow| matches!(row.state, RunState::Starting | RunState::Running);
        rows.with(|rows| rows.iter().find(runs).map(|row| (row.run.clone(), row.name.clone())))
    });
    let goes_on = kept(move || matches!(state.get(), Some(StudyState::Waiting | StudyState::Running)));
    let link = Signal::derive(|| window().location().href().unwrap_or_default());
    // What would be refused is not offered.
    let may_change = kept(move || app.reader.may(Role::Operator));
    view! {
        <header class="run-header">
            <div class="run-title">
                <h1>{name}</h1>
                {live(move || state.get().map(|state| view! {
                    <span data-testid="study-state"><StudyBadge state=Signal::stored(state)/></span>
                }))}
                <span class="quiet engine">{kind}</span>
                <span class="run-actions">
                    {live(move || (!app.reader.is_guest()).then(|| view! { <CopyButton text=link label="Copy link"/> }))}
                    {live(move || shown.id().map(|id| view! { <Download files=files(&format!("/api/v1/studies/{id}"))/> }))}
                    <ShareButton what=Callback::new(move |()| shown.id().map(Shared::Study))/>
                    {live(move || may_change.get().then(|| view! {
                        {live(move || if goes_on.get() {
                            view! { <Cancel shown=shown/> }.into_any()
                        } else {
                            view! { <AfterEnd shown=shown/> }.into_any()
                        })}
                    }))}
                </span>
            </div>
            <progress max="100" value=move || share.get() aria-label="Progress"></progress>
            <div class="figures">
                <Figure label="Runs done" value=done note=trials_note testid="runs-done"/>
                {live(move || goes_on.get().then(|| view! { <Figure label="Left" value=left note=left_note/> }))}
                <Figure label="Elapsed" value=elapsed/>
                {live(move || now.get().map(|(run, name)| view! {
                    <div class="figure">
                        <span class="figure-label">"Under way"</span>
                        <span><a href=format!("/runs/{run}")>{name}</a></span>
                    </div>
                }))}
            </div>
        </header>
    }
    .into_any()
}

/// Asks the agent for something; what it refuses is told.
fn command(app: App, path: String) {
    spawn(async move {
        if let Err(failure) = http::command(&path, "{}").await {
            app.tell(&failure);
        }
    });
}

/// Stops all its runs, after a second click.
#[component]
fn Cancel(shown: Shown) -> impl IntoView {
    let app = App::get();
    let cancel = Callback::new(move |()| {
        if let Some(id) = shown.id() {
            command(app, format!("/api/v1/studies/{id}/cancel"));
        }
    });
    view! {
        <Confirm label="Cancel" icon="stop" question="Stop all its runs?" yes="Stop" no="Go on" testid="cancel-study" does=cancel/>
    }
    .into_any()
}

/// What can be done once nothing of it runs.
#[component]
fn AfterEnd(shown: Shown) -> impl IntoView {
    let app = App::get();
    let place = Place::get();
    let incomplete = shown.part(|view| view.state == StudyState::Incomplete);
    let resume = move |_| {
        if let Some(id) = shown.id() {
            command(app, format!("/api/v1/studies/{id}/resume"));
        }
    };
    let again = shown.text(|view| format!("{}?of={}", Route::NewStudy.path(), view.study));
    let delete = move |_| {
        let Some(id) = shown.id() else { return };
        let name = shown.of.value.with_untracked(|view| view.as_ref().map(|v| v.plan.name.clone()).unwrap_or_default());
        app.delete(vec![id.to_string()], deleted_words(&name));
        place.go(&Route::Studies.path());
    };
    view! {
        {live(move || incomplete.get().then(|| view! {
            <button class="button small" data-testid="study-resume" title="Measures what its runs have not" on:click=click(resume)>"Resume"</button>
        }))}
        <a class="button small" href=move || again.get()>"Run again"</a>
        <button class="button small" data-testid="delete-study" on:click=click(delete)><Icon name="delete"/>"Delete"</button>
    }
    .into_any()
}

/// What the message says of a study that was deleted.
pub fn deleted_words(name: &str) -> String {
    format!("\"{name}\" was deleted; its runs stay.")
}
