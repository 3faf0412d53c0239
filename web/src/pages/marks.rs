//! Owns the card of what people put on a run or study: tags, pin and note.
//! Must not know what the run or study is.

use super::runs::When;
use crate::erased::{Kept, click, kept, live, spawn};
use crate::link::http;
use crate::model::{App, Fetched};
use crate::parts::{Awaited, Card, ErrorBox, Icon};
use leptos::prelude::*;
use shared::history::{Marked, Note};
use shared::people::Role;
use shared::wire::ApiError;
use std::sync::Arc;

/// The card's state. Copies share it.
#[derive(Clone, Copy)]
struct State {
    id: StoredValue<String>,
    of: Fetched<Marked>,
    /// The note as somebody writes it.
    draft: RwSignal<Option<String>>,
    error: RwSignal<Option<ApiError>>,
}

impl State {
    fn items(self) -> Vec<String> {
        vec![self.id.get_value()]
    }

    fn save(self, app: App) {
        let Some(text) = self.draft.get_untracked() else { return };
        let path = format!("/api/v1/history/items/{}/note", self.id.get_value());
        spawn(async move {
            match http::put::<Marked>(&path, &serde_json::json!({ "text": text }).to_string()).await {
                Ok(marked) => {
                    self.error.try_set(None);
                    self.draft.try_set(None);
                    self.of.value.try_set(Some(Arc::new(marked)));
                }
                Err(failure) => {
                    app.failed(&failure);
                    // What was written stays in the field.
                    self.error.try_set(Some(failure.error()));
                }
            }
        });
    }
}

/// The card of the run or study of an id; nothing for whoever came by a link.
#[component]
pub fn Marks(id: String) -> impl IntoView {
    let app = App::get();
    let state = State {
        id: StoredValue::new(id.clone()),
        of: Fetched::new(),
        draft: RwSignal::new(None),
        error: RwSignal::new(None),
    };
    let knows = kept(move || app.reader.may(Role::Viewer) && !app.reader.is_guest());
    // Somebody else may have changed it: a run's row comes by itself.
    let run = id.clone().try_into().ok();
    let changed = kept(move || {
        let run = run.as_ref()?;
        app.rows.with(|rows| rows.get(run).map(|row| row.marks.clone()))
    });
    let path = format!("/api/v1/history/items/{id}");
    Effect::new(move |_| {
        changed.track();
        app.changes.track();
        if knows.get() {
            state.of.ask(app, path.clone());
        }
    });
    let may_change = kept(move || app.reader.may(Role::Operator));
    let known = state.of.known();
    live(move || {
        knows.get().then(|| {
            view! {
                <Card title="Tags and note">
                    <Awaited known=state.of.known() error=state.of.error again=state.of.again(app) short=true/>
                    {live(move || known.get().then(|| view! {
                        <Tags state=state may_change=may_change/>
                        <NoteText state=state may_change=may_change/>
                    }))}
                </Card>
            }
        })
    })
}

/// Tags and pin.
#[component]
fn Tags(state: State, may_change: Kept<bool>) -> impl IntoView {
    let app = App::get();
    let marks = kept(move || state.of.value.with(|of| of.as_ref().map(|of| of.marks.clone())).unwrap_or_default());
    let pinned = kept(move || marks.with(|marks| marks.pinned));
    let text = RwSignal::new(String::new());
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let tags: Vec<String> = text.get_untracked().split_whitespace().map(str::to_owned).collect();
        if !tags.is_empty() {
            app.tag(state.items(), tags, Vec::new());
            text.set(String::new());
        }
    };
    let one = move |tag: String| {
        let href = format!("/runs?tag={}", js_sys::encode_uri_component(&tag));
        let (label, gone) = (format!("Take the tag {tag} off"), tag.clone());
        let remove = may_change.get().then(|| {
            view! {
                <button class="chip-button" aria-label=label data-testid="remove-tag"
                    on:click=click(move |_| app.tag(state.items(), Vec::new(), vec![gone.clone()]))><Icon name="close"/></button>
            }
        });
        view! { <span class="badge tag"><a href=href>{tag}</a>{remove}</span> }.into_any()
    };
    view! {
        <div class="marks" data-testid="marks">
            {live(move || marks.with(|marks| marks.tags.iter().cloned().map(one).collect_view()))}
            {live(move || match may_change.get() {
                true => view! {
                    <form class="inline-field" on:submit=submit>
                        <input class="tag-field" aria-label="New tag" placeholder="new tag" maxlength="160" data-testid="new-tag"
                            prop:value=move || text.get() on:input:target=move |e| text.set(e.target().value())/>
                        <button class="button small" data-testid="add-tag">"Add"</button>
                    </form>
                    <button class="button small" aria-pressed=move || pinned.get().to_string() data-testid="pin"
                        title="A pinned run is a baseline that is kept and easily found"
                        on:click=click(move |_| app.pin(state.items(), !pinned.get_untracked()))>
                        <Icon name="pin"/>{live(move || if pinned.get() { "Pinned" } else { "Pin" })}
                    </button>
                }
                .into_any(),
                false => pinned.get().then(|| view! { <span class="badge">"pinned"</span> }).into_any(),
            })}
        </div>
    }
    .into_any()
}

/// The note, and the field to write it.
#[component]
fn NoteText(state: State, may_change: Kept<bool>) -> impl IntoView {
    let app = App::get();
    let note = kept(move || state.of.value.with(|of| of.as_ref().map(|of| of.note.clone())));
    let writes = kept(move || state.draft.with(Option::is_some));
    let edit = move |_| {
        let text = note.with_untracked(|note| note.as_ref().map(|note| note.text.clone()));
        state.draft.set(Some(text.unwrap_or_default()));
    };
    let shown = move |note: Note| {
        let is_empty = note.text.is_empty();
        let by = note.by.zip(note.at_unix_ms).map(|(who, at)| {
            view! { <p class="quiet">{who.name}", "<When unix_ms=at/></p> }
        });
        // The agent made this of Markdown: nothing but the elements of a note is in it.
        view! {
            {(!is_empty).then(|| view! { <div class="note" data-testid="note" inner_html=note.html></div> })}
            {by}
            {live(move || may_change.get().then(|| view! {
                <button class="button small" data-testid="edit-note" on:click=click(edit)>
                    {if is_empty { "Write a note" } else { "Edit the note" }}
                </button>
            }))}
            {live(move || (is_empty && !may_change.get()).then(|| view! { <p class="quiet">"There is no note."</p> }))}
        }
        .into_any()
    };
    live(move || {
        if writes.get() {
            return view! {
                <label class="field">
                    <span class="field-label">"Note, in Markdown"</span>
                    <textarea class="note-field" rows="6" maxlength="16384" data-testid="note-field"
                        prop:value=state.draft.get_untracked().unwrap_or_default()
                        on:input:target=move |e| state.draft.set(Some(e.target().value()))></textarea>
                </label>
                <ErrorBox error=state.error/>
                <div class="tools">
                    <button class="button primary small" data-testid="save-note" on:click=click(move |_| state.save(app))>"Save"</button>
                    <button class="button small" on:click=click(move |_| state.draft.set(None))>"Cancel"</button>
                </div>
            }
            .into_any();
        }
        note.get().map(shown).into_any()
    })
}
