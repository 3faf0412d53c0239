//! Owns the exact distribution of a latency, points over one another: fetched from the agent's records.
//! Must not know how a distribution is computed or drawn.

use crate::charts::Chart;
use crate::erased::{kept, live, spawn};
use crate::link::http;
use crate::model::{App, Retry};
use crate::parts::{Awaited, Card, MetricLink};
use leptos::prelude::*;
use shared::chart::{self, Overlay, PALETTE};
use shared::wire::{ApiError, PointDistribution};
use std::sync::Arc;

/// Latencies to choose from: key in the registry and the words of the choice.
const LATENCIES: [(&str, &str); 6] = [
    ("ttft", "TTFT, from sent"),
    ("ttft_scheduled", "TTFT, from due"),
    ("tpot", "TPOT"),
    ("itl", "ITL"),
    ("chunk_gap", "Chunk gap"),
    ("e2e", "Whole answer"),
];

/// The points to show: those chosen, and at first some from the lowest to the highest.
fn shown(points: &[(usize, String)], chosen: Option<&[usize]>) -> Vec<(usize, String)> {
    if let Some(chosen) = chosen {
        return points.iter().filter(|(place, _)| chosen.contains(place)).cloned().collect();
    }
    chart::first_points(points)
}

/// The card.
#[component]
pub fn Distributions() -> impl IntoView {
    let app = App::get();
    let open = app.plan().is_some_and(|plan| plan.load.arrival.is_open());
    let metric = RwSignal::new(if open { "ttft_scheduled" } else { "ttft" });
    let chosen = RwSignal::new(None::<Vec<usize>>);
    let points = kept(move || app.with_view(chart::measured_points).unwrap_or_default());
    let wanted = kept(move || points.with(|points| chosen.with(|chosen| shown(points, chosen.as_deref()))));
    let overlays = RwSignal::new(Arc::new(Vec::<Overlay>::new()));
    let error = RwSignal::new(None::<ApiError>);
    // Counts questions, so that a slow answer to an earlier one is dropped.
    let asked = RwSignal::new(0u64);
    let came = RwSignal::new(false);
    let retry = Retry::of(error);
    Effect::new(move |_| {
        retry.track();
        let (metric, wanted, Some(run)) = (metric.get(), wanted.get(), app.run()) else { return };
        asked.update(|n| *n += 1);
        let question = asked.get_untracked();
        spawn(async move {
            let mut found = Vec::new();
            for (place, words) in wanted {
                let path = format!("/api/v1/runs/{run}/points/{place}/distribution?metric={metric}");
                match http::get::<PointDistribution>(&path).await {
                    Ok(distribution) => found.push((place, words, distribution)),
                    Err(failure) => {
                        app.failed(&failure);
                        error.try_set(Some(failure.error()));
                        return;
                    }
                }
            }
            if asked.try_get_untracked() == Some(question) {
                error.set(None);
                came.set(true);
                overlays.set(Arc::new(found));
            }
        });
    });
    let toggle = move |place: usize| {
        let mut now: Vec<usize> = wanted.with_untracked(|w| w.iter().map(|(place, _)| *place).collect());
        match now.iter().position(|p| *p == place) {
            Some(at) => drop(now.remove(at)),
            None => now.push(place),
        }
        chosen.set(Some(now));
    };
    let chip = move |(place, words): (usize, String)| {
        let on = move || wanted.with(|w| w.iter().any(|(p, _)| *p == place));
        view! {
            <label class="chip" style:border-color=PALETTE[place % PALETTE.len()]>
                <input type="checkbox" prop:checked=on on:change=move |_| toggle(place)/>
                {words}
            </label>
        }
    };
    let note = move || {
        overlays.with(|overlays| {
            let limited: u64 = overlays.iter().map(|(.., d)| d.at_least).sum();
            (limited > 0).then(|| view! {
                <p class="quiet">{format!("{limited} requests reached a limit: of them only a lower bound is known, so shares end below 1.")}</p>
            })
        })
    };
    let drawn = kept(move || overlays.with(|o| o.iter().any(|(.., d)| d.n > 0)));
    let empty = move || overlays.with(|o| !o.is_empty() && o.iter().all(|(.., d)| d.n == 0));
    let define = move |make: fn(&[Overlay], chart::Theme) -> chart::ChartDefinition| {
        Arc::new(move |theme| overlays.with(|overlays| (!overlays.is_empty()).then(|| make(overlays, theme))))
    };
    view! {
        <Card title="Distribution" about="Every request of the window, not a sample; one colour a point.">
            <div class="tools">
                <select
                    aria-label="Latency"
                    data-testid="distribution-metric"
                    on:change:target=move |e| {
                        let value = e.target().value();
                        if let Some((key, _)) = LATENCIES.iter().find(|(key, _)| *key == value) {
                            metric.set(key);
                        }
                    }
                >
                    {LATENCIES.iter().map(|(key, words)| view! {
                        <option value=*key selected=move || metric.get() == *key>{*words}</option>
                    }).collect_view()}
                </select>
                <div class="chips">{live(move || points.get().into_iter().map(chip).collect_view())}</div>
                {live(move || view! { <MetricLink key=metric.get() words="What it means"/> })}
            </div>
            <Awaited known=came error=error again=retry.again()/>
            {live(move || empty().then(|| view! { <p class="quiet">"No request has this latency: the metric's definition says when it is absent."</p> }))}
            {live(move || drawn.get().then(|| view! {
                <div class="charts">
                    <Chart name="histogram" label="Histogram of the chosen latency" define=define(chart::histogram)/>
                    <Chart name="ecdf" label="Share of requests up to each value of the chosen latency" define=define(chart::ecdf)/>
                </div>
            }))}
            {live(note)}
        </Card>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_first_some_points_from_the_lowest_to_the_highest() {
        let check = |count: usize, chosen: Option<&[usize]>, expect: &[usize]| {
            let points: Vec<_> = (0..count).map(|place| (place, place.to_string())).collect();
            assert_eq!(shown(&points, chosen).iter().map(|(place, _)| *place).collect::<Vec<_>>(), expect);
        };
        check(0, None, &[]);
        check(1, None, &[0]);
        check(3, None, &[0, 1, 2]);
        check(10, None, &[0, 3, 6, 9]);
        check(3, Some(&[2, 9]), &[2]);
        check(3, Some(&[]), &[]);
    }
}
