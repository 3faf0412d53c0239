//! Owns what must be said before any number: why the run ended early, the rules' objections, the caveats.
//! Must not know the rules.

use crate::model::App;
use crate::parts::VerdictBadge;
use leptos::prelude::*;
use shared::caveat::{Caveat, Finding, Verdict};
use shared::event::RunState;
use shared::view::RunView;
use std::collections::BTreeSet;

/// Sentence for a run that did not end as planned.
fn early_end(view: &RunView) -> Option<(&'static str, String)> {
    let reason = |otherwise: &str| view.reason.clone().unwrap_or_else(|| otherwise.to_owned());
    match view.run_state() {
        RunState::Failed => Some(("✕", reason("The run failed; the engine's log may say why."))),
        RunState::Cancelled => Some(("■", reason("Somebody stopped the run; what was measured until then is below."))),
        RunState::Interrupted => {
            Some(("↯", reason("The agent died in the middle; everything that it had logged is below. Run it again.")))
        }
        _ => None,
    }
}

/// Caveats of the run, its engine and every summary, each once.
fn caveats(view: &RunView) -> Vec<Caveat> {
    let summaries = view.points.iter().filter_map(|p| p.summary.as_ref());
    let trials = view.trials.iter().filter_map(|t| t.summary.as_ref());
    let mut all: BTreeSet<Caveat> = view.caveats.iter().cloned().collect();
    all.extend(summaries.chain(trials).flat_map(|s| s.caveats.iter().cloned()));
    all.into_iter().collect()
}

/// Findings, with the load level of each; one line a rule and point.
fn findings(view: &RunView) -> Option<Vec<(String, String, Finding)>> {
    let line = |finding: &Finding| {
        let level = view.points.get(finding.point as usize).map(|p| p.level.words());
        let place = level.map(|words| format!("At {words}: ")).unwrap_or_default();
        (place, finding.rule.sentence(), finding.clone())
    };
    view.findings.as_ref().map(|list| list.iter().map(line).collect())
}

/// The card with verdict, reasons and caveats.
#[component]
pub fn VerdictCard() -> impl IntoView {
    let app = App::get();
    let end = Memo::new(move |_| app.with_view(early_end).flatten());
    let verdict = Memo::new(move |_| app.with_view(RunView::verdict).flatten());
    let found = Memo::new(move |_| app.with_view(findings).flatten());
    let caveats = Memo::new(move |_| app.with_view(caveats).unwrap_or_default());
    let reasons = move || match found.get() {
        None => view! { <p class="quiet">"The rules look at the numbers when points end."</p> }.into_any(),
        Some(list) if list.is_empty() => {
            let judged = verdict.get() == Some(Verdict::Valid);
            let said = if judged { "Every rule looked and none objected." } else { "No rule has objected so far." };
            view! { <p class="quiet">{said}</p> }.into_any()
        }
        Some(list) => {
            let line = |(place, sentence, finding): (String, String, Finding)| {
                let verdict = Some(finding.rule.verdict());
                view! { <li><VerdictBadge verdict=Signal::stored(verdict)/>" "<b>{place}</b>{sentence}</li> }
            };
            view! { <ul class="reasons">{list.into_iter().map(line).collect_view()}</ul> }.into_any()
        }
    };
    view! {
        {move || end.get().map(|(shape, sentence)| view! {
            <p class="notice" role="status" data-testid="reason"><span class="shape" aria-hidden="true">{shape}</span>" "{sentence}</p>
        })}
        <section class="card verdict-card" aria-label="Verdict">
            <div>
                <h2>"Verdict " <VerdictBadge verdict=verdict/></h2>
                {reasons}
            </div>
            {move || (!caveats.get().is_empty()).then(|| view! {
                <ul class="caveats" data-testid="caveats">
                    {caveats.get().iter().map(|c| view! { <li><span class="shape" aria-hidden="true">"△ "</span>{c.sentence()}</li> }).collect_view()}
                </ul>
            })}
        </section>
    }
    .into_any()
}
