//! Owns the link from a number's name to its definition.
//! Must not know definitions.

use crate::route::Route;
use leptos::prelude::*;

/// A name that leads to the definition of a metric by its key.
#[component]
pub fn MetricLink(key: &'static str, words: &'static str) -> impl IntoView {
    view! { <a class="metric-link" href=format!("{}#{key}", Route::Metrics.path()) title="What this number means">{words}</a> }
        .into_any()
}
