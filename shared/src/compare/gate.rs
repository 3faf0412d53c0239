//! Owns the gate: whether a candidate is worse than its baseline by more than is allowed, and whether that can be told.
//! Must not know where runs come from, nor exit codes or reports.

use super::arm::Arm;
use super::comparison::{Comparison, Judgement, Terms, compare_each};
use super::figure::Figure;
use super::recorded::Recorded;
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
}

impl GateRow {
    /// Why, as a sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
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
            Passage::NotEnoughRepeats | Passage::NoFigure => {
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

/// Every figure at every point that the two have in common. All of them are read together.
///
/// # Errors
/// [`GateError`] where there is nothing to compare.
pub fn gate(base: &Recorded, candidate: &Recorded, limits: &[Limit]) -> Result<Vec<GateRow>, GateError> {
    if let Some(limit) = limits.iter().find(|limit| limit.figure.direction() == Direction::Neutral) {
        return Err(GateError::NoDirection(limit.figure.key()));
    }
    let mut asked = Vec::new();
    let mut places = Vec::new();
    for arm in Arm::all(base) {
        let Some(point) = arm.point() else { continue };
        let same = Arm::all(candidate).find(|other| {
            other.point().is_some_and(|other| other.level == point.level && other.variant == point.variant)
        });
        let Some(same) = same else { continue };
        for limit in limits {
            asked.push((arm, same, limit.figure));
            places.push((point.variant.clone(), point.level, *limit));
        }
    }
    if asked.is_empty() {
        return Err(GateError::NothingInCommon);
    }
    let rows = places.into_iter().zip(compare_each(&asked, Terms::STRICT));
    Ok(rows.map(|((variant, level, limit), comparison)| row(variant, level, limit, comparison)).collect())
}

fn row(variant: String, level: Level, limit: Limit, comparison: Comparison) -> GateRow {
    let regression = comparison.ratio.map(|ratio| match limit.figure.direction() {
        Direction::Higher => Bounds { value: 1.0 - ratio.value, low: 1.0 - ratio.high, high: 1.0 - ratio.low },
        _ => Bounds { value: ratio.value - 1.0, low: ratio.low - 1.0, high: ratio.high - 1.0 },
    });
    let max = limit.max_regression;
    let finds = comparison.detectable.and_then(|detectable| detectable.share);
    let passage = match (comparison.judgement, regression) {
        (Judgement::NotEnoughRepeats { .. }, _) => Passage::NotEnoughRepeats,
        (Judgement::NoFigure(_), _) => Passage::NoFigure,
        (Judgement::Worse, Some(regression)) if regression.value > max => Passage::Regression,
        (_, Some(regression)) if regression.high <= max => Passage::Pass,
        // One that is too great would have been found.
        (_, Some(regression)) if regression.value <= max && finds.is_some_and(|share| share <= max) => Passage::Pass,
        _ => Passage::Undecided,
    };
    GateRow { variant, level, figure: limit.figure.key(), max_regression: max, regression, comparison, passage }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{levels, run};
    use super::*;

    fn check(figure: &str, base: &[f64], candidate: &[f64], max_regression: f64, expect: Passage) {
        let limit = Limit { figure: Figure::parse(figure).unwrap(), max_regression };
        let rows = gate(&run(base), &run(candidate), &[limit]).unwrap();
        assert_eq!(rows[0].passage, expect, "{rows:?}");
        assert!(rows[0].sentence().ends_with('.'), "{}", rows[0].sentence());
    }

    #[test]
    fn worse_by_more_than_is_allowed_is_a_regression() {
        let base = [100.0, 100.1, 99.9, 100.2, 99.8];
        let times = |factor: f64| base.map(|v| v * factor);
        check("ttft.mean", &base, &times(1.1), 0.05, Passage::Regression);
        check("ttft.mean", &base, &times(1.03), 0.05, Passage::Pass);
        check("ttft.mean", &base, &times(0.5), 0.05, Passage::Pass);
        check("output_throughput", &base, &times(0.9), 0.05, Passage::Regression);
        check("output_throughput", &base, &times(1.9), 0.05, Passage::Pass);
        check("ttft.mean", &base, &base, 0.0, Passage::Undecided);
        check("ttft.mean", &base[..4], &times(1.1)[..4], 0.05, Passage::NotEnoughRepeats);
        check("e2e.mean", &base, &base, 0.05, Passage::NoFigure);
        // So noisy that five in a hundred could hide in it.
        let noisy = [80.0, 120.0, 100.0, 90.0, 110.0];
        check("ttft.mean", &noisy, &noisy, 0.05, Passage::Undecided);
        check("ttft.mean", &noisy, &noisy, 0.5, Passage::Pass);
    }

    #[test]
    fn what_cannot_be_gated_is_refused() {
        let (one, other) = (levels(&[(1, &[1.0; 5])]), levels(&[(2, &[1.0; 5])]));
        let limit = Limit { figure: Figure::parse("ttft").unwrap(), max_regression: 0.1 };
        assert_eq!(gate(&one, &other, &[limit]), Err(GateError::NothingInCommon));
    }
}
