//! Owns what must be said before any number: why the run ended early, the rules' objections, the caveats.
//! Must not know the rules.

use crate::erased::{kept, live};
use crate::model::App;
use crate::parts::VerdictBadge;
use leptos::prelude::*;
use shared::caveat::{Caveat, Finding, Verdict};
use shared::event::RunState;
use shared::order;
use shared::view::{EngineFailure, PointView, RunView};
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

/// Engine configurations that failed while the run went on: why, and the last lines of their logs.
fn failures(view: &RunView) -> Vec<(String, String)> {
    let variant = |failure: &EngineFailure| {
        let point = view.points.iter().find(|point| point.configuration == failure.configuration);
        point.map(|point| point.variant.clone()).unwrap_or_default()
    };
    let told =
        |failure: &EngineFailure| (format!("{}: {}", variant(failure), failure.reason), failure.lines.join("\n"));
    view.failures.iter().map(told).collect()
}

/// Caveats of the run, its engine and every summary, each once.
fn caveats(view: &RunView) -> Vec<Caveat> {
    let summaries = view.points.iter().filter_map(|p| p.summary.as_ref());
    let trials = view.trials.iter().filter_map(|t| t.summary.as_ref());
    let mut all: BTreeSet<Caveat> = BTreeSet::new();
    all.extend(view.caveats.iter().cloned());
    all.extend(summaries.chain(trials).flat_map(|s| s.caveats.iter().cloned()));
    all.into_iter().collect()
}

/// One rule's objections of one gravity: where and what, and the same at other levels.
#[derive(Clone, Debug, PartialEq)]
struct Reason {
    verdict: Verdict,
    label: &'static str,
    /// Level of the point and the sentence, in order of level.
    found: Vec<(String, String)>,
}

/// The rules' objections, the gravest first; a rule that objected at several levels is one reason.
fn reasons(view: &RunView) -> Option<Vec<Reason>> {
    let point = |finding: &Finding| view.points.get(finding.point as usize);
    let value = |f: &&Finding| point(f).map_or(0.0, |p| p.level.value());
    let findings = order::by_key(view.findings.as_ref()?.iter().collect(), |f| (order::key_of(value(f)), 0));
    let mut reasons: Vec<Reason> = Vec::new();
    for finding in findings {
        let (verdict, label) = (finding.rule.verdict(), finding.rule.label());
        let found = (point(finding).map(PointView::words).unwrap_or_default(), finding.rule.sentence());
        match reasons.iter_mut().find(|reason| (reason.verdict, reason.label) == (verdict, label)) {
            Some(reason) => reason.found.push(found),
            None => reasons.push(Reason { verdict, label, found: vec![found] }),
        }
    }
    // By the beginning of the label, which is enough to keep them in one order.
    let label = |r: &Reason| r.label.bytes().take(8).fold(0, |key, byte| key << 8 | u64::from(byte));
    Some(order::by_key(reasons, |r| (u64::MAX - r.verdict as u64, label(r))))
}

/// One reason: the first level in full, the others one click away.
fn shown(reason: Reason) -> AnyView {
    let sentence = |(level, sentence): (String, String)| {
        let place = if level.is_empty() { level } else { format!("At {level}: ") };
        view! { <b>{place}</b>{sentence} }.into_any()
    };
    let mut found = reason.found.into_iter();
    let first = found.next().map(sentence);
    let others: Vec<(String, String)> = found.collect();
    let others = (!others.is_empty()).then(|| {
        let levels = others.iter().map(|(level, _)| level.as_str()).collect::<Vec<_>>().join(", ");
        view! {
            <details>
                <summary class="quiet">{format!("{} also at {levels}", reason.label)}</summary>
                <ul class="reasons">{others.into_iter().map(|o| view! { <li>{sentence(o)}</li> }).collect_view()}</ul>
            </details>
        }
        .into_any()
    });
    view! { <li><VerdictBadge verdict=Signal::stored(Some(reason.verdict))/>" "{first}{others}</li> }.into_any()
}

/// The card with verdict, reasons and caveats.
#[component]
pub fn VerdictCard() -> impl IntoView {
    let app = App::get();
    let end = kept(move || app.with_view(early_end).flatten());
    let failures = kept(move || app.with_view(failures).unwrap_or_default());
    let verdict = kept(move || app.with_view(RunView::verdict).flatten());
    let found = kept(move || app.with_view(reasons).flatten());
    let caveats = kept(move || app.with_view(caveats).unwrap_or_default());
    let reasons = move || match found.get() {
        None => view! { <p class="quiet">"The rules look at the numbers when points end."</p> }.into_any(),
        Some(list) if list.is_empty() => {
            let judged = verdict.get() == Some(Verdict::Valid);
            let said = if judged { "Every rule looked and none objected." } else { "No rule has objected so far." };
            view! { <p class="quiet">{said}</p> }.into_any()
        }
        Some(list) => view! { <ul class="reasons">{list.into_iter().map(shown).collect_view()}</ul> }.into_any(),
    };
    view! {
        {live(move || end.get().map(|(shape, sentence)| view! {
            <p class="notice" role="status" data-testid="reason"><span class="shape" aria-hidden="true">{shape}</span>" "{sentence}</p>
        }))}
        {live(move || failures.get().into_iter().map(|(sentence, lines)| view! {
            <p class="notice" role="status" data-testid="engine-failure"><span class="shape" aria-hidden="true">"✕"</span>" "{sentence}</p>
            {(!lines.is_empty()).then(|| view! {
                <details><summary>"The last lines of its log"</summary><pre class="code log" tabindex="0" data-testid="engine-failure-log">{lines}</pre></details>
            })}
        }).collect_view())}
        <section class="card verdict-card" aria-label="Verdict">
            <div>
                <h2>"Verdict " <VerdictBadge verdict=verdict/></h2>
                {live(reasons)}
            </div>
            {live(move || (!caveats.get().is_empty()).then(|| view! {
                <ul class="caveats" data-testid="caveats">
                    {caveats.get().iter().map(|c| view! { <li><span class="shape" aria-hidden="true">"△ "</span>{c.sentence()}</li> }).collect_view()}
                </ul>
            }))}
        </section>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::caveat::Rule;
    use shared::preset;

    #[test]
    fn the_gravest_first_and_a_rule_is_said_once() {
        let few = |point| Finding { point, rule: Rule::TooFewSamples { n: 9, needed: 100 } };
        let failed = Finding { point: 1, rule: Rule::Failures { failed: 9, attempted: 10 } };
        let mut view = RunView::default();
        assert_eq!(reasons(&view), None);
        let created = shared::event::Body::Created {
            run: shared::ids::RunId::new(1, 1),
            plan: Box::new(preset::find("first").unwrap()),
            anchor_unix_ms: 0,
            host: shared::event::Host::default(),
            agent_version: String::new(),
        };
        view.apply(&shared::event::Event { seq: 1, t_ns: 0, body: created });
        view.findings = Some(vec![few(2), failed, few(0)]);
        let found: Vec<_> = reasons(&view).unwrap().into_iter().map(|r| (r.verdict, r.label, r.found.len())).collect();
        assert_eq!(found, [(Verdict::Invalid, "failures", 1), (Verdict::Doubtful, "too few samples", 2)]);
        assert_eq!(reasons(&view).unwrap()[1].found[0].0, "1 in flight");
    }
}
