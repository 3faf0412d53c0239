//! Owns the card: a surface with a title.
//! Must not know its content.

use leptos::prelude::*;

/// A titled surface.
#[component]
pub fn Card(
    #[prop(into)] title: String,
    /// A line below the title.
    #[prop(optional, into)]
    about: String,
    children: Children,
) -> impl IntoView {
    view! {
        <section class="card">
            <header class="card-head">
                <h2>{title}</h2>
                {(!about.is_empty()).then(|| view! { <p class="quiet">{about}</p> })}
            </header>
            {children()}
        </section>
    }
    .into_any()
}
