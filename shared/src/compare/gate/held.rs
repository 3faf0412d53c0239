//! Owns what a gate holds against a run itself: how it ended, what the rules say of it, points that it lacks.
//! Must not know figures or limits.

use super::super::arm::Arm;
use super::super::recorded::{Recorded, RecordedPoint};
use crate::caveat::Verdict;
use crate::event::RunState;
use crate::ids::PointIndex;

/// Findings that a sentence spells out; of more it says how many.
const TOLD: usize = 3;

/// A run, and which of the two it is.
pub(super) struct Held<'a> {
    run: &'a Recorded,
    part: &'static str,
}

impl<'a> Held<'a> {
    pub(super) fn baseline(run: &'a Recorded) -> Self {
        Self { run, part: "baseline" }
    }

    pub(super) fn candidate(run: &'a Recorded) -> Self {
        Self { run, part: "candidate" }
    }

    fn name(&self) -> String {
        format!("The {} {}", self.part, self.run.run)
    }

    /// Why a point of the baseline has no figures in this run, where it has none. `found` is the run's own.
    pub(super) fn missing(&self, point: &RecordedPoint, found: Option<&RecordedPoint>) -> Option<String> {
        let name = self.name();
        let words = words(point);
        let Some(found) = found else {
            let why = self.ended().map_or_else(String::new, |why| format!(" It {why}"));
            return Some(format!("{name} has no point {words}, which the baseline has: measure the same plan.{why}"));
        };
        if found.summary.is_some() {
            return None;
        }
        let failure = self.run.failures.iter().rev().find(|failure| failure.configuration == found.configuration);
        let failure = failure.map(|failure| format!(" Its engine failed: {}", sentence(&failure.reason)));
        let why = failure.or_else(|| Some(format!(" It {}", self.ended()?))).unwrap_or_default();
        Some(format!("{name} was not measured to its end at {words}: measure it again.{why}"))
    }

    /// How it ended, where it did not come to its end.
    fn ended(&self) -> Option<String> {
        match self.run.state {
            Some(RunState::Done) => None,
            Some(state) => {
                let reason = self.run.reason.as_deref().map_or(".".to_owned(), |why| format!(": {}", sentence(why)));
                Some(format!("is {}{reason}", state.label()))
            }
            None => Some("does not say how it ended: export it anew.".to_owned()),
        }
    }

    /// Why the numbers of one of its points prove nothing.
    pub(super) fn invalid_at(&self, index: PointIndex) -> Option<String> {
        let point = Arm::of(self.run, index)?.point()?;
        let is_invalid = point.verdict == Verdict::Invalid;
        is_invalid.then(|| format!("{} is invalid at {}: {}", self.name(), words(point), self.because(Some(index))))
    }

    /// Why nothing passes by this run, whatever its points that are compared say of themselves.
    pub(super) fn spoiled(&self, compared: &[PointIndex]) -> Option<String> {
        if let Some(why) = self.ended() {
            let name = self.name();
            let told = self.run.state.map_or("", |_| " What did not come to its end passes nothing: measure it again.");
            return Some(format!("{name} {why}{told}"));
        }
        let told = compared.iter().any(|index| self.invalid_at(*index).is_some());
        (self.verdict() == Verdict::Invalid && !told)
            .then(|| format!("{} is invalid: {}", self.name(), self.because(None)))
    }

    /// What the rules doubt of it.
    pub(super) fn doubted(&self) -> Option<String> {
        (self.verdict() == Verdict::Doubtful).then(|| format!("{} is doubtful: {}", self.name(), self.because(None)))
    }

    /// What it has besides the points that are compared.
    pub(super) fn besides(&self, compared: &[PointIndex]) -> Option<String> {
        let besides = Arm::all(self.run).filter(|arm| !compared.contains(&arm.index)).filter_map(|arm| arm.point());
        let besides: Vec<String> = besides.map(words).collect();
        let verb = if besides.len() == 1 { "is" } else { "are" };
        (!besides.is_empty())
            .then(|| format!("Only the {} has {}, which {verb} not compared.", self.part, besides.join(", ")))
    }

    /// That of all its points, where a file says nothing of the whole.
    fn verdict(&self) -> Verdict {
        let points = || self.run.points.iter().map(|point| point.verdict).max();
        self.run.verdict.or_else(points).unwrap_or(Verdict::NotJudged)
    }

    /// The gravest findings, of one point or of all; where a file has none, what it says beside its figures.
    fn because(&self, only: Option<PointIndex>) -> String {
        let mine = || self.run.findings.iter().flatten().filter(|of| only.is_none_or(|only| only == of.point));
        let gravest = mine().map(|of| of.rule.verdict()).max();
        let grave = mine().filter(|of| Some(of.rule.verdict()) == gravest);
        let mut said: Vec<String> = grave
            .map(|of| match (only, self.run.points.get(of.point as usize)) {
                (None, Some(point)) => format!("At {}: {}", words(point), of.rule.sentence()),
                _ => of.rule.sentence(),
            })
            .collect();
        if said.is_empty() {
            said = self.run.caveats.iter().map(|caveat| caveat.sentence().to_owned()).collect();
        }
        if said.is_empty() {
            said.push("its file does not say why.".to_owned());
        }
        let more = said.len().saturating_sub(TOLD);
        said.truncate(TOLD);
        if more > 0 {
            said.push(format!("So much for {TOLD} of {} findings.", TOLD + more));
        }
        said.join(" ")
    }
}

/// A point in words: "batch 8: 16 in flight".
fn words(point: &RecordedPoint) -> String {
    let level = point.level.words();
    if point.variant.is_empty() { level } else { format!("{}: {level}", point.variant) }
}

/// A reason as the sentence that it should be.
fn sentence(reason: &str) -> String {
    let reason = reason.trim();
    if reason.ends_with(['.', '!', '?']) { reason.to_owned() } else { format!("{reason}.") }
}
