//! Owns the tabs: one of several panels, switched by click or arrow keys.
//! Must not know the panels.

use crate::erased::click;
use leptos::prelude::*;

/// The row of tabs; `chosen` is the index.
#[component]
pub fn Tabs(labels: &'static [&'static str], chosen: RwSignal<usize>) -> impl IntoView {
    let key = move |event: web_sys::KeyboardEvent| {
        let count = labels.len();
        match event.key().as_str() {
            "ArrowRight" => chosen.update(|c| *c = (*c + 1) % count),
            "ArrowLeft" => chosen.update(|c| *c = (*c + count - 1) % count),
            _ => {}
        }
    };
    let tab = move |(index, label): (usize, &'static &'static str)| {
        view! {
            <button
                type="button"
                role="tab"
                class="tab"
                aria-selected=move || (chosen.get() == index).to_string()
                tabindex=move || if chosen.get() == index { "0" } else { "-1" }
                on:click=click(move |_| chosen.set(index))
            >
                {*label}
            </button>
        }
    };
    view! { <div class="tabs" role="tablist" on:keydown=key>{labels.iter().enumerate().map(tab).collect_view()}</div> }
        .into_any()
}
