//! Owns the banner that says when the agent cannot be heard, since when, and what is still shown.
//! Must not know the socket.

use super::reload;
use crate::erased::{click, live};
use crate::format;
use crate::model::{App, Connection};
use leptos::prelude::*;

/// The banner; an unseen mark with the state where all is well.
#[component]
pub fn ConnectionBanner() -> impl IntoView {
    let app = App::get();
    let word = move || match app.connection.get() {
        Connection::Connecting => "connecting",
        Connection::Open => "open",
        Connection::Lost { .. } => "lost",
        Connection::Outdated => "outdated",
        Connection::SignedOut => "signed-out",
    };
    let banner = move || match app.connection.get() {
        Connection::Lost { since_unix_ms, attempt } => {
            let since = app.agent.with(|agent| agent.clock(since_unix_ms));
            let age = format::age(app.now_unix_ms.get(), since_unix_ms);
            Some(view! {
                <div class="banner" role="status">
                    <span class="shape" aria-hidden="true">"△ "</span>
                    {format!("No connection to the agent since {since} ({age}). The page shows what arrived until then and fills the gap when the agent is back; attempt {attempt}.")}
                    <button class="button small" on:click=click(move |_| app.retry_now())>"Try now"</button>
                </div>
            }.into_any())
        }
        Connection::Outdated => Some(
            view! {
                <div class="banner" role="alert">
                    <span class="shape" aria-hidden="true">"△ "</span>
                    "This page is of another version than the agent: reload it."
                    <button class="button small" on:click=click(move |_| reload())>"Reload"</button>
                </div>
            }
            .into_any(),
        ),
        _ => None,
    };
    view! {
        <span hidden data-testid="connection" data-state=word>{live(word)}</span>
        {live(banner)}
    }
    .into_any()
}
