//! Owns the screen of whoever came by a link and is somewhere else: where to go instead.
//! Must not know what the link shows beyond its page.

use crate::erased::live;
use crate::model::App;
use leptos::prelude::*;
use shared::people::Shared;

/// Leads to what was shared.
#[component]
pub fn NotShared() -> impl IntoView {
    let reader = App::get().reader;
    // What a later version shares leads nowhere here.
    let shared = move || serde_json::from_value::<Vec<Shared>>(reader.shared().unwrap_or_default()).unwrap_or_default();
    let link = |shared: &Shared| view! { <p><a href=shared.path()>{format!("To the {}", shared.kind())}</a></p> };
    view! {
        <div class="empty" data-testid="not-shared">
            <h2>"This was not shared with you"</h2>
            <p class="quiet">"The link that you have shows one thing of this agent, and nothing else."</p>
            {live(move || shared().iter().map(link).collect_view())}
        </div>
    }
    .into_any()
}
