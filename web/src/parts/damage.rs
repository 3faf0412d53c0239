//! Owns the banner that says that a log was damaged, what of it could be read, and where it is.
//! Must not know how that was found out.

use crate::erased::live;
use crate::model::App;
use leptos::prelude::*;

/// The banner; nothing where every log is whole.
#[component]
pub fn DamageBanner() -> impl IntoView {
    let app = App::get();
    live(move || {
        let said = app.agent.with(|agent| agent.damaged_logs.first().cloned());
        said.map(|said| {
            view! {
                <div class="notice" role="status" data-testid="damaged-log">
                    <span><span class="shape" aria-hidden="true">"△ "</span>{said}</span>
                </div>
            }
            .into_any()
        })
    })
}
