//! Owns the Study screen: one study as it fills, its runs, and what they come to together.
//! Must not know how runs are read together (`shared` folds them).

mod badge;
mod header;
mod ladder;
mod rungs;
mod runs;

pub use badge::StudyBadge;
pub use header::deleted_words;

use super::compared::{Beside, Known};
use super::on_demand::{OnDemand, Screen};
use crate::erased::{Kept, kept, live};
use crate::model::{App, Fetched};
use crate::parts::{Awaited, Empty, ErrorBox};
use leptos::prelude::*;
use shared::event::RunState;
use shared::ids::{RunId, StudyId};
use shared::study::{StudyKind, StudyView};
use shared::wire::{ApiError, RunRow};
use std::sync::Arc;

/// The study as it was last read. Copies share it.
#[derive(Clone, Copy)]
pub(super) struct Shown {
    of: Fetched<StudyView>,
}

impl Shown {
    /// A part of it, which changes only where it differs.
    pub(super) fn part<T: PartialEq + Default + Send + Sync + 'static>(self, read: fn(&StudyView) -> T) -> Kept<T> {
        kept(move || self.of.value.with(|view| view.as_deref().map(read)).unwrap_or_default())
    }

    /// A text about it.
    pub(super) fn text(self, read: fn(&StudyView) -> String) -> Kept<String> {
        self.part(read)
    }

    /// Its id, for handlers.
    pub(super) fn id(self) -> Option<StudyId> {
        self.of.value.with_untracked(|view| view.as_ref().map(|view| view.study.clone()))
    }
}

/// What of the rows of its runs has the study say something else: that one is there, its state, and trials that ended.
fn progress(app: App, study: &StudyId) -> Vec<(RunId, RunState, u32)> {
    let of = |row: &&RunRow| row.study.as_ref().is_some_and(|place| place.study == *study);
    let told = |row: &RunRow| (row.run.clone(), row.state, row.trials_done);
    app.rows.with(|rows| rows.visible().filter(of).map(told).collect())
}

/// The screen of the study in the address.
#[component]
pub fn Study(id: String) -> impl IntoView {
    match StudyId::try_from(id) {
        Ok(study) => view! { <Followed study=study/> }.into_any(),
        Err(error) => {
            let error = Signal::stored(Some(ApiError { error: error.to_string(), detail: None }));
            view! { <ErrorBox error=error/><Nothing/> }.into_any()
        }
    }
}

#[component]
fn Nothing() -> impl IntoView {
    view! {
        <Empty title="No study here" text="It may have been deleted, or the address is incomplete." action="All studies" href="/studies"/>
    }
    .into_any()
}

#[component]
fn Followed(study: StudyId) -> impl IntoView {
    let app = App::get();
    let of = Fetched::<StudyView>::new();
    let path = format!("/api/v1/studies/{study}");
    let changed = kept(move || progress(app, &study));
    Effect::new(move |_| {
        changed.track();
        of.ask(app, path.clone());
    });
    let has = of.known();
    let failed = kept(move || of.error.with(Option::is_some) && !has.get());
    view! {
        <Awaited known=has error=of.error again=of.again(app)/>
        {live(move || has.get().then(|| view! { <Parts shown=Shown { of }/> }))}
        {live(move || failed.get().then(|| view! { <a href="/studies">"All studies"</a> }))}
    }
    .into_any()
}

#[component]
fn Parts(shown: Shown) -> impl IntoView {
    let kind = shown.part(|view| Some(view.plan.kind));
    let known: Known = shown.part(|view| view.compared.clone().filter(|c| !c.curves.is_empty()).map(Arc::new));
    let measured = kept(move || known.with(Option::is_some));
    let body = move || match kind.get() {
        Some(StudyKind::Decomposition) => view! { <ladder::Ladder shown=shown/> }.into_any(),
        _ if measured.get() => view! { <Beside known=known/> }.into_any(),
        _ => view! {
            <p class="quiet below" data-testid="nothing-measured">
                "Curves and comparisons come as soon as the first trial of a run has ended."
            </p>
        }
        .into_any(),
    };
    view! {
        <header::Header shown=shown/>
        {live(body)}
        <runs::Runs shown=shown/>
        {shown.id().map(|id| view! { <OnDemand screen=Screen::Marks of=id.to_string()/> })}
        <runs::PlanText shown=shown/>
    }
    .into_any()
}
