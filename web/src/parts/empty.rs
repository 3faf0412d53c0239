//! Owns the empty state: what will be here, and the button that makes it so.
//! Must not know pages.

use leptos::prelude::*;

/// Teaches instead of showing nothing.
#[component]
pub fn Empty(
    title: &'static str,
    text: &'static str,
    /// Words of the button.
    action: &'static str,
    /// Where it leads.
    href: &'static str,
) -> impl IntoView {
    view! {
        <div class="empty">
            <h2>{title}</h2>
            <p class="quiet">{text}</p>
            <a href=href class="button primary">{action}</a>
        </div>
    }
    .into_any()
}
