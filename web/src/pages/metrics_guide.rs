//! Owns the guide to the metrics: a table made from the registry.
//! Must not know any definition itself.

use crate::parts::Card;
use leptos::prelude::*;
use shared::metric::{Direction, METRICS};

/// Every metric: unit, direction, definition, and how others' numbers of that name differ.
#[component]
pub fn MetricsGuide() -> impl IntoView {
    let row = |m: &'static shared::metric::Metric| {
        let direction = match m.direction {
            Direction::Lower => "↓ lower",
            Direction::Higher => "↑ higher",
            Direction::Neutral => "",
        };
        view! {
            <tr id=m.key>
                <th scope="row">{m.name}<br/><code>{m.key}</code></th>
                <td>{m.unit}</td>
                <td>{direction}</td>
                <td>{m.definition}</td>
                <td class="quiet">{m.others.iter().map(|peer| view! { <p><b>{peer.tool}</b>": "{peer.says}</p> }).collect_view()}</td>
            </tr>
        }
    };
    view! {
        <h1>"What the numbers mean"</h1>
        <Card title="Metrics" about="Percentiles are by nearest rank over all samples; below n = 1/(1 − p) they are not shown. Live values with ≈ are exact to 1 %.">
            <div class="scroll">
                <table class="prose" data-testid="metrics-table">
                    <thead><tr>
                        <th scope="col">"Metric"</th><th scope="col">"Unit"</th><th scope="col">"Better"</th>
                        <th scope="col">"Definition"</th><th scope="col">"Elsewhere"</th>
                    </tr></thead>
                    <tbody>{METRICS.iter().map(row).collect_view()}</tbody>
                </table>
            </div>
        </Card>
    }
    .into_any()
}
