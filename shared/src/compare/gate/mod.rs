//! Owns the gate: whether a candidate is worse than its baseline by more than is allowed, and whether that can be told.
//! Must not know where runs come from, nor exit codes or reports.

mod held;

use self::held::Held;
use super::arm::Arm;
use super::comparison::{Comparison, Judgement, Terms, compare_each};
use super::figure::Figure;
use super::recorded::{Recorded, RecordedPoint};
use crate::ids::PointIndex;
use crate::metric::Direction;
use crate::plan::Level;
use crate::statistics::Bounds;

/// How much worse a figure may become.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// The figure.
    pub figure: Figure,
    /// As a share of the baseline: 0.05 is five in a hundred.
    pub max_regression: f64,
}

/// What the gate says of one figure at one point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Passage {
    /// Not worse by more than is allowed.
    Pass,
    /// Repeats do not tell which side of the limit it is on.
    Undecided,
    /// Too few repeats to tell anything.
    NotEnoughRepeats,
    /// One of the two does not have the figure.
    NoFigure,
    /// A point of the baseline that one of the two was not measured at.
    Missing,
    /// A run that proves nothing here: a rule calls its numbers invalid, or it did not come to its end.
    Invalid,
    /// Significantly worse than the baseline, by more than is allowed.
    Regression,
}

impl Passage {
    /// The words that tables show.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Passage::Pass => "pass",
            Passage::Undecided => "undecided",
            Passage::NotEnoughRepeats => "not enough repeats",
            Passage::NoFigure => "no figure",
            Passage::Missing => "not measured",
            Passage::Invalid => "invalid",
            Passage::Regression => "regression",
        }
    }
}

/// One figure at one point.
#[derive(Clone, Debug, PartialEq)]
pub struct GateRow {
    /// The point's engine configuration in words; empty where nothing varies.
    pub variant: String,
    /// Its load level.
    pub level: Level,
    /// The figure's key.
    pub figure: String,
    /// What is allowed, as a share of the baseline.
    pub max_regression: f64,
    /// How much worse the candidate is, as a share of the baseline, with its interval; below zero it is better.
    pub regression: Option<Bounds>,
    /// The comparison behind it.
    pub comparison: Comparison,
    /// What the gate says.
    pub passage: Passage,
    /// Why it is not measured, or invalid.
    pub why: Option<String>,
}

/// What the gate says of a candidate.
#[derive(Clone, Debug, PartialEq)]
pub struct Gated {
    /// Every figure at every point of the baseline.
    pub rows: Vec<GateRow>,
    /// What must be said of the two runs besides, as sentences.
    pub notes: Vec<String>,
}

impl GateRow {
    /// Why, as a sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        if let Some(why) = &self.why {
            return why.clone();
        }
        let percent = |share: f64| format!("{:+.2} %", share * 100.0);
        let limit = format!("{:.2} %", self.max_regression * 100.0);
        let worse = self.regression.map_or_else(
            || "An unknown share".to_owned(),
            |r| format!("{} (95 %: {} to {})", percent(r.value), percent(r.low), percent(r.high)),
        );
        match self.passage {
            Passage::Pass => format!("{worse} worse, {limit} allowed."),
            Passage::Regression => {
                let p = self.comparison.adjusted_p.unwrap_or(1.0);
                format!("{worse} worse, {limit} allowed, and significant (p = {p:.4}).")
            }
            Passage::Undecided => {
                let found = self.comparison.detectable.and_then(|d| d.share);
                let mut found = found.map_or(String::new(), |share| {
                    format!(" So many repeats of such a spread find {:.2} % at least", share * 100.0)
                });
                if !found.is_empty() {
                    let more = self.comparison.repeats_for(self.max_regression);
                    found += &more.map_or(".".to_owned(), |n| format!("; {n} of each would find what is allowed."));
                }
                format!("{worse} worse, {limit} allowed, and repeats do not tell which side it is on.{found}")
            }
            Passage::NotEnoughRepeats | Passage::NoFigure | Passage::Missing | Passage::Invalid => {
                self.comparison.judgement.detail().unwrap_or_else(|| "It cannot be compared.".to_owned())
            }
        }
    }
}

/// Why nothing could be gated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    /// No point in common.
    #[error(
        "The two runs have no point in common, neither load level nor engine configuration: measure the same plan."
    )]
    NothingInCommon,
    /// A figure without a better or worse.
    #[error("\"{0}\" has no better or worse, so it cannot regress: choose another figure.")]
    NoDirection(String),
}

/// A point of the baseline by one figure, before it is compared.
struct Place<'a> {
    point: &'a RecordedPoint,
    limit: Limit,
    /// Why there is nothing to compare.
    missing: Option<String>,
    /// Why its numbers prove nothing.
    invalid: Option<String>,
}

/// Every figure at every point of the baseline: one that the candidate lacks does not pass. All of them are read together.
///
/// # Errors
/// [`GateError`] where there is nothing to compare.
pub fn gate(base: &Recorded, candidate: &Recorded, limits: &[Limit]) -> Result<Gated, GateError> {
    if let Some(limit) = limits.iter().find(|limit| limit.figure.direction() == Direction::Neutral) {
        return Err(GateError::NoDirection(limit.figure.key()));
    }
    let same = |point: &RecordedPoint| {
        let is_same = |other: &RecordedPoint| other.level == point.level && other.variant == point.variant;
        Arm::all(candidate).find(|other| other.point().is_some_and(is_same))
    };
    // One that died before its first point is told of point by point.
    let shares = base.points.iter().any(|point| same(point).is_some());
    if base.points.is_empty() || limits.is_empty() || !(shares || candidate.points.is_empty()) {
        return Err(GateError::NothingInCommon);
    }
    let (base_held, candidate_held) = (Held::baseline(base), Held::candidate(candidate));
    let mut asked = Vec::new();
    let mut places = Vec::new();
    let mut compared = (Vec::new(), Vec::new());
    for arm in Arm::all(base) {
        let Some(point) = arm.point() else { continue };
        let other = same(point).unwrap_or(Arm { run: candidate, index: PointIndex::MAX });
        let missing = base_held.missing(point, arm.point()).or_else(|| candidate_held.missing(point, other.point()));
        let invalid = base_held.invalid_at(arm.index).or_else(|| candidate_held.invalid_at(other.index));
        compared.0.push(arm.index);
        compared.1.push(other.index);
        for limit in limits {
            asked.push((arm, other, limit.figure));
            places.push(Place { point, limit: *limit, missing: missing.clone(), invalid: invalid.clone() });
        }
    }
    let whole = [base_held.spoiled(&compared.0), candidate_held.spoiled(&compared.1)];
    let whole: Vec<String> = whole.into_iter().flatten().collect();
    let said = (!whole.is_empty()).then(|| whole.join(" "));
    let rows = places.into_iter().zip(compare_each(&asked, Terms::STRICT));
    let rows = rows.map(|(place, comparison)| row(place, comparison, said.as_deref())).collect();
    let doubts = [base_held.doubted(), candidate_held.doubted()].into_iter().flatten();
    let notes = whole.into_iter().chain(doubts).chain(candidate_held.besides(&compared.1)).collect();
    Ok(Gated { rows, notes })
}

/// `spoiled` says why one of the two runs passes nothing.
fn row(place: Place, comparison: Comparison, spoiled: Option<&str>) -> GateRow {
    let Place { point, limit, missing, invalid } = place;
    let regression = comparison.ratio.map(|ratio| match limit.figure.direction() {
        Direction::Higher => Bounds { value: 1.0 - ratio.value, low: 1.0 - ratio.high, high: 1.0 - ratio.low },
        _ => Bounds { value: ratio.value - 1.0, low: ratio.low - 1.0, high: ratio.high - 1.0 },
    });
    let told = passage(&comparison, regression, limit.max_regression);
    let (passage, why) = match (missing, invalid, spoiled) {
        (Some(why), ..) => (Passage::Missing, Some(why)),
        (_, Some(why), _) => (Passage::Invalid, Some(why)),
        // What was measured before a run ended was measured: it can be worse, but nothing passes by it.
        (.., Some(why)) if told != Passage::Regression => (Passage::Invalid, Some(why.to_owned())),
        _ => (told, None),
    };
    GateRow {
        variant: point.variant.clone(),
        level: point.level,
        figure: limit.figure.key(),
        max_regression: limit.max_regression,
        regression,
        comparison,
        passage,
        why,
    }
}

/// What two sound runs come to.
fn passage(comparison: &Comparison, regression: Option<Bounds>, max: f64) -> Passage {
    let finds = comparison.detectable.and_then(|detectable| detectable.share);
    match (comparison.judgement, regression) {
        (Judgement::NotEnoughRepeats { .. }, _) => Passage::NotEnoughRepeats,
        (Judgement::NoFigure(_), _) => Passage::NoFigure,
        (Judgement::Worse, Some(regression)) if regression.value > max => Passage::Regression,
        (_, Some(regression)) if regression.high <= max => Passage::Pass,
        // One that is too great would have been found.
        (_, Some(regression)) if regression.value <= max && finds.is_some_and(|share| share <= max) => Passage::Pass,
        _ => Passage::Undecided,
    }
}

#[cfg(test)]
mod tests;
