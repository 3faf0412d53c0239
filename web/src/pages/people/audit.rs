//! Owns the card of what people did, the last first, a page at a time.
//! Must not know what an action means.

use crate::erased::{click, live, spawn};
use crate::link::http;
use crate::model::App;
use crate::pages::runs::When;
use crate::parts::{Card, ErrorBox};
use leptos::prelude::*;
use shared::people::AuditRow;

/// Rows that are asked for at once.
const PAGE: usize = 50;

/// The card.
#[component]
pub fn Audit() -> impl IntoView {
    let app = App::get();
    let rows = RwSignal::new(Vec::<AuditRow>::new());
    let more = RwSignal::new(false);
    let error = RwSignal::new(None);
    let load = move || {
        let before = rows.with_untracked(|rows| rows.last().map(|row| row.seq));
        let before = before.map(|seq| format!("&before={seq}")).unwrap_or_default();
        spawn(async move {
            match http::get::<Vec<AuditRow>>(&format!("/api/v1/audit?limit={PAGE}{before}")).await {
                Ok(page) => {
                    more.try_set(page.len() >= PAGE);
                    rows.try_update(|rows| rows.extend(page));
                }
                Err(failure) => {
                    app.failed(&failure);
                    error.try_set(Some(failure.error()));
                }
            }
        });
    };
    load();
    let row = |row: AuditRow| {
        view! {
            <tr>
                <td><When unix_ms=row.at_unix_ms/></td>
                <td>{row.by.map(|by| by.name)}</td>
                <td>{row.action}</td>
                <td class="object">{row.object}</td>
            </tr>
        }
    };
    view! {
        <Card title="What was done" about="By whom, the last first. Sign-ins that failed are told in bulk, by address.">
            <ErrorBox error=error/>
            <div class="scroll"><table data-testid="audit">
                <thead><tr><th scope="col">"When"</th><th scope="col">"Who"</th><th scope="col">"What"</th><th scope="col">"Of"</th></tr></thead>
                <tbody>{live(move || rows.get().into_iter().map(row).collect_view())}</tbody>
            </table></div>
            {live(move || more.get().then(|| view! { <button class="button small" on:click=click(move |_| load())>"Earlier"</button> }))}
        </Card>
    }
    .into_any()
}
