//! Owns what is seen until something is there: that it is on its way, or why it did not come and a button that asks again.
//! Must not know what is asked for.

use super::ErrorBox;
use crate::erased::{kept, live};
use leptos::prelude::*;
use shared::wire::ApiError;

/// The place of something that is on its way.
#[component]
pub fn Loading(
    /// It will take little room.
    #[prop(optional)]
    short: bool,
) -> impl IntoView {
    view! {
        <div class="skeleton" class:short=short role="status" aria-busy="true" data-testid="loading"><span class="unseen">"Loading"</span></div>
    }
    .into_any()
}

/// Stands above what is shown once it is there; an error of a later answer stands above the earlier one.
#[component]
pub fn Awaited(
    /// True once it is there.
    #[prop(into)]
    known: Signal<bool>,
    /// Why it did not come the last time.
    #[prop(into)]
    error: Signal<Option<ApiError>>,
    /// Forgets the error and asks again.
    again: Callback<()>,
    /// It will take little room.
    #[prop(optional)]
    short: bool,
) -> impl IntoView {
    let waits = kept(move || !known.get() && error.with(Option::is_none));
    view! {
        <ErrorBox error=error again=again/>
        {live(move || waits.get().then(|| view! { <Loading short=short/> }))}
    }
    .into_any()
}
