//! Owns how an error looks: the sentence, the detail one click below, a copy button.
//! Must not know what went wrong.

use super::CopyButton;
use crate::erased::live;
use leptos::prelude::*;
use shared::wire::ApiError;

/// An error, where there is one.
#[component]
pub fn ErrorBox(#[prop(into)] error: Signal<Option<ApiError>>) -> impl IntoView {
    let shown = move |error: ApiError| {
        let all =
            [Some(error.error.clone()), error.detail.clone()].into_iter().flatten().collect::<Vec<_>>().join("\n");
        view! {
            <div class="error-box" role="alert" data-testid="error">
                <p><span class="shape" aria-hidden="true">"✕ "</span>{error.error}</p>
                {error.detail.map(|detail| view! {
                    <details><summary>"Technical detail"</summary><pre>{detail}</pre></details>
                })}
                <CopyButton text=Signal::stored(all) label="Copy"/>
            </div>
        }
    };
    live(move || error.get().map(shown))
}
