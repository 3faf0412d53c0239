//! Owns which charts a run has on its time axis.
//! Must not know how they are drawn (`charts`) or computed (`shared::chart`).

use crate::charts::{Chart, Define, TimeAxis, stepped_end};
use crate::erased::{Kept, click, kept, live};
use crate::model::App;
use leptos::prelude::*;
use shared::chart::{self, ChartDefinition, Latency, Theme};
use shared::units::{NS_PER_S, ns_to_s};
use shared::view::RunView;
use std::sync::Arc;

/// End of the time axis: in steps while the run is live, its last second once it ended.
pub fn axis_end(app: App) -> Kept<f64> {
    kept(move || {
        app.with_view(|view| {
            let last_s = ns_to_s(view.last_ns);
            if view.run_state().is_final() { last_s.ceil().max(1.0) } else { stepped_end(last_s) }
        })
        .unwrap_or(1.0)
    })
}

/// A chart of the followed run.
pub fn of_run(app: App, make: impl Fn(&RunView, Theme) -> ChartDefinition + Send + Sync + 'static) -> Define {
    Arc::new(move |theme| app.with_view(|view| make(view, theme)))
}

/// The charts on the shared time axis.
#[component]
pub fn LiveCharts(axis: TimeAxis) -> impl IntoView {
    let app = App::get();
    let zoomed = move || {
        axis.zoom.get().map(|(from, to)| {
            view! {
                <p class="quiet zoom-note">
                    {format!("Showing {from:.1} s to {to:.1} s of the run. ")}
                    <button class="button small" on:click=click(move |_| axis.zoom.set(None))>"Show all"</button>
                </p>
            }
        })
    };
    let has_gaps = kept(move || app.with_view(|v| v.series.bins.iter().any(|b| !b.gaps.is_empty())).unwrap_or(false));
    // Many cells cost more to draw than lines: once a second is enough while the run is live.
    let second = kept(move || app.with_view(|v| (v.last_ns / NS_PER_S, v.run_state().is_final())));
    let gaps = move || {
        let define: Define = Arc::new(move |theme| {
            second.track();
            let range = axis.range();
            untrack(|| app.with_view(|view| chart::gap_map(view, range, theme)))
        });
        view! {
            <section class="charts single">
                <Chart name="gaps" label="Gaps between output chunks over run time, as a heat map" axis=TimeAxis { group: None, ..axis } define=define/>
            </section>
        }
    };
    view! {
        {live(zoomed)}
        <section class="charts" aria-label="Live charts">
            <Chart name="throughput" label="Output tokens per second over run time" axis=axis
                define=of_run(app, chart::throughput)/>
            <Chart name="in-flight" label="Requests in flight over run time" axis=axis
                define=of_run(app, chart::in_flight)/>
            <Chart name="ttft" label="Time to first token over run time, percentiles 50, 90 and 99" axis=axis
                define=of_run(app, |view, theme| chart::latency(view, Latency::Ttft, theme))/>
            <Chart name="tpot" label="Time per output token over run time, percentiles 50, 90 and 99" axis=axis
                define=of_run(app, |view, theme| chart::latency(view, Latency::Tpot, theme))/>
        </section>
        {live(move || has_gaps.get().then(gaps))}
    }
    .into_any()
}
