//! Owns the button that opens the dialog for a link to what a page shows; who may not make one does not see it.
//! Must not know what the page shows, nor how a link is made.

use super::Icon;
use crate::erased::{click, kept, live};
use crate::model::App;
use leptos::prelude::*;
use shared::people::{Role, Shared};

/// The button; `what` tells what a link would show, once that is known.
#[component]
pub fn ShareButton(what: Callback<(), Option<Shared>>) -> impl IntoView {
    let app = App::get();
    let may_share = kept(move || app.reader.may(Role::Operator));
    let open = move |_| {
        if let Some(shared) = what.run(()) {
            app.sharing.set(Some(shared));
        }
    };
    live(move || {
        may_share.get().then(|| {
            view! {
                <button class="button small" data-testid="share" on:click=click(open)><Icon name="share"/>"Share"</button>
            }
        })
    })
}
