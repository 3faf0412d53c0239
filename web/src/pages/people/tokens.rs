//! Owns the card of named tokens: made, shown once, listed, revoked.
//! Must not know links.

use super::Ends;
use crate::erased::{click, kept, live, spawn};
use crate::link::http;
use crate::model::{App, Fetched};
use crate::pages::runs::When;
use crate::parts::{Awaited, Card, CopyButton, ErrorBox};
use leptos::prelude::*;
use shared::people::{NewToken, Role, TokenRow};
use shared::wire::ApiError;

/// Days that a token may be made for; never ending where none is chosen.
const DAYS: [(&str, &str); 5] =
    [("", "never"), ("1", "after a day"), ("7", "after 7 days"), ("30", "after 30 days"), ("365", "after a year")];

/// What the card knows.
#[derive(Clone, Copy)]
struct State {
    of: Fetched<Vec<TokenRow>>,
    /// Why something did not work.
    error: RwSignal<Option<ApiError>>,
    /// The token that was just made.
    fresh: RwSignal<Option<(String, String)>>,
}

impl State {
    fn load(self, app: App) {
        self.of.ask(app, "/api/v1/tokens".to_owned());
    }

    fn failed(self, app: App, failure: &http::Failure) {
        app.failed(failure);
        self.error.try_set(Some(failure.error()));
    }
}

/// The card.
#[component]
pub fn Tokens() -> impl IntoView {
    let app = App::get();
    let state = State { of: Fetched::new(), error: RwSignal::new(None), fresh: RwSignal::new(None) };
    state.load(app);
    let rows = kept(move || state.of.value.with(|rows| rows.as_ref().map(|rows| rows.to_vec())));
    let table = move || {
        match rows.get() {
        None => ().into_any(),
        Some(rows) if rows.is_empty() => view! {
            <p class="quiet">"No token was made yet. The one that the agent printed at start is always an admin's."</p>
        }
        .into_any(),
        Some(rows) => view! {
            <div class="scroll"><table data-testid="tokens">
                <thead><tr>
                    <th scope="col">"Name"</th><th scope="col">"Role"</th><th scope="col">"Made"</th><th scope="col">"By"</th>
                    <th scope="col">"Last used"</th><th scope="col">"Ends"</th><th scope="col"><span class="unseen">"Revoke"</span></th>
                </tr></thead>
                <tbody>{rows.into_iter().map(|row| view! { <Row row=row state=state/> }).collect_view()}</tbody>
            </table></div>
        }
        .into_any(),
    }
    };
    view! {
        <Card title="Tokens" about="One for each person or program. A viewer reads; an operator also starts runs and engines, imports and shares; an admin may everything.">
            <Make state=state/>
            <ErrorBox error=state.error/>
            {live(move || state.fresh.get().map(|(name, secret)| view! { <Fresh name=name secret=secret/> }))}
            <Awaited known=state.of.known() error=state.of.error again=state.of.again(app) short=true/>
            {live(table)}
        </Card>
    }
    .into_any()
}

/// The form that makes one.
#[component]
fn Make(state: State) -> impl IntoView {
    let app = App::get();
    let name = RwSignal::new(String::new());
    let role = RwSignal::new(Role::Viewer.label().to_owned());
    let days = RwSignal::new(String::new());
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let days: Option<u32> = days.get_untracked().parse().ok();
        let body = serde_json::json!({ "name": name.get_untracked(), "role": role.get_untracked(), "days": days });
        spawn(async move {
            match http::post::<NewToken>("/api/v1/tokens", "application/json", &body.to_string()).await {
                Ok(made) => {
                    state.error.try_set(None);
                    state.fresh.try_set(Some((made.row.name, made.secret)));
                    name.try_set(String::new());
                    state.load(app);
                }
                Err(failure) => state.failed(app, &failure),
            }
        });
    };
    view! {
        <form class="tools" on:submit=submit>
            <label class="field">
                <span class="field-label">"Name"</span>
                <input required maxlength="80" placeholder="Whose it is" data-testid="token-name" prop:value=move || name.get()
                    on:input:target=move |e| name.set(e.target().value())/>
            </label>
            <label class="field">
                <span class="field-label">"Role"</span>
                <select data-testid="token-role" on:change:target=move |e| role.set(e.target().value())>
                    {Role::ALL.into_iter().map(|role| view! { <option value=role.label()>{role.label()}</option> }).collect_view()}
                </select>
            </label>
            <label class="field">
                <span class="field-label">"Ends"</span>
                <select data-testid="token-days" on:change:target=move |e| days.set(e.target().value())>
                    {DAYS.into_iter().map(|(value, words)| view! { <option value=value>{words}</option> }).collect_view()}
                </select>
            </label>
            <button class="button primary" data-testid="make-token">"Make a token"</button>
        </form>
    }
    .into_any()
}

/// The token that was just made, to be copied now.
#[component]
fn Fresh(name: String, secret: String) -> impl IntoView {
    let address =
        format!("{}{}/?token={secret}", window().location().origin().unwrap_or_default(), crate::base::base());
    view! {
        <div class="notice" role="status">
            <p>{format!("The token for {name}. It is not shown again: only its hash is kept.")}</p>
            <pre class="code" data-testid="fresh-token">{secret.clone()}</pre>
            <CopyButton text=Signal::stored(secret) label="Copy the token"/>" "
            <CopyButton text=Signal::stored(address) label="Copy an address that signs in"/>
        </div>
    }
    .into_any()
}

#[component]
fn Row(row: TokenRow, state: State) -> impl IntoView {
    let app = App::get();
    let asking = RwSignal::new(false);
    let token = row.token.to_string();
    let revoke = move |_| {
        let token = token.clone();
        spawn(async move {
            match http::delete(&format!("/api/v1/tokens/{token}")).await {
                Ok(()) => state.load(app),
                Err(failure) => state.failed(app, &failure),
            }
        });
    };
    let revoke = Callback::new(revoke);
    view! {
        <tr>
            <th scope="row">{row.name}</th>
            <td>{row.role.label()}</td>
            <td><When unix_ms=row.created_unix_ms/></td>
            <td>{row.by.name}</td>
            <td>{match row.used_unix_ms {
                Some(unix_ms) => view! { <When unix_ms=unix_ms/> }.into_any(),
                None => view! { <span class="quiet">"never"</span> }.into_any(),
            }}</td>
            <td><Ends unix_ms=row.expires_unix_ms/></td>
            <td>{live(move || if asking.get() {
                view! {
                    <span class="confirm" role="group" aria-label="Revoke the token?">
                        <button class="button small danger" data-testid="revoke-confirm" on:click=click(move |_| revoke.run(()))>"Revoke"</button>
                        <button class="button small" on:click=click(move |_| asking.set(false))>"Keep"</button>
                    </span>
                }.into_any()
            } else {
                view! { <button class="button small" data-testid="revoke-token" on:click=click(move |_| asking.set(true))>"Revoke"</button> }.into_any()
            })}</td>
        </tr>
    }
    .into_any()
}
