//! Owns loading the whole page anew.
//! Must not know why somebody wants that.

use leptos::prelude::window;

/// Loads the page anew, with whatever code the agent has now.
pub fn reload() {
    if let Err(error) = window().location().reload() {
        leptos::logging::warn!("the browser did not reload: {error:?}");
    }
}
