//! Owns the Settings screen: what GPUs cost, what the history takes on the disk, and what is kept of it.
//! Must not know how any of it comes about.

mod disk;
mod policy;
mod prices;

use crate::erased::{kept, live};
use crate::model::{App, Fetched};
use crate::parts::ErrorBox;
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
    let known = kept(move || of.value.with(Option::is_some));
    let failed = kept(move || of.error.with(Option::is_some));
    view! {
        <header class="page-head"><h1>"Settings"</h1></header>
        <ErrorBox error=of.error/>
        {live(move || match (known.get(), failed.get()) {
            (true, _) => view! { <policy::Policy of=of/><disk::DiskUse of=of/><prices::Prices/> }.into_any(),
            (false, true) => ().into_any(),
            (false, false) => view! { <div class="skeleton" role="status" aria-label="Loading" aria-busy="true"></div> }.into_any(),
        })}
    }
    .into_any()
}
