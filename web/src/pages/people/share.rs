//! Owns the dialog that makes a link to what its page shows, and lists those that there are.
//! Must not know what the page shows beyond its kind.

use super::shares::{Listed, Table};
use crate::erased::{click, live, spawn};
use crate::link::http;
use crate::model::App;
use crate::parts::{CopyButton, ErrorBox};
use leptos::prelude::*;
use shared::people::{NewShare, SHARE_DAYS, Shared};

/// Days that a link may last.
const DAYS: [u32; 4] = [1, SHARE_DAYS, 30, 90];

/// The run or study by which links are looked for.
fn of(shared: &Shared) -> Option<String> {
    match shared {
        Shared::Run(run) => Some(run.to_string()),
        Shared::Study(study) => Some(study.to_string()),
        Shared::Comparison(sides) => sides.first().map(ToString::to_string),
    }
}

/// The dialog, for what [`App::sharing`] names.
#[component]
pub fn Share() -> impl IntoView {
    let app = App::get();
    let Some(shared) = app.sharing.get_untracked() else { return ().into_any() };
    let listed = Listed::new();
    listed.load(app, of(&shared));
    let days = RwSignal::new(SHARE_DAYS);
    let fresh = RwSignal::new(None::<String>);
    let kind = shared.kind();
    let make = move |_| {
        let body = serde_json::json!({ "shared": shared, "days": days.get_untracked() }).to_string();
        spawn(async move {
            match http::post::<NewShare>("/api/v1/shares", "application/json", &body).await {
                Ok(made) => {
                    let origin = window().location().origin().unwrap_or_default();
                    fresh.try_set(Some(format!("{origin}{}", crate::base::out(&made.path))));
                    listed.done(app);
                }
                Err(failure) => listed.failed(app, &failure),
            }
        });
    };
    let close = NodeRef::<leptos::html::Button>::new();
    Effect::new(move |_| {
        if close.get().is_some_and(|button| button.focus().is_err()) {
            leptos::logging::warn!("the dialog took no focus");
        }
    });
    let shown = move |link: String| {
        view! {
            <div class="notice" role="status">
                <p>"Whoever has this link sees it. It is not shown again: only its hash is kept."</p>
                <pre class="code" data-testid="share-link">{link.clone()}</pre>
                <CopyButton text=Signal::stored(link) label="Copy link"/>
            </div>
        }
    };
    view! {
        <div class="overlay" on:click=click(move |_| app.sharing.set(None))>
            <div class="dialog share-dialog" role="dialog" aria-modal="true" aria-label="Share" on:click=click(|e| e.stop_propagation())>
                <h2>{format!("Share this {kind}")}</h2>
                <p class="quiet">{format!("A link shows this {kind}, live and read-only, to whoever has it. Nothing else of the agent can be reached by it.")}</p>
                <div class="tools">
                    <label class="field">
                        <span class="field-label">"Lasts"</span>
                        <select data-testid="share-days" on:change:target=move |e| days.set(e.target().value().parse().unwrap_or(SHARE_DAYS))>
                            {DAYS.into_iter().map(|n| view! {
                                <option value=n.to_string() selected=n == SHARE_DAYS>{if n == 1 { "1 day".to_owned() } else { format!("{n} days") }}</option>
                            }).collect_view()}
                        </select>
                    </label>
                    <button class="button primary" data-testid="make-share" on:click=click(make)>"Make a link"</button>
                </div>
                <ErrorBox error=listed.error/>
                {live(move || fresh.get().map(shown))}
                <Table listed=listed shows=false/>
                <button class="button" node_ref=close data-testid="share-close" on:click=click(move |_| app.sharing.set(None))>"Close"</button>
            </div>
        </div>
    }
    .into_any()
}
