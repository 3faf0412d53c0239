//! Owns goodput for limits that somebody asks about after the run.
//! Must not know how requests are judged: the agent reads the records.

use crate::erased::{live, spawn};
use crate::format;
use crate::link::http;
use crate::model::App;
use crate::parts::{Awaited, Card, MetricLink};
use leptos::prelude::*;
use shared::ids::RunId;
use shared::wire::{ApiError, PointGoodput};

/// The limits as typed, in the order of [`FIELDS`].
type Limits = [String; 3];

/// Name in the address, label, and what it counts from.
const FIELDS: [(&str, &str, &str); 3] = [
    ("ttft_ms", "TTFT, ms", "From due where requests have times of their own, from sent else."),
    ("tpot_ms", "TPOT, ms", "Time per output token after the first."),
    ("e2e_ms", "Whole answer, ms", "From the first byte sent to the last output."),
];

/// The address that answers; nothing without a limit. What is no number is sent as it is, for the agent's sentence.
fn address(run: &RunId, limits: &Limits) -> Option<String> {
    let given = FIELDS.iter().zip(limits).filter(|(_, value)| !value.trim().is_empty());
    let query: Vec<String> = given.map(|((name, ..), value)| format!("{name}={}", value.trim())).collect();
    (!query.is_empty()).then(|| format!("/api/v1/runs/{run}/goodput?{}", query.join("&")))
}

/// The card.
#[component]
pub fn Goodput() -> impl IntoView {
    let app = App::get();
    let slo = app.plan().and_then(|plan| plan.slo).unwrap_or_default();
    let planned =
        [slo.ttft_ms, slo.tpot_ms, slo.e2e_ms].map(|limit| limit.map(|ms| ms.to_string()).unwrap_or_default());
    let limits = RwSignal::new(planned);
    let rows = RwSignal::new(None::<Vec<PointGoodput>>);
    let error = RwSignal::new(None::<ApiError>);
    // Nothing is on its way.
    let settled = RwSignal::new(true);
    let judge = move || {
        error.set(None);
        settled.set(false);
        let Some(path) = app.run().and_then(|run| limits.with_untracked(|limits| address(&run, limits))) else {
            rows.set(None);
            settled.set(true);
            return;
        };
        spawn(async move {
            match http::get::<Vec<PointGoodput>>(&path).await {
                Ok(found) => {
                    settled.try_set(true);
                    rows.try_set(Some(found));
                }
                Err(failure) => {
                    app.failed(&failure);
                    error.try_set(Some(failure.error()));
                }
            }
        });
    };
    if limits.with_untracked(|limits| limits.iter().any(|limit| !limit.is_empty())) {
        judge();
    }
    let field = move |(place, (name, label, help)): (usize, &'static (&'static str, &'static str, &'static str))| {
        view! {
            <label class="field" title=*help>
                <span class="field-label">{*label}</span>
                <input
                    type="text"
                    inputmode="decimal"
                    autocomplete="off"
                    name=*name
                    prop:value=move || limits.with(|limits| limits[place].clone())
                    on:input:target=move |e| limits.update(|limits| limits[place] = e.target().value())
                />
            </label>
        }
    };
    let table = move || {
        match rows.get() {
        None if !settled.get() => ().into_any(),
        None => view! { <p class="quiet">"Say how long a request may take, and see how many of each point kept that; those that failed are misses."</p> }.into_any(),
        Some(rows) => view! {
            <div class="scroll">
                <table data-testid="goodput-table">
                    <thead><tr>
                        <th scope="col" class="number">"Level"</th><th scope="col" class="number">"kept"</th><th scope="col">"share"</th>
                        <th scope="col" class="number">"req/s"</th><th scope="col" class="number">"tok/s"</th>
                    </tr></thead>
                    <tbody>{rows.into_iter().map(row).collect_view()}</tbody>
                </table>
            </div>
        }
        .into_any(),
    }
    };
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        judge();
    };
    view! {
        <Card title="Goodput for any limits" about="Judged from the records, so the run need not be repeated.">
            <form class="tools" on:submit=submit>
                {FIELDS.iter().enumerate().map(field).collect_view()}
                <button class="button" data-testid="judge">"Judge"</button>
                <MetricLink key="goodput" words="What it means"/>
            </form>
            <Awaited known=settled error=error again=Callback::new(move |()| judge()) short=true/>
            {live(table)}
        </Card>
    }
    .into_any()
}

fn row(row: PointGoodput) -> AnyView {
    let share = row.met.filter(|_| row.of > 0).map(|met| met as f64 / row.of as f64);
    let kept = format::or_absent(row.met, |met| format!("{} of {}", format::count(met), format::count(row.of)));
    let words = format::or_absent(share, format::share);
    view! {
        <tr>
            <th scope="row" class="number">{row.words}</th>
            <td class="number">{kept}</td>
            <td><span class="share"><progress class="bar" max="1" value=share.unwrap_or(0.0) aria-label="Share that kept the limits"></progress>{words}</span></td>
            <td class="number">{format::bare(row.requests_per_s)}</td>
            <td class="number">{format::bare(row.tokens_per_s)}</td>
        </tr>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_limits_that_were_given_are_asked_for() {
        let check = |limits: [&str; 3], expect: Option<&str>| {
            let run = RunId::new(1, 2);
            let expect = expect.map(|query| format!("/api/v1/runs/{run}/goodput?{query}"));
            assert_eq!(address(&run, &limits.map(str::to_owned)), expect);
        };
        check(["", " ", ""], None);
        check(["200", "", ""], Some("ttft_ms=200"));
        check([" 200 ", "30.5", "9000"], Some("ttft_ms=200&tpot_ms=30.5&e2e_ms=9000"));
    }
}
