//! Owns the badge of a study's state: a shape and a word besides the colour.
//! Must not know how the state is found.

use crate::erased::live;
use leptos::prelude::*;
use shared::study::StudyState;

/// The state of a study.
#[component]
pub fn StudyBadge(#[prop(into)] state: Signal<StudyState>) -> impl IntoView {
    let shape = move || match state.get() {
        StudyState::Waiting => "◷",
        StudyState::Running => "●",
        StudyState::Done => "✓",
        StudyState::Incomplete => "■",
    };
    view! {
        <span class="badge" data-state=move || state.get().label()>
            <span class="shape" aria-hidden="true">{live(shape)}</span>
            {live(move || state.get().label())}
        </span>
    }
    .into_any()
}
