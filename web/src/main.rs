//! Owns the start of the page: state, routes, keys.
//! Must not know any screen's content.

mod charts;
mod format;
mod link;
mod model;
mod pages;
mod parts;

use leptos::ev;
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::components::{Route, Router, Routes};
use leptos_router::hooks::use_navigate;
use leptos_router::path;
use model::{App, Connection};
use pages::{MetricsGuide, NewRun, Now, Run, Runs, SignIn};
use parts::{ConnectionBanner, Empty, Help, Rail, Toasts};
use wasm_bindgen::JsCast;
use web_sys::{HtmlElement, KeyboardEvent};

fn main() {
    console_error_panic_hook::set_once();
    leptos::mount::mount_to_body(Page);
}

/// The whole page.
#[component]
fn Page() -> impl IntoView {
    let app = App::new(parts::current_theme());
    provide_context(app);
    app.start();
    // Nothing else of the connection: a screen made anew whenever it changes would lose what somebody typed.
    let signed_out = Memo::new(move |_| app.connection.get() == Connection::SignedOut);
    view! {
        <Router>
            <Keys/>
            <a class="skip" href="#main">"Skip to content"</a>
            <Rail/>
            <main id="main">
                <ConnectionBanner/>
                {move || {
                    if signed_out.get() {
                        view! { <SignIn/> }.into_any()
                    } else {
                        view! { <Screens/> }.into_any()
                    }
                }}
            </main>
            <Toasts/>
            <Help/>
        </Router>
    }
}

/// One screen by address.
#[component]
fn Screens() -> impl IntoView {
    let lost = || {
        view! {
            <Empty title="There is no such page" text="The address leads nowhere: it may be of another version." action="To the start" href="/"/>
        }
    };
    view! {
        <Routes fallback=lost>
            <Route path=path!("/") view=Now/>
            <Route path=path!("/new") view=NewRun/>
            <Route path=path!("/runs") view=Runs/>
            <Route path=path!("/runs/:run") view=Run/>
            <Route path=path!("/metrics-guide") view=MetricsGuide/>
        </Routes>
    }
    .into_any()
}

/// The keys that work everywhere outside input fields.
#[component]
fn Keys() -> impl IntoView {
    let app = App::get();
    let navigate = use_navigate();
    let handle = window_event_listener(ev::keydown, move |event: KeyboardEvent| {
        if event.key() == "Escape" {
            app.help.set(false);
        }
        if event.ctrl_key() || event.meta_key() || event.alt_key() || is_typing(&event) {
            return;
        }
        match event.key().as_str() {
            "/" => {
                app.search.set(true);
                navigate("/runs", NavigateOptions::default());
            }
            "n" => navigate("/new", NavigateOptions::default()),
            "?" => app.help.set(true),
            _ => return,
        }
        event.prevent_default();
    });
    on_cleanup(move || handle.remove());
}

/// True where the key goes into a field.
fn is_typing(event: &KeyboardEvent) -> bool {
    let element = event.target().and_then(|t| t.dyn_into::<HtmlElement>().ok());
    element.is_some_and(|e| matches!(e.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT"))
}
