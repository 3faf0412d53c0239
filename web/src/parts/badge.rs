//! Owns the badges of state and verdict: always a shape and a word besides the colour.
//! Must not know how either is found.

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
            <span class="shape" aria-hidden="true">{shape}</span>
            {move || state.get().label()}
        </span>
    }
}

/// The verdict of a run; nothing said before the rules looked.
#[component]
pub fn VerdictBadge(#[prop(into)] verdict: Signal<Option<Verdict>>) -> impl IntoView {
    let words = move || match verdict.get() {
        None => ("○", "not judged yet", "none"),
        Some(v @ Verdict::NotJudged) => ("○", v.label(), "none"),
        Some(v @ Verdict::Valid) => ("✓", v.label(), "valid"),
        Some(v @ Verdict::Doubtful) => ("△", v.label(), "doubtful"),
        Some(v @ Verdict::Invalid) => ("✕", v.label(), "invalid"),
    };
    view! {
        <span class="badge" data-verdict=move || words().2>
            <span class="shape" aria-hidden="true">{move || words().0}</span>
            {move || words().1}
        </span>
    }
}
