//! Owns the message at the bottom that offers to take something back.
//! Must not know what was done.

use crate::erased::{click, live};
use crate::model::App;
use leptos::prelude::*;

/// The message, where there is one.
#[component]
pub fn Toasts() -> impl IntoView {
    let app = App::get();
    let toast = move || {
        app.toast.get().map(|toast| {
            view! {
                <div class="toast" role="status" data-testid="toast">
                    <span>{toast.sentence}</span>
                    {toast.undo.map(|undo| view! {
                        <button class="button small" data-testid="undo" on:click=click(move |_| undo())>"Undo"</button>
                    })}
                    <button class="icon-button" aria-label="Close" on:click=click(move |_| app.toast.set(None))>
                        <super::Icon name="close"/>
                    </button>
                </div>
            }
        })
    };
    live(toast)
}
