//! Owns the sample of requests: the scatter, the slowest of the stretch in view, and the one that is opened.
//! Must not know how a request is fetched (`request`).

use super::charts::of_run;
use super::request::OpenRequest;
use crate::charts::{Chart, TimeAxis};
use crate::erased::{click, kept, live};
use crate::format;
use crate::model::App;
use crate::parts::Card;
use crate::route::Place;
use leptos::prelude::*;
use shared::chart;
use shared::event::RequestSample;
use shared::ids::RequestId;
use shared::order;
use shared::units::{NS_PER_S, ns_to_ms, ns_to_s};
use shared::view::RunView;

/// Most requests listed.
const LISTED: usize = 12;

/// The sampled requests sent within a stretch (s): those that failed first, then the slowest to their first token.
fn slowest(view: &RunView, (from_s, to_s): (f64, f64)) -> Vec<RequestSample> {
    let within = |s: &&RequestSample| (from_s..=to_s).contains(&ns_to_s(s.sent_ns));
    let kept: Vec<RequestSample> = view.scatter.kept.iter().filter(within).cloned().collect();
    // Half of the range is for those that went well; one without a first token comes last in either half.
    let half = |s: &RequestSample| if s.outcome.is_ok() { 1 << 63 } else { 0 };
    let quickness = |s: &RequestSample| i64::MAX as u64 - s.ttft_ns.unwrap_or(0).min(i64::MAX as u64);
    let mut kept = order::by_key(kept, |s| (half(s) | quickness(s), s.id));
    kept.truncate(LISTED);
    kept
}

/// The requests of a run.
#[component]
pub fn Requests(axis: TimeAxis) -> impl IntoView {
    let app = App::get();
    let place = Place::get();
    let named = place.query("request");
    let opened = kept(move || named.get()?.parse::<RequestId>().ok());
    let open = move |id: Option<RequestId>| place.set_query("request", id.map(|id| id.to_string()).as_deref());
    let pick = Callback::new(move |row: Vec<f64>| {
        if let Some(id) = row.get(2) {
            open(Some(*id as RequestId));
        }
    });
    // The list is read by people: once a second is enough while the run is live.
    let second = kept(move || app.with_view(|v| (v.last_ns / NS_PER_S, v.run_state().is_final())));
    let listed = kept(move || {
        second.track();
        let range = axis.range();
        untrack(|| app.with_view(|v| slowest(v, range))).unwrap_or_default()
    });
    let offered = kept(move || {
        second.track();
        untrack(|| app.with_view(|v| (v.scatter.kept.len(), v.scatter.offered))).unwrap_or_default()
    });
    let row = move |s: RequestSample| {
        let id = s.id;
        view! {
            <tr class:chosen=move || opened.get() == Some(id) data-testid="request-row">
                <th scope="row"><button class="link" on:click=click(move |_| open(Some(id)))>{format!("#{id}")}</button></th>
                <td class="number">{format::bare(Some(ns_to_s(s.sent_ns)))}</td>
                <td class="number">{format::bare(s.ttft_ns.map(ns_to_ms))}</td>
                <td class="number">{format::bare(s.tpot_ns.map(ns_to_ms))}</td>
                <td class="number">{format::or_absent(s.output_tokens, |n| format::count(n.into()))}</td>
                <td>{s.outcome.label()}</td>
            </tr>
        }
    };
    view! {
        <div class="columns">
            <section class="charts single">
                <Chart name="scatter" label="Requests: time to first token by time sent; click one to open it" axis=TimeAxis { group: None, ..axis } on_pick=pick
                    define=of_run(app, chart::request_scatter)/>
                <p class="quiet">{live(move || {
                    let (kept, offered) = offered.get();
                    format!("{} of {} requests; click one to open it.", format::count(kept as u64), format::count(offered))
                })}</p>
            </section>
            <Card title="Failed and slowest in view" about="Of the sampled requests within the zoomed stretch.">
                <div class="scroll">
                    <table data-testid="requests-table">
                        <thead><tr>
                            <th scope="col">"Request"</th><th scope="col" class="number">"sent, s"</th><th scope="col" class="number">"TTFT, ms"</th>
                            <th scope="col" class="number">"TPOT, ms"</th><th scope="col" class="number">"tokens"</th><th scope="col">"outcome"</th>
                        </tr></thead>
                        <tbody><For each=move || listed.get() key=|s| s.id children=row/></tbody>
                    </table>
                </div>
            </Card>
        </div>
        {live(move || opened.get().map(|id| view! { <OpenRequest id=id close=Callback::new(move |()| open(None))/> }))}
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::outcome::Outcome;

    #[test]
    fn failures_first_then_the_slowest_within_the_stretch() {
        let mut view = RunView::default();
        let mut add = |id, sent_s: u64, ttft_ns, outcome| {
            let sent_ns = sent_s * NS_PER_S;
            let sample =
                RequestSample { id, sent_ns, end_ns: sent_ns, ttft_ns, tpot_ns: None, output_tokens: None, outcome };
            view.scatter.add(&sample);
        };
        add(1, 1, Some(5), Outcome::Ok);
        add(2, 2, Some(9), Outcome::Ok);
        add(3, 3, None, Outcome::Refused);
        add(4, 9, Some(99), Outcome::Ok);
        let ids = |range| slowest(&view, range).iter().map(|s| s.id).collect::<Vec<_>>();
        assert_eq!(ids((0.0, 5.0)), [3, 2, 1]);
        assert_eq!(ids((0.0, 10.0)), [3, 4, 2, 1]);
    }
}
