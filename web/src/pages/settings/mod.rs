//! Owns the Settings screen: what GPUs cost, what the history takes on the disk, and what is kept of it.
//! Must not know how any of it comes about.

mod disk;
mod policy;
mod prices;

use crate::erased::live;
use crate::model::{App, Fetched};
use crate::parts::Awaited;
use leptos::prelude::*;
use shared::retention::Disk;

/// The screen.
#[component]
pub fn Settings() -> impl IntoView {
    let app = App::get();
    let of = Fetched::<Disk>::new();
    Effect::new(move |_| {
        app.changes.track();
        of.ask(app, "/api/v1/history/disk".to_owned());
    });
    let known = of.known();
    view! {
        <header class="page-head"><h1>"Settings"</h1></header>
        <Awaited known=known error=of.error again=of.again(app)/>
        {live(move || known.get().then(|| view! { <policy::Policy of=of/><disk::DiskUse of=of/> }))}
        <prices::Prices/>
    }
    .into_any()
}
