//! Owns the button that copies a text and says that it did.
//! Must not know the text.

use super::Icon;
use crate::erased::{click, live, spawn};
use leptos::prelude::*;
use std::time::Duration;
use wasm_bindgen_futures::JsFuture;

/// Copies `text`.
#[component]
pub fn CopyButton(
    #[prop(into)] text: Signal<String>,
    label: &'static str,
    #[prop(optional)] testid: Option<&'static str>,
) -> impl IntoView {
    // Some true: copied; Some false: the browser refused.
    let outcome = RwSignal::new(None::<bool>);
    let copy = move |_| {
        let text = text.get_untracked();
        spawn(async move {
            // Without a secure context there is no clipboard at all, and touching it would throw.
            let secure = js_sys::Reflect::get(&window(), &"isSecureContext".into()).is_ok_and(|s| s.is_truthy());
            let copied = secure && JsFuture::from(window().navigator().clipboard().write_text(&text)).await.is_ok();
            outcome.try_set(Some(copied));
            let forget = move || {
                outcome.try_set(None);
            };
            set_timeout(forget, Duration::from_secs(3));
        });
    };
    view! {
        <button type="button" class="button small" on:click=click(copy) data-testid=testid>
            <Icon name="copy"/>
            {live(move || match outcome.get() {
                None => label,
                Some(true) => "Copied",
                Some(false) => "Not allowed here: select and copy",
            })}
        </button>
    }
    .into_any()
}
