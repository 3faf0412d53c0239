//! Owns the sign-in screen: a token, and why the one before or a link is of no use any more.
//! Must not know what else there is to see.

use crate::erased::{kept, live, spawn};
use crate::link::http;
use crate::model::{App, Out};
use crate::parts::{Card, ErrorBox};
use leptos::prelude::*;

/// Says why nobody is in, and asks for a token.
#[component]
pub fn SignIn() -> impl IntoView {
    let reader = App::get().reader;
    // Every request that fails tells it again: a form made anew would lose what somebody types.
    let out = kept(move || reader.out());
    let shown = move || {
        match out.get() {
        Out::Link => view! {
            <Card title="This link shows nothing any more" about="It was revoked or has expired. Ask whoever sent it for a new one.">
                <details data-testid="link-ended"><summary>"I have a token"</summary><Form/></details>
            </Card>
        }
        .into_any(),
        Out::Token => view! {
            <Card title="Signed out" about="Your token was revoked or has expired. Sign in with another one: an admin of this agent makes them.">
                <span data-testid="token-ended"><Form/></span>
            </Card>
        }
        .into_any(),
        Out::Never => view! {
            <Card title="Sign in" about="The agent prints an address with a token when it starts. Open that address, or enter the token, or one that an admin gave you, here.">
                <Form/>
            </Card>
        }
        .into_any(),
    }
    };
    view! { <div class="narrow">{live(shown)}</div> }.into_any()
}

/// The field and the button.
#[component]
fn Form() -> impl IntoView {
    let app = App::get();
    let token = RwSignal::new(String::new());
    let error = RwSignal::new(None);
    let busy = RwSignal::new(false);
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        busy.set(true);
        let body = serde_json::json!({ "token": token.get_untracked().trim() }).to_string();
        spawn(async move {
            match http::command("/api/v1/sign-in", &body).await {
                Ok(()) => app.signed_in(),
                Err(http::Failure::SignedOut(_)) => error.set(Some(shared::wire::ApiError {
                    error: "This is not the token of this agent: copy it again from the agent's output, where it \
                            follows \"token=\"."
                        .to_owned(),
                    detail: None,
                })),
                Err(failure) => error.set(Some(failure.error())),
            }
            busy.try_set(false);
        });
    };
    view! {
        <form class="form" on:submit=submit>
            <label class="field">
                <span class="field-label">"Token"</span>
                <input type="password" autocomplete="current-password" required data-testid="token"
                    on:input:target=move |e| token.set(e.target().value())/>
            </label>
            <ErrorBox error=error/>
            <button class="button primary" disabled=busy data-testid="sign-in">"Sign in"</button>
        </form>
    }
    .into_any()
}
