//! Owns how the figures of an engine's KV cache stand on a run's page.
//! Must not know how any of them is computed or put into words.

use super::followed::Followed;
use crate::erased::{Kept, live};
use crate::parts::MetricLink;
use leptos::prelude::*;
use shared::said::kv::{Line, points};

/// The figures of one point.
fn shown((words, lines): (String, Vec<Line>)) -> AnyView {
    let figure = |line: Line| {
        view! {
            <div class="figure">
                <span class="figure-label"><MetricLink key=line.metric words=line.label/></span>
                <span class="figure-value">{line.value}</span>
                <span class="figure-note">{line.note}</span>
            </div>
        }
    };
    view! {
        <section class="kv" data-testid="kv-figures">
            <h3>"KV cache at "{words}</h3>
            <div class="figures">{lines.into_iter().map(figure).collect_view()}</div>
        </section>
    }
    .into_any()
}

/// The figures of a run.
pub fn kv_figures(of: Followed) -> AnyView {
    let points: Kept<_> = of.says(points);
    live(move || points.get().into_iter().map(shown).collect_view())
}
