//! Owns what can be done with the runs that are chosen: compared, tagged, pinned, deleted.
//! Must not know how they were chosen.

use crate::erased::{click, kept, live};
use crate::model::App;
use crate::parts::choice_bar;
use leptos::prelude::*;
use shared::ids::RunId;
use shared::people::Role;

/// The bar, in view while runs are chosen.
#[component]
pub(super) fn ChoiceBar(chosen: RwSignal<Vec<RunId>>) -> impl IntoView {
    let app = App::get();
    let may_change = kept(move || app.reader.may(Role::Operator));
    let words = |count| match count {
        1 => "1 run chosen; choose another to compare with it".to_owned(),
        n => format!("{n} runs chosen; the first is the base"),
    };
    let changes = move || live(move || may_change.get().then(|| view! { <Changes chosen=chosen/> }));
    choice_bar(chosen, "Chosen runs", words, "compare-chosen", changes)
}

/// What changes them.
#[component]
fn Changes(chosen: RwSignal<Vec<RunId>>) -> impl IntoView {
    let app = App::get();
    let tag = RwSignal::new(String::new());
    let items = move || chosen.with_untracked(|chosen| chosen.iter().map(ToString::to_string).collect::<Vec<_>>());
    let wanted = move || {
        let text = tag.get_untracked();
        (!text.trim().is_empty()).then(|| vec![text.trim().to_owned()])
    };
    let add = move || {
        if let Some(tags) = wanted() {
            app.tag(items(), tags, Vec::new());
            tag.set(String::new());
        }
    };
    let take_off = move |_| {
        if let Some(tags) = wanted() {
            app.tag(items(), Vec::new(), tags);
            tag.set(String::new());
        }
    };
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        add();
    };
    let delete = move |_| {
        let items = items();
        let sentence = match items.len() {
            1 => "1 run was deleted.".to_owned(),
            n => format!("{n} runs were deleted."),
        };
        chosen.set(Vec::new());
        app.delete(items, sentence);
    };
    view! {
        <form class="inline-field" on:submit=submit>
            <input class="tag-field" aria-label="Tag" placeholder="tag" maxlength="32" data-testid="tag-field"
                prop:value=move || tag.get() on:input:target=move |e| tag.set(e.target().value())/>
            <button class="button small" data-testid="tag-chosen">"Tag"</button>
            <button class="button small" type="button" data-testid="untag-chosen" on:click=click(take_off)>"Untag"</button>
        </form>
        <button class="button small" data-testid="pin-chosen" on:click=click(move |_| app.pin(items(), true))>"Pin"</button>
        <button class="button small danger" data-testid="delete-chosen" on:click=click(delete)>"Delete"</button>
    }
    .into_any()
}
