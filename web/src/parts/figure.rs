//! Owns a figure: label, value, note; a soft pulse tells that it moved.
//! Must not know how its text came about: `format` makes it.

use crate::erased::{kept, live};
use leptos::prelude::*;

/// One number that matters.
#[component]
pub fn Figure(
    label: &'static str,
    /// The value with its unit.
    #[prop(into)]
    value: Signal<String>,
    /// n, a caveat, or why the value is absent.
    #[prop(optional, into)]
    note: MaybeProp<String>,
    /// Test id of the value.
    #[prop(optional)]
    testid: Option<&'static str>,
) -> impl IntoView {
    // A new element each time restarts the pulse without a timer.
    let shown = kept(move || value.get());
    view! {
        <div class="figure">
            <span class="figure-label">{label}</span>
            {live(move || {
                let text = shown.get();
                view! { <span class="figure-value pulse" data-testid=testid>{text}</span> }
            })}
            {live(move || note.get().map(|note| { let title = note.clone(); view! { <span class="figure-note" title=title>{note}</span> } }))}
        </div>
    }
    .into_any()
}
