//! Owns how an error looks: the sentence, the detail one click below, a copy button, one that tries again where that helps.
//! Must not know what went wrong.

use super::CopyButton;
use crate::erased::{click, live};
use leptos::prelude::*;
use shared::wire::ApiError;

/// An error, where there is one.
#[component]
pub fn ErrorBox(
    #[prop(into)] error: Signal<Option<ApiError>>,
    /// Tries again what brought the error.
    #[prop(optional)]
    again: Option<Callback<()>>,
) -> impl IntoView {
    let shown = move |error: ApiError| {
        let all =
            [Some(error.error.clone()), error.detail.clone()].into_iter().flatten().collect::<Vec<_>>().join("\n");
        view! {
            <div class="error-box" role="alert" data-testid="error">
                <p><span class="shape" aria-hidden="true">"✕ "</span>{error.error}</p>
                {error.detail.map(|detail| view! {
                    <details><summary>"Technical detail"</summary><pre>{detail}</pre></details>
                })}
                <div class="tools">
                    {again.map(|again| view! {
                        <button type="button" class="button small" data-testid="again" on:click=click(move |_| again.run(()))>"Try again"</button>
                    })}
                    <CopyButton text=Signal::stored(all) label="Copy"/>
                </div>
            </div>
        }
    };
    live(move || error.get().map(shown))
}
