//! Owns the overlay with the keys.
//! Must not know what the keys do: `app` handles them.

use crate::erased::{click, live};
use crate::model::App;
use leptos::prelude::*;

const KEYS: [(&str, &str); 8] = [
    ("/", "Search runs"),
    ("n", "New run"),
    ("?", "This help"),
    ("← →", "Move along the crosshair of a focused chart"),
    ("drag", "Zoom all charts of a run to a stretch of time"),
    ("double click, Esc", "Show the whole run again"),
    ("Shift + wheel", "Move the zoomed stretch"),
    ("Esc", "Close this help"),
];

/// The help, where it is open.
#[component]
pub fn Help() -> impl IntoView {
    let app = App::get();
    let close = NodeRef::<leptos::html::Button>::new();
    Effect::new(move |_| {
        if let Some(button) = close.get()
            && button.focus().is_err()
        {
            leptos::logging::warn!("the help took no focus");
        }
    });
    let agent = move || {
        let agent = app.agent.get();
        (!agent.version.is_empty())
            .then(|| format!("Agent {} on {}, {} cores.", agent.version, agent.host, agent.cores))
    };
    let overlay = move || {
        app.help.get().then(|| {
            view! {
                <div class="overlay" on:click=click(move |_| app.help.set(false))>
                    <div class="dialog" role="dialog" aria-modal="true" aria-label="Keyboard help" on:click=click(|e| e.stop_propagation())>
                        <h2>"Keyboard and mouse"</h2>
                        <dl class="keys">
                            {KEYS.iter().map(|(key, what)| view! { <dt><kbd>{*key}</kbd></dt><dd>{*what}</dd> }).collect_view()}
                        </dl>
                        <p class="quiet">{live(agent)}</p>
                        <button class="button" node_ref=close on:click=click(move |_| app.help.set(false))>"Close"</button>
                    </div>
                </div>
            }
        })
    };
    live(overlay)
}
