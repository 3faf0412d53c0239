//! Owns the words of the phases of an engine's start, and how one is shown.
//! Must not know what an engine does in them.

use leptos::prelude::*;
use shared::engine::Phase;

/// The words of a phase.
pub fn phase_words(phase: Phase) -> &'static str {
    match phase {
        Phase::Image => "Image is brought",
        Phase::Process => "Program loads",
        Phase::Download => "Model is brought",
        Phase::Weights => "Weights are read",
        Phase::Compile => "Compiles and captures",
        Phase::Serve => "Opens its port",
        Phase::Unknown => "Another phase",
    }
}

/// A phase and how long it took.
#[component]
pub fn PhaseLine(words: &'static str, took: String) -> impl IntoView {
    view! { <li><span class="quiet">{words}</span><span class="number">{took}</span></li> }.into_any()
}
