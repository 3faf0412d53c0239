//! Owns what a run's files show to be said beside its figures: the rules' objections, and caveats.
//! Must not know any format.

use super::group::Group;
use crate::record::judge;
use shared::caveat::{Caveat, Finding};
use shared::plan::{Level, Plan};
use shared::summary::Summary;

/// Outputs differ where those of two trials, per request, are further apart than this share.
const OUTPUTS_DIFFER: f64 = 0.01;

/// What the rules object to in a point's figures; `requests` are those of a trial.
pub(super) fn findings(
    point: u32,
    level: Level,
    plan: &Plan,
    requests: Option<u32>,
    summary: &Summary,
) -> Vec<Finding> {
    let mut plan = plan.clone();
    plan.load.requests = requests;
    judge(point, level, &plan, summary, None)
}

/// What must be said beside the run's figures.
pub(super) fn caveats(group: &Group) -> Vec<Caveat> {
    let trials = || group.trials.iter().map(|told| &told.trial);
    let has_levels = trials().any(|trial| trial.level.is_some());
    let per_request = || {
        let output = |s: &Summary| Some(s.output_tokens? as f64 / s.ok as f64).filter(|n| n.is_finite());
        trials().filter_map(move |trial| output(&trial.summary))
    };
    let (least, most) = per_request().fold((f64::MAX, 0.0), |(least, most), n| (f64::min(least, n), f64::max(most, n)));
    let unasked = group.kin.output_tokens.is_none() && has_levels;
    let computed = [
        (unasked, Caveat::LengthAskedUnknown),
        (unasked && trials().all(|trial| trial.alike), Caveat::LengthsAlike),
        (most > least * (1.0 + OUTPUTS_DIFFER), Caveat::OutputsUnequal),
        (trials().any(|trial| trial.watched.as_ref().is_some_and(|watched| watched.is_full)), Caveat::KvCacheFull),
        (trials().any(|trial| trial.begun.unix_ms.is_none()), Caveat::TimesUnknown),
        (trials().any(|trial| trial.begun.unix_ms.is_some() && !trial.begun.is_zoned), Caveat::TimeZoneUnknown),
    ];
    let computed = computed.into_iter().filter_map(|(holds, caveat)| holds.then_some(caveat));
    // Of a run without a level there is no rate, nor a figure that follows a definition.
    let of_tool = group.kin.tool.caveats.iter().filter(|caveat| has_levels || **caveat != Caveat::WholeTime).cloned();
    let mut caveats: Vec<Caveat> = of_tool.chain(computed).collect();
    caveats.sort();
    caveats.dedup();
    caveats
}
