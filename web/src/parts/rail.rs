//! Owns the navigation: a slim rail on the left, a bar at the bottom of a phone.
//! Must not know pages beyond their addresses.

use super::{Icon, ThemeSwitch};
use crate::model::App;
use leptos::prelude::*;
use leptos_router::components::A;

/// The navigation.
#[component]
pub fn Rail() -> impl IntoView {
    let app = App::get();
    let item = |href: &'static str, icon: &'static str, label: &'static str, exact: bool| {
        view! {
            <A href=href exact=exact attr:class="rail-item">
                <Icon name=icon/>
                <span>{label}</span>
            </A>
        }
    };
    view! {
        <nav class="rail" aria-label="Pages">
            <A href="/" exact=true attr:class="brand" attr:title="Tokenprism" attr:aria-label="Tokenprism">
                <svg viewBox="0 0 24 24" aria-hidden="true" class="prism">
                    <path class="prism-body" d="M12 3l9 17H3z"></path>
                    <path class="prism-ray" d="M1 14l8-2M14 12l9-3M15 14l8 0M16 16l7 3"></path>
                </svg>
            </A>
            {item("/", "now", "Now", true)}
            {item("/new", "new", "New run", true)}
            {item("/runs", "runs", "Runs", false)}
            {item("/metrics-guide", "metrics", "Metrics", true)}
            <span class="rail-space"></span>
            <button class="rail-item wide-only" on:click=move |_| app.help.set(true) title="Keyboard help (?)">
                <Icon name="help"/>
                <span>"Help"</span>
            </button>
            <ThemeSwitch/>
        </nav>
    }
    .into_any()
}
