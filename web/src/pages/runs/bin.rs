//! Owns the bin: what was deleted, and the way back.
//! Must not know what empties it.

use super::When;
use crate::erased::{click, kept, live};
use crate::model::{App, Fetched};
use crate::parts::Awaited;
use leptos::prelude::*;
use shared::history::BinRow;
use shared::people::{Role, Side};
use shared::retention::BIN_DAYS;

/// The bin.
#[component]
pub(super) fn Bin() -> impl IntoView {
    let app = App::get();
    let of = Fetched::<Vec<BinRow>>::new();
    Effect::new(move |_| {
        app.changes.track();
        of.ask(app, "/api/v1/history/bin".to_owned());
    });
    let rows = kept(move || of.value.with(|rows| rows.as_ref().map(|rows| rows.to_vec())));
    let body = move || {
        match rows.get() {
        None => ().into_any(),
        Some(rows) if rows.is_empty() => {
            view! { <p class="quiet" data-testid="bin-empty">"Nothing was deleted. What is deleted lies here, and comes back with its tags and notes."</p> }
                .into_any()
        }
        Some(rows) => view! {
            <div class="scroll card" tabindex="0" role="region" aria-label="Table of what was deleted">
                <table data-testid="bin">
                    <thead><tr>
                        <th scope="col">"Name"</th><th scope="col">"Kind"</th><th scope="col">"Deleted"</th>
                        <th scope="col">"By"</th><th scope="col"><span class="unseen">"Bring back"</span></th>
                    </tr></thead>
                    <tbody>{rows.into_iter().map(line).collect_view()}</tbody>
                </table>
            </div>
        }
        .into_any(),
    }
    };
    view! {
        <p class="below quiet"><a href="/runs">"All runs"</a>" · "{format!("What lies here is gone for good {BIN_DAYS} days after it was deleted.")}</p>
        <Awaited known=of.known() error=of.error again=of.again(app)/>
        {live(body)}
    }
    .into_any()
}

fn line(row: BinRow) -> AnyView {
    let app = App::get();
    let may_change = kept(move || app.reader.may(Role::Operator));
    let kind = if matches!(row.item, Side::Run(_)) { "run" } else { "study" };
    let by = row.by.map_or_else(|| "not known".to_owned(), |who| who.name);
    let item = row.item.to_string();
    let label = format!("Bring back {}", row.name);
    let button = move || {
        let (item, label) = (item.clone(), label.clone());
        may_change.get().then(|| {
            view! {
                <button class="button small" aria-label=label data-testid="undelete"
                    on:click=click(move |_| app.undelete(vec![item.clone()]))>"Bring back"</button>
            }
        })
    };
    view! {
        <tr>
            <th scope="row">{row.name}</th>
            <td>{kind}</td>
            <td><When unix_ms=row.deleted_unix_ms/></td>
            <td>{by}</td>
            <td>{live(button)}</td>
        </tr>
    }
    .into_any()
}
