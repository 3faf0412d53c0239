//! Owns a button that asks once more before it does something that cannot be taken back.
//! Must not know what that is.

use super::Icon;
use crate::erased::{click, live};
use leptos::prelude::*;

/// A button, and after a click its question.
#[component]
pub fn Confirm(
    /// Words of the button.
    label: &'static str,
    icon: &'static str,
    question: &'static str,
    /// Words of what does it.
    yes: &'static str,
    /// Words of what does not.
    no: &'static str,
    /// Test id of the button; the second one's ends in `-confirm`.
    testid: &'static str,
    does: Callback<()>,
) -> impl IntoView {
    let asking = RwSignal::new(false);
    let confirmed = move |_| {
        asking.set(false);
        does.run(());
    };
    live(move || {
        if asking.get() {
            view! {
                <span class="confirm" role="group" aria-label=question>
                    {question}
                    <button class="button small danger" data-testid=format!("{testid}-confirm") on:click=click(confirmed)>{yes}</button>
                    <button class="button small" on:click=click(move |_| asking.set(false))>{no}</button>
                </span>
            }
            .into_any()
        } else {
            view! {
                <button class="button small" data-testid=testid on:click=click(move |_| asking.set(true))>
                    <Icon name=icon/>{label}
                </button>
            }
            .into_any()
        }
    })
}
