//! Owns what the history takes on the disk, in figures, and the runs that hold most.
//! Must not know what is done about it.

use super::super::runs::When;
use crate::erased::{Kept, kept, live};
use crate::format;
use crate::model::Fetched;
use crate::parts::{Card, Figure};
use leptos::prelude::*;
use shared::retention::{Disk, Held, Kept as Keeps};

/// The card.
#[component]
pub(super) fn DiskUse(of: Fetched<Disk>) -> impl IntoView {
    let text = move |read: fn(&Disk) -> String| -> Kept<String> {
        kept(move || of.value.with(|disk| disk.as_deref().map(read)).unwrap_or_default())
    };
    let note = move |read: fn(&Disk) -> String| kept(move || of.value.with(|disk| disk.as_deref().map(read)));
    let runs = kept(move || of.value.with(|disk| disk.as_ref().map(|disk| disk.largest.clone())).unwrap_or_default());
    let none = kept(move || runs.with(Vec::is_empty));
    view! {
        <Card title="What the history takes" about="Events, with the lines of the engines' logs, are in the log; what single requests did is in the records.">
            <div class="figures" data-testid="disk">
                <Figure label="Log" value=text(|disk| format::bytes(disk.log_bytes))
                    note=note(|disk| format!("{} of it free for new events", format::bytes(disk.log_free_bytes)))/>
                <Figure label="Request records" value=text(|disk| format::bytes(disk.records_bytes))
                    note=note(|disk| format!("of {} runs in the list", disk.runs))/>
                <Figure label="In the bin" value=text(|disk| format::bytes(disk.bin_bytes))
                    note=note(|disk| format!("{} runs and studies", disk.bin))/>
                <Figure label="Free on the disk" value=text(|disk| format::or_absent(disk.free_bytes, format::bytes))/>
            </div>
            <h3>"Runs that hold most"</h3>
            {live(move || none.get().then(|| view! { <p class="quiet">"No run holds anything yet."</p> }))}
            <div class="scroll" tabindex="0" role="region" aria-label="Table of runs that hold most" hidden=move || none.get()>
                <table data-testid="largest">
                    <thead><tr>
                        <th scope="col">"Run"</th><th scope="col">"Created"</th><th scope="col" class="number">"Events"</th>
                        <th scope="col" class="number">"Records"</th><th scope="col">"Kept"</th>
                    </tr></thead>
                    <tbody>{live(move || runs.get().into_iter().map(line).collect_view())}</tbody>
                </table>
            </div>
        </Card>
    }
    .into_any()
}

fn line(of: Held) -> AnyView {
    let kept = match of.kept {
        Some(Keeps::Active) => "under way",
        Some(Keeps::Pinned) => "pinned",
        Some(Keeps::Tagged) => "tagged keep",
        None => "as the policy says",
    };
    view! {
        <tr>
            <th scope="row"><a href=format!("/runs/{}", of.run)>{of.name}</a></th>
            <td><When unix_ms=of.created_unix_ms/></td>
            <td class="number">{format::bytes(of.events_bytes)}</td>
            <td class="number">{format::bytes(of.records_bytes)}</td>
            <td>{kept}</td>
        </tr>
    }
    .into_any()
}
