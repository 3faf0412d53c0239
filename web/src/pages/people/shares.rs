//! Owns the table of links: what each shows, until when, revoked here; and the card of all of them.
//! Must not know how a link is made.

use super::Ends;
use crate::erased::{click, kept, live, spawn};
use crate::link::http;
use crate::model::{App, Fetched};
use crate::pages::runs::When;
use crate::parts::{Awaited, Card, ErrorBox};
use leptos::prelude::*;
use shared::people::ShareRow;
use shared::wire::ApiError;

/// The links that are listed.
#[derive(Clone, Copy)]
pub(super) struct Listed {
    of: Fetched<Vec<ShareRow>>,
    /// Why something did not work.
    pub(super) error: RwSignal<Option<ApiError>>,
}

impl Listed {
    pub(super) fn new() -> Self {
        Self { of: Fetched::new(), error: RwSignal::new(None) }
    }

    /// Asks for the links: those of a run or a study, or all.
    pub(super) fn load(self, app: App, of: Option<String>) {
        let path = of.map_or_else(|| "/api/v1/shares".to_owned(), |of| format!("/api/v1/shares?of={of}"));
        self.of.ask(app, path);
    }

    pub(super) fn failed(self, app: App, failure: &http::Failure) {
        app.failed(failure);
        self.error.try_set(Some(failure.error()));
    }

    /// Asks again after something was done.
    pub(super) fn done(self, app: App) {
        self.error.try_set(None);
        self.of.again(app).run(());
    }

    fn revoke(self, app: App, row: ShareRow) {
        spawn(async move {
            match http::delete(&format!("/api/v1/shares/{}", row.share)).await {
                Ok(()) => self.done(app),
                Err(failure) => self.failed(app, &failure),
            }
        });
    }
}

/// The table; `shows` adds what each link shows.
#[component]
pub(super) fn Table(listed: Listed, shows: bool) -> impl IntoView {
    let row = move |row: ShareRow| {
        let app = App::get();
        let path = row.shared.path();
        let (title, kind, by, created, expires) =
            (row.title.clone(), row.shared.kind(), row.by.name.clone(), row.created_unix_ms, row.expires_unix_ms);
        view! {
            <tr data-testid="share-row">
                {shows.then(|| view! { <th scope="row"><a href=path>{title}</a>" "<span class="quiet">{kind}</span></th> })}
                <td><When unix_ms=created/></td>
                <td>{by}</td>
                <td><Ends unix_ms=Some(expires)/></td>
                <td>
                    <button class="button small" data-testid="revoke-share" on:click=click(move |_| listed.revoke(app, row.clone()))>"Revoke"</button>
                </td>
            </tr>
        }
    };
    let rows = kept(move || listed.of.value.with(|rows| rows.as_ref().map(|rows| rows.to_vec())));
    let table = move || match rows.get() {
        None => ().into_any(),
        Some(rows) if rows.is_empty() => {
            view! { <p class="quiet" data-testid="no-shares">"There is no link now."</p> }.into_any()
        }
        Some(rows) => view! {
            <div class="scroll"><table>
                <thead><tr>
                    {shows.then(|| view! { <th scope="col">"Shows"</th> })}
                    <th scope="col">"Made"</th><th scope="col">"By"</th><th scope="col">"Ends"</th>
                    <th scope="col"><span class="unseen">"Revoke"</span></th>
                </tr></thead>
                <tbody>{rows.into_iter().map(row).collect_view()}</tbody>
            </table></div>
        }
        .into_any(),
    };
    view! {
        <Awaited known=listed.of.known() error=listed.of.error again=listed.of.again(App::get()) short=true/>
        {live(table)}
    }
    .into_any()
}

/// All links.
#[component]
pub fn Shares() -> impl IntoView {
    let (app, listed) = (App::get(), Listed::new());
    listed.load(app, None);
    view! {
        <Card title="Links" about="Each shows one run, study or comparison to whoever has it, live and read-only, without a token. Share on its page makes one.">
            <ErrorBox error=listed.error/>
            <Table listed=listed shows=true/>
        </Card>
    }
    .into_any()
}
