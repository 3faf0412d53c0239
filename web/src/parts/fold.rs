//! Owns a part of a page that folds: what is in it exists only while it is open.
//! Must not know its content.

use crate::erased::{click, live};
use leptos::prelude::*;

/// A titled part that opens and closes.
#[component]
pub fn Fold(
    title: &'static str,
    /// A line beside the title, which is read without opening it.
    #[prop(into)]
    note: Signal<String>,
    testid: &'static str,
    open: RwSignal<bool>,
    children: ChildrenFn,
) -> impl IntoView {
    // The browser's own opening would not tell when it happens.
    let toggle = move |event: web_sys::MouseEvent| {
        event.prevent_default();
        open.update(|open| *open = !*open);
    };
    view! {
        <details class="fold" prop:open=move || open.get() data-testid=testid>
            <summary on:click=click(toggle)>{title}" "<span class="quiet">{live(move || note.get())}</span></summary>
            {live(move || open.get().then(|| children()))}
        </details>
    }
    .into_any()
}
