//! Owns the theme: follows the system unless a choice is kept in this browser.
//! Must not know what the themes look like.

use super::Icon;
use crate::erased::{click, live};
use crate::model::App;
use leptos::prelude::*;
use shared::chart::Theme;
use wasm_bindgen::JsCast;

const KEY: &str = "theme";

/// What the viewer chose; nothing follows the system.
fn chosen() -> Option<Theme> {
    // Storage may be switched off; then there is no choice to keep.
    match window().local_storage().ok()??.get_item(KEY).ok()??.as_str() {
        "dark" => Some(Theme::Dark),
        "light" => Some(Theme::Light),
        _ => None,
    }
}

/// The theme that holds now.
pub fn current_theme() -> Theme {
    let dark = || window().match_media("(prefers-color-scheme: dark)").ok().flatten().is_some_and(|m| m.matches());
    chosen().unwrap_or_else(|| if dark() { Theme::Dark } else { Theme::Light })
}

fn word(theme: Theme) -> &'static str {
    match theme {
        Theme::Light => "light",
        Theme::Dark => "dark",
    }
}

/// Shows a theme on the whole page.
fn show(app: App) {
    let theme = current_theme();
    app.theme.set(theme);
    let Some(root) = document().document_element() else { return };
    let root: web_sys::HtmlElement = root.unchecked_into();
    let set = root.dataset().set("theme", word(theme));
    // `/theme.js` sets both before the first paint, so both must follow.
    if let Err(error) = set.and_then(|()| root.style().set_property("color-scheme", word(theme))) {
        leptos::logging::warn!("the page took no theme: {error:?}");
    }
}

/// Goes round: system, light, dark.
#[component]
pub fn ThemeSwitch() -> impl IntoView {
    let app = App::get();
    let choice = RwSignal::new(chosen());
    show(app);
    // The system may change while the page is open, at dusk for instance.
    set_interval(
        move || {
            if app.theme.get_untracked() != current_theme() {
                show(app);
            }
        },
        std::time::Duration::from_secs(2),
    );
    let next = move |_| {
        let new = match choice.get_untracked() {
            None => Some(Theme::Light),
            Some(Theme::Light) => Some(Theme::Dark),
            Some(Theme::Dark) => None,
        };
        if let Ok(Some(storage)) = window().local_storage() {
            let kept = match new {
                Some(theme) => storage.set_item(KEY, word(theme)),
                None => storage.remove_item(KEY),
            };
            if let Err(error) = kept {
                leptos::logging::warn!("the theme could not be kept: {error:?}");
            }
        }
        choice.set(new);
        show(app);
    };
    let (icon, label) = (
        move || match choice.get() {
            None => "auto",
            Some(Theme::Light) => "sun",
            Some(Theme::Dark) => "moon",
        },
        move || match choice.get() {
            None => "Theme: as the system",
            Some(Theme::Light) => "Theme: light",
            Some(Theme::Dark) => "Theme: dark",
        },
    );
    view! {
        <button class="rail-item" on:click=click(next) title=label aria-label=label data-testid="theme">
            {live(move || view! { <Icon name=icon()/> })}
            <span>"Theme"</span>
        </button>
    }
    .into_any()
}
