//! Owns the sign-in screen: the token that the agent printed.
//! Must not know what else there is to see.

use crate::erased::spawn;
use crate::link::http;
use crate::model::App;
use crate::parts::{Card, ErrorBox};
use leptos::prelude::*;

/// Asks for the token.
#[component]
pub fn SignIn() -> impl IntoView {
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
                Err(http::Failure::SignedOut) => error.set(Some(shared::wire::ApiError {
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
        <div class="narrow">
            <Card title="Sign in" about="The agent prints an address with a token when it starts. Open that address, or enter the token here.">
                <form class="form" on:submit=submit>
                    <label class="field">
                        <span class="field-label">"Token"</span>
                        <input type="password" autocomplete="current-password" required data-testid="token"
                            on:input:target=move |e| token.set(e.target().value())/>
                    </label>
                    <ErrorBox error=error/>
                    <button class="button primary" disabled=busy data-testid="sign-in">"Sign in"</button>
                </form>
            </Card>
        </div>
    }
    .into_any()
}
