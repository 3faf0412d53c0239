//! Owns the way from kept trials to compared figures: medians over trials of what each side says.
//! Must not know how trials are made, kept or written.

use super::figures::FIGURES;
use super::kept::{Asked, Trial};
use super::level::Level;
use super::timeline::Timeline;
use super::verdict::Sides;
use crate::bench::figures::median;
use crate::bench::peers::Definition;
use crate::record::{ClientSide, RequestRecord, Tally, Terms};
use shared::summary::Summary;

/// What ours came to in one trial.
pub(super) struct Ours {
    summary: Summary,
    truth: Option<Summary>,
    /// Every request, those before the window included.
    records: Vec<RequestRecord>,
    true_records: Option<Vec<RequestRecord>>,
}

/// What another tool came to in one trial.
pub(super) struct Theirs {
    reported: Summary,
    true_records: Option<Vec<RequestRecord>>,
}

/// A tool at a level, beside ours.
pub(super) struct Compared {
    /// The level.
    pub level: Level,
    /// The tool's place in the setting.
    pub tool: usize,
    /// Each figure of [`FIGURES`] from all sides.
    pub sides: Vec<Sides>,
    /// Trials that gave a result.
    pub trials: usize,
    /// Why one did not.
    pub failure: Option<String>,
}

impl Ours {
    /// Of a trial; nothing where it is none of ours.
    pub fn of(trial: &Trial) -> Option<Self> {
        let seen = trial.seen.as_ref()?;
        let records: Vec<RequestRecord> = seen.requests.iter().map(Timeline::record).collect();
        let summary = |records: &[RequestRecord]| {
            Tally::of(records, seen.window(), &ClientSide::default()).summary(&Terms::default())
        };
        let true_records = truth(trial);
        Some(Self { summary: summary(&records), truth: true_records.as_deref().map(summary), records, true_records })
    }
}

impl Theirs {
    /// Of a trial; nothing where it gave no result.
    ///
    /// # Errors
    /// Where its result cannot be read.
    pub fn of(trial: &Trial) -> anyhow::Result<Option<Self>> {
        let reported = trial.reported()?;
        Ok(reported.map(|reported| Self { reported, true_records: truth(trial) }))
    }
}

fn truth(trial: &Trial) -> Option<Vec<RequestRecord>> {
    Some(trial.served.as_ref()?.iter().map(Timeline::record).collect())
}

/// Each figure of a tool from all sides.
pub(super) fn sides(ours: &[Ours], theirs: &[Theirs], definition: &Definition) -> Vec<Sides> {
    let by_theirs = |records: Option<&[RequestRecord]>| records.map(|records| definition.summary(records));
    let alike: Vec<_> = ours.iter().map(|trial| by_theirs(Some(&trial.records))).collect();
    let alike_true: Vec<_> = ours.iter().map(|trial| by_theirs(trial.true_records.as_deref())).collect();
    let theirs_true: Vec<_> = theirs.iter().map(|trial| by_theirs(trial.true_records.as_deref())).collect();
    let each = FIGURES.iter().map(|figure| {
        let of = |summaries: &[Option<Summary>]| median(summaries, |summary| (figure.of)(summary.as_ref()?));
        Sides {
            ours: median(ours, |trial| (figure.of)(&trial.summary)),
            ours_true: median(ours, |trial| (figure.of)(trial.truth.as_ref()?)),
            alike: of(&alike),
            alike_true: of(&alike_true),
            theirs: median(theirs, |trial| (figure.of)(&trial.reported)),
            theirs_true: of(&theirs_true),
        }
    });
    each.collect()
}

/// Compares every tool at every level; `trial` gives the kept trials of a program, `definition` what a tool's figures
/// mean.
///
/// # Errors
/// Where a trial cannot be read or is missing.
pub(super) fn compare(
    asked: &Asked,
    trials: impl Fn(Level, &str) -> anyhow::Result<Vec<Trial>>,
    definition: impl Fn(&str) -> anyhow::Result<Definition>,
) -> anyhow::Result<Vec<Compared>> {
    let mut all = Vec::new();
    for level in asked.levels.iter().copied() {
        let ours: Vec<Ours> = trials(level, super::OURS)?.iter().filter_map(Ours::of).collect();
        for (tool, said) in asked.tools.iter().enumerate() {
            let kept = trials(level, &said.program)?;
            let failure = kept.iter().find_map(|trial| trial.failure.clone());
            let theirs: Vec<Option<Theirs>> = kept.iter().map(Theirs::of).collect::<anyhow::Result<_>>()?;
            let theirs: Vec<Theirs> = theirs.into_iter().flatten().collect();
            let sides = sides(&ours, &theirs, &definition(&said.program)?);
            all.push(Compared { level, tool, sides, trials: theirs.len(), failure });
        }
    }
    Ok(all)
}
