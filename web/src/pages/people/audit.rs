//! Owns the card of what people did, the last first, a page at a time.
//! Must not know what an action means.

use crate::erased::{click, kept, live, spawn};
use crate::link::http;
use crate::model::App;
use crate::pages::runs::When;
use crate::parts::{Awaited, Card};
use leptos::prelude::*;
use shared::people::AuditRow;

/// Rows that are asked for at once.
const PAGE: usize = 50;

/// The card.
#[component]
pub fn Audit() -> impl IntoView {
    let app = App::get();
    let rows = RwSignal::new(None::<Vec<AuditRow>>);
    let more = RwSignal::new(false);
    let error = RwSignal::new(None);
    let load = move || {
        error.set(None);
        let before = rows.with_untracked(|rows| rows.iter().flatten().last().map(|row| row.seq));
        let before = before.map(|seq| format!("&before={seq}")).unwrap_or_default();
        spawn(async move {
            match http::get::<Vec<AuditRow>>(&format!("/api/v1/audit?limit={PAGE}{before}")).await {
                Ok(page) => {
                    more.try_set(page.len() >= PAGE);
                    rows.try_update(|rows| rows.get_or_insert_default().extend(page));
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
    let known = kept(move || rows.with(Option::is_some));
    let table = move || {
        let rows = rows.get()?;
        let shown = if rows.is_empty() {
            view! { <p class="quiet" data-testid="audit-empty">"Nothing was done yet. Who starts, changes or deletes something is told here."</p> }
                .into_any()
        } else {
            view! {
                <div class="scroll"><table data-testid="audit">
                    <thead><tr><th scope="col">"When"</th><th scope="col">"Who"</th><th scope="col">"What"</th><th scope="col">"Of"</th></tr></thead>
                    <tbody>{rows.into_iter().map(row).collect_view()}</tbody>
                </table></div>
            }
            .into_any()
        };
        Some(shown)
    };
    view! {
        <Card title="What was done" about="By whom, the last first. Sign-ins that failed are told in bulk, by address.">
            <Awaited known=known error=error again=Callback::new(move |()| load())/>
            {live(table)}
            {live(move || more.get().then(|| view! { <button class="button small" on:click=click(move |_| load())>"Earlier"</button> }))}
        </Card>
    }
    .into_any()
}
