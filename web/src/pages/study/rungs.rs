//! Owns the tables of a ladder under one load: each step against the one before, and each option left out.
//! Must not know how steps are compared.

use super::super::compared::{Apart, Word, unlike_lines, words};
use super::ladder::{Known, Reasons};
use crate::erased::{Kept, kept, live};
use crate::format;
use leptos::prelude::*;
use shared::caveat::Verdict;
use shared::compare::Figure;
use shared::study::{Case, LADDER_FIGURES, Rung};

/// The tables of one case; `case` is its place.
#[component]
pub(super) fn Rungs(known: Known, case: usize, chosen: RwSignal<usize>, why: Kept<Reasons>) -> impl IntoView {
    let of = kept(move || known.with(|ladder| ladder.as_ref()?.cases.get(case).cloned()));
    let tables = move |of: &Case| {
        let figure = Figure::parse(LADDER_FIGURES[chosen.get()]).ok()?;
        let title =
            format!("{} ({}): {}, {}", format::capital(&of.name), of.level.words(), figure.name(), figure.unit());
        let without = (!of.without.is_empty()).then(|| {
            let title = format!("Everything on but one, {}: {}, {}", of.name, figure.name(), figure.unit());
            table(title, "Left out", "Factor to everything on", &of.without, (true, figure), why)
        });
        let steps = table(title, "Step", "Factor to the step before", &of.steps, (false, figure), why);
        Some(view! { {steps}{without} }.into_any())
    };
    live(move || of.with(|of| of.as_ref().and_then(tables)))
}

fn table(
    title: String,
    what: &'static str,
    factor: &'static str,
    rungs: &[Rung],
    (left_out, figure): (bool, Figure),
    why: Kept<Reasons>,
) -> AnyView {
    let key = figure.key();
    let testid = if left_out { "without" } else { "ladder" };
    let has_limit = rungs.iter().any(|rung| rung.bound(&key).is_some());
    let row = |rung: &Rung| {
        let reason = why.with(|why| why.get(&(left_out, rung.step)).cloned());
        line(rung, figure, has_limit, reason)
    };
    let unlike = unlike_lines(rungs.iter().filter_map(|rung| rung.against.get(&key)));
    let unlike = unlike.into_iter().map(|line| {
        view! { <li><span class="shape" aria-hidden="true">"△ "</span>{format!("Unlike besides: {line}")}</li> }
            .into_any()
    });
    view! {
        <div class="scroll" tabindex="0" role="region" aria-label=title.clone()>
            <table class="points" data-testid=testid>
                <caption>{title.clone()}</caption>
                <thead><tr>
                    <th scope="col">{what}</th>
                    <th scope="col" class="number" title="± is half of the interval at 95 %">"Figure"</th>
                    <th scope="col" class="number" title="Ratio of the means over trials, with its interval at 95 %">{factor}</th>
                    <th scope="col" class="number" title="Exact permutation test, corrected for all rows of this table">"p (Holm)"</th>
                    <th scope="col" class="number" title="The least true difference that so many repeats find with a probability of 0.8">"Finds"</th>
                    {has_limit.then(|| view! {
                        <th scope="col" class="number" title="Share of what the hardware allows">"Of the limit"</th>
                    })}
                    <th scope="col">"Word"</th>
                </tr></thead>
                <tbody>{rungs.iter().map(row).collect_view()}</tbody>
            </table>
        </div>
        <ul class="caveats">{unlike.collect_view()}</ul>
    }
    .into_any()
}

/// One row: the step, and its figure with what it made, or why there is none.
fn line(rung: &Rung, figure: Figure, has_limit: bool, reason: Option<String>) -> AnyView {
    let key = figure.key();
    let label = match &rung.run {
        Some(run) => view! { <a href=format!("/runs/{run}")>{rung.label.clone()}</a> }.into_any(),
        None => view! { {rung.label.clone()} }.into_any(),
    };
    let change = (!rung.change.is_empty()).then(|| view! { " "<span class="interval">{rung.change.clone()}</span> });
    let Some(side) = rung.figures.get(&key) else {
        let words = match (&rung.run, reason) {
            (Some(_), _) => "This figure is not known of its run.".to_owned(),
            (None, Some(reason)) => format!("Not measured. {reason}"),
            (None, None) => "Not measured.".to_owned(),
        };
        let span = if has_limit { "6" } else { "5" };
        return view! {
            <tr data-testid="rung"><th scope="row">{label}{change}</th><td colspan=span class="quiet passed-over">{words}</td></tr>
        }
        .into_any();
    };
    let doubt = matches!(rung.verdict, Verdict::Doubtful | Verdict::Invalid).then(|| {
        let caveats: Vec<&str> = rung.caveats.iter().map(|caveat| caveat.sentence()).collect();
        let title = format!("{}. {}", rung.verdict.label(), caveats.join(" "));
        view! { <span class="caveat" title=title>{rung.verdict.shape()}" "</span> }
    });
    let half = words::half(side.interval.map(|interval| interval.half_width));
    let reached = has_limit.then(|| {
        let bound = rung.bound(&key);
        let title = match (&bound, &rung.no_limit) {
            (Some(bound), _) => format!("The limit is {}.", format::figure(Some(bound.limit), figure.unit())),
            (None, why) => why.clone().unwrap_or_else(|| "The limit is not known here.".to_owned()),
        };
        view! { <td class="number" title=title>{format::or_absent(bound, |bound| format::share(bound.reached))}</td> }
    });
    let against = rung.against.get(&key);
    let compared = match against {
        Some(of) => view! {
            <Apart of=words::factor(of.ratio)/>
            <td class="number">{words::p(of)}</td>
            <td class="number">{words::finds(of.detectable)}</td>
        }
        .into_any(),
        None => {
            let absent = || view! { <td class="number">{format::ABSENT}</td> };
            view! { {absent()}{absent()}{absent()} }.into_any()
        }
    };
    view! {
        <tr data-testid="rung">
            <th scope="row">{label}{change}</th>
            <td class="number" title=words::trials(side)>{doubt}{words::value(Some(figure), side.value)}<span class="interval">{half}</span></td>
            {compared}
            {reached}
            <td class="judged">{against.map(|of| view! { <Word of=of.clone()/> })}</td>
        </tr>
    }
    .into_any()
}
