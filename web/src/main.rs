//! Owns the start of the page: state, routes, keys.
//! Must not know any screen's content.

mod base;
mod charts;
mod erased;
mod link;
mod model;
mod pages;
mod parts;
mod route;

use crate::erased::{kept, live};
use leptos::ev;
use leptos::prelude::*;
use model::{App, Connection};
use pages::{Now, OnDemand, Screen};
use parts::{ConnectionBanner, DamageBanner, Empty, ErrorBox, Help, Rail, Toasts};
use route::{Place, Route};
use shared::format;
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
    provide_context(Place::start());
    // Nothing else of the connection: a screen made anew whenever it changes would lose what somebody typed.
    let signed_out = kept(move || app.connection.get() == Connection::SignedOut);
    view! {
        <Keys/>
        <a class="skip" href="#main">"Skip to content"</a>
        <Rail/>
        <main id="main">
            <ConnectionBanner/>
            <DamageBanner/>
            {live(move || {
                if signed_out.get() {
                    view! { <OnDemand screen=Screen::SignIn/> }.into_any()
                } else {
                    view! { <Screens/> }.into_any()
                }
            })}
        </main>
        <Toasts/>
        <Help/>
        {live(move || app.sharing.with(Option::is_some).then(|| view! { <OnDemand screen=Screen::Share/> }))}
    }
}

/// One screen by address.
#[component]
fn Screens() -> impl IntoView {
    let (app, route) = (App::get(), Place::get().route());
    let reader = app.reader;
    // Without that no screen has anything to show; the error above says it.
    let nobody = kept(move || app.missing.with(Option::is_some) && !reader.is_known());
    let again = Callback::new(move |()| app.ask());
    let guest = kept(move || reader.is_guest());
    let screen = live(move || {
        if nobody.get() {
            return ().into_any();
        }
        if guest.get() && !route.with(Route::is_for_guests) {
            return view! { <OnDemand screen=Screen::NotShared/> }.into_any();
        }
        match route.get() {
        Route::Now => view! { <Now/> }.into_any(),
        Route::NewRun => view! { <OnDemand screen=Screen::NewRun/> }.into_any(),
        Route::Engines => view! { <OnDemand screen=Screen::Engines/> }.into_any(),
        Route::Queue => view! { <OnDemand screen=Screen::Queue/> }.into_any(),
        Route::Schedule => view! { <OnDemand screen=Screen::Schedule/> }.into_any(),
        Route::Runs => view! { <OnDemand screen=Screen::Runs/> }.into_any(),
        Route::Run(id) => view! { <OnDemand screen=Screen::Run of=id/> }.into_any(),
        Route::Studies => view! { <OnDemand screen=Screen::Studies/> }.into_any(),
        Route::NewStudy => view! { <OnDemand screen=Screen::NewStudy/> }.into_any(),
        Route::Study(id) => view! { <OnDemand screen=Screen::Study of=id/> }.into_any(),
        Route::Compare => view! { <OnDemand screen=Screen::Compare/> }.into_any(),
        Route::People => view! { <OnDemand screen=Screen::People/> }.into_any(),
        Route::Settings => view! { <OnDemand screen=Screen::Settings/> }.into_any(),
        Route::Metrics => view! { <OnDemand screen=Screen::Metrics/> }.into_any(),
        Route::Lost => view! {
            <Empty title="There is no such page" text="The address leads nowhere: it may be of another version." action="To the start" href="/"/>
        }
        .into_any(),
    }
    });
    view! { <ErrorBox error=app.missing again=again/>{screen} }.into_any()
}

/// The keys that work everywhere outside input fields.
#[component]
fn Keys() -> impl IntoView {
    let app = App::get();
    let place = Place::get();
    let handle = window_event_listener(ev::keydown, move |event: KeyboardEvent| {
        if event.key() == "Escape" {
            app.help.set(false);
            app.sharing.set(None);
        }
        if event.ctrl_key() || event.meta_key() || event.alt_key() || is_typing(&event) {
            return;
        }
        match event.key().as_str() {
            "/" | "n" if app.reader.is_guest() => return,
            "/" => {
                app.search.set(true);
                place.go("/runs");
            }
            "n" => place.go("/new"),
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
