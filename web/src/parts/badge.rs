//! Owns the badges of state and verdict: always a shape and a word besides the colour.
//! Must not know how either is found.

use crate::erased::live;
use leptos::prelude::*;
use shared::caveat::Verdict;
use shared::event::RunState;

/// The state of a run.
#[component]
pub fn StateBadge(#[prop(into)] state: Signal<RunState>) -> impl IntoView {
    let shape = move || match state.get() {
        RunState::Queued => "◷",
        RunState::Starting => "◔",
        RunState::Running => "●",
        RunState::Done => "✓",
        RunState::Failed => "✕",
        RunState::Cancelled => "■",
        RunState::Interrupted => "↯",
    };
    view! {
        <span class="badge" data-state=move || state.get().label()>
            <span class="shape" aria-hidden="true">{live(shape)}</span>
            {live(move || state.get().label())}
        </span>
    }
}

/// The verdict of a run or a point; nothing said before the rules looked.
#[component]
pub fn VerdictBadge(#[prop(into)] verdict: Signal<Option<Verdict>>) -> impl IntoView {
    let words = move || verdict.get().map_or("not judged yet", Verdict::label);
    let shape = move || verdict.get().unwrap_or(Verdict::NotJudged).shape();
    view! {
        <span class="badge" data-verdict=words>
            <span class="shape" aria-hidden="true">{live(shape)}</span>
            {live(words)}
        </span>
    }
    .into_any()
}
