//! Owns what must be said before any number: why a run ended early, the rules' objections, the caveats.
//! Must not know the rules, nor who says it.

use crate::caveat::{Caveat, Finding, Verdict};
use crate::event::RunState;
use crate::order;
use crate::view::{EngineFailure, PointView, RunView};
use std::collections::BTreeSet;

/// Shape and sentence for a run that did not end as planned.
#[must_use]
pub fn early_end(view: &RunView) -> Option<(&'static str, String)> {
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
#[must_use]
pub fn failures(view: &RunView) -> Vec<(String, String)> {
    let variant = |failure: &EngineFailure| {
        let point = view.points.iter().find(|point| point.configuration == failure.configuration);
        point.map(|point| point.variant.clone()).unwrap_or_default()
    };
    let told =
        |failure: &EngineFailure| (format!("{}: {}", variant(failure), failure.reason), failure.lines.join("\n"));
    view.failures.iter().map(told).collect()
}

/// Caveats of the run, its engine and every summary, each once.
#[must_use]
pub fn caveats(view: &RunView) -> Vec<Caveat> {
    let summaries = view.points.iter().filter_map(|p| p.summary.as_ref());
    let trials = view.trials.iter().filter_map(|t| t.summary.as_ref());
    let mut all: BTreeSet<Caveat> = BTreeSet::new();
    all.extend(view.caveats.iter().cloned());
    all.extend(summaries.chain(trials).flat_map(|s| s.caveats.iter().cloned()));
    all.into_iter().collect()
}

/// One rule's objections of one gravity: where and what, and the same at other levels.
#[derive(Clone, Debug, PartialEq)]
pub struct Reason {
    /// How grave.
    pub verdict: Verdict,
    /// The rule in a word.
    pub label: &'static str,
    /// Level of the point and the sentence, in order of level.
    pub found: Vec<(String, String)>,
}

/// The rules' objections, the gravest first; a rule that objected at several levels is one reason.
#[must_use]
pub fn reasons(view: &RunView) -> Option<Vec<Reason>> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caveat::Rule;
    use crate::preset;

    #[test]
    fn the_gravest_first_and_a_rule_is_said_once() {
        let few = |point| Finding { point, rule: Rule::TooFewSamples { n: 9, needed: 100 } };
        let failed = Finding { point: 1, rule: Rule::Failures { failed: 9, attempted: 10 } };
        let mut view = RunView::default();
        assert_eq!(reasons(&view), None);
        let created = crate::event::Body::Created {
            run: crate::ids::RunId::new(1, 1),
            plan: Box::new(preset::find("first").unwrap()),
            anchor_unix_ms: 0,
            host: crate::event::Host::default(),
            agent_version: String::new(),
        };
        view.apply(&crate::event::Event { seq: 1, t_ns: 0, body: created });
        view.findings = Some(vec![few(2), failed, few(0)]);
        let found: Vec<_> = reasons(&view).unwrap().into_iter().map(|r| (r.verdict, r.label, r.found.len())).collect();
        assert_eq!(found, [(Verdict::Invalid, "failures", 1), (Verdict::Doubtful, "too few samples", 2)]);
        assert_eq!(reasons(&view).unwrap()[1].found[0].0, "1 in flight");
    }
}
