//! Owns the Run screen: follows one run and lays out what is known of it.
//! Must not know the socket; the parts below read the model.

mod charts;
mod distribution;
mod goodput;
mod header;
mod lead;
mod log;
mod machine;
mod points;
mod request;
mod scatter;
mod verdict;

use super::on_demand::{OnDemand, Screen};
use crate::charts::TimeAxis;
use crate::erased::{kept, live};
use crate::model::{App, FOLD};
use crate::parts::{Empty, ErrorBox, Loading};
use leptos::prelude::*;
use shared::ids::RunId;
use shared::wire::ApiError;

/// The screen of the run in the address.
#[component]
pub fn Run(id: String) -> impl IntoView {
    match RunId::try_from(id) {
        Ok(run) => view! { <Followed run=run/> }.into_any(),
        Err(error) => view! { <Refused sentence=error.to_string()/> }.into_any(),
    }
}

/// What the screen can show.
#[derive(Clone, PartialEq)]
enum Stage {
    Loading,
    Refused(String),
    Deleted,
    Ready,
}

#[component]
fn Followed(run: RunId) -> impl IntoView {
    let app = App::get();
    app.follow(run.clone(), FOLD);
    on_cleanup(move || app.unfollow(&run));
    let stage = kept(move || {
        app.with_followed(|followed| match (&followed.view, &followed.refused) {
            _ if followed.deleted => Stage::Deleted,
            (Some(view), _) if view.header.is_some() => Stage::Ready,
            (_, Some(sentence)) => Stage::Refused(sentence.clone()),
            _ => Stage::Loading,
        })
    });
    live(move || {
        match stage.get() {
        Stage::Ready => view! { <Parts/> }.into_any(),
        Stage::Refused(sentence) => view! { <Refused sentence=sentence/> }.into_any(),
        Stage::Deleted => view! {
            <Empty title="This run was deleted" text="Somebody removed it and its measurements." action="All runs" href="/runs"/>
        }
        .into_any(),
        Stage::Loading => view! { <Loading/> }.into_any(),
    }
    })
}

/// Why there is nothing to see.
#[component]
fn Refused(sentence: String) -> impl IntoView {
    let error = Signal::stored(Some(ApiError { error: sentence, detail: None }));
    view! {
        <ErrorBox error=error/>
        <Empty title="No run here" text="It may have been deleted, or the address is incomplete." action="All runs" href="/runs"/>
    }
    .into_any()
}

/// What can be asked of the records once a point was measured.
#[component]
fn AfterPoints() -> impl IntoView {
    let app = App::get();
    let measured = kept(move || app.with_view(|v| v.points.iter().any(|p| p.summary.is_some())).unwrap_or(false));
    live(move || {
        measured.get().then(|| {
            view! {
                <distribution::Distributions/>
                <goodput::Goodput/>
            }
        })
    })
}

/// Everything of a run that is known; of one that another tool measured, what its files say.
#[component]
fn Parts() -> impl IntoView {
    let app = App::get();
    let imported = kept(move || app.with_view(|view| view.source.is_some()).unwrap_or(false));
    live(move || if imported.get() { imported_parts(app) } else { own_parts(app) })
}

/// What people put on it.
fn marks(app: App) -> AnyView {
    let run = app.run().map(|run| run.to_string());
    run.map(|run| view! { <OnDemand screen=Screen::Marks of=run/> }).into_any()
}

fn own_parts(app: App) -> AnyView {
    let axis = TimeAxis { zoom: RwSignal::new(None), end_s: charts::axis_end(app), group: Some("run") };
    view! {
        <header::RunHeader/>
        <verdict::VerdictCard/>
        <lead::Leading axis=axis/>
        <charts::LiveCharts axis=axis/>
        <machine::Machine axis=axis/>
        <points::PointsTable/>
        <AfterPoints/>
        <scatter::Requests axis=axis/>
        {marks(app)}
        <log::Details tabs=&["Engine log", "Plan", "About"]/>
    }
    .into_any()
}

fn imported_parts(app: App) -> AnyView {
    let axis = TimeAxis { zoom: RwSignal::new(None), end_s: charts::axis_end(app), group: Some("run") };
    // Some files tell how a cache or a memory filled.
    let has_tracks = kept(move || app.with_view(|view| !view.telemetry.tracks.is_empty()).unwrap_or(false));
    let has_points = kept(move || app.with_view(|view| !view.points.is_empty()).unwrap_or(false));
    view! {
        <header::RunHeader/>
        <verdict::VerdictCard/>
        <OnDemand screen=Screen::Imported/>
        {live(move || has_tracks.get().then(|| view! { <machine::Machine axis=axis/> }))}
        {live(move || has_points.get().then(|| view! { <points::PointsTable/> }))}
        {marks(app)}
        <log::Details tabs=&["Plan", "About"]/>
    }
    .into_any()
}
