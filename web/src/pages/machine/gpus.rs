//! Owns the table of several GPUs: which colour is whose, and what each went through.
//! Must not know how that is counted (`words`).

use crate::format;
use leptos::prelude::*;
use shared::chart::PALETTE;
use shared::said::machine::Account;

fn row(of: Account) -> AnyView {
    let errors = match (of.corrected, of.uncorrected) {
        (None, None) => format::ABSENT.to_owned(),
        (good, bad) => {
            format!("{} / {}", format::or_absent(good, format::count), format::or_absent(bad, format::count))
        }
    };
    view! {
        <tr>
            <th scope="row"><span class="dot" style:background=PALETTE[of.gpu.place % PALETTE.len()]></span>{of.gpu.short}</th>
            <td>{of.gpu.name}</td>
            <td class="number">{format::or_absent(of.heat, format::share)}</td>
            <td class="number">{format::or_absent(of.power, format::share)}</td>
            <td class="number">{format::or_absent(of.hardware, format::share)}</td>
            <td class="number">{errors}</td>
            <td>{of.failed}</td>
        </tr>
    }
    .into_any()
}

/// Several GPUs beside one another; one alone is told of in sentences.
#[component]
pub fn Gpus(of: Vec<Account>) -> impl IntoView {
    (of.len() > 1).then(|| {
        view! {
            <div class="scroll" tabindex="0" role="region" aria-label="GPUs">
                <table class="processes" data-testid="gpu-table">
                    <thead><tr>
                        <th scope="col">"GPU"</th><th scope="col">"name"</th>
                        <th scope="col" class="number" title="Share of reads in which heat held the clocks down">"held by heat"</th>
                        <th scope="col" class="number" title="Share of reads in which power held the clocks down">"by power"</th>
                        <th scope="col" class="number" title="Share of reads in which the hardware held the clocks down and did not say why">"by hardware"</th>
                        <th scope="col" class="number" title="Memory errors that were corrected, and that were not">"memory errors"</th>
                        <th scope="col">"values not told"</th>
                    </tr></thead>
                    <tbody>{of.into_iter().map(row).collect_view()}</tbody>
                </table>
            </div>
        }
    })
    .into_any()
}
