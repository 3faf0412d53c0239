//! Owns how far two sets of repeats lie apart: difference and ratio of their means with intervals, and the effect size.
//! Must not know what was repeated.

use super::{CONFIDENCE, mean, student_interval, t_two_sided, variance};
use crate::units::finite;
use serde::{Deserialize, Serialize};

/// An estimate and its interval at 95 %, which need not be symmetric.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Bounds {
    /// The estimate.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Bounds {
    /// An estimate with so much on both sides; nothing where any of it is no number.
    fn around(value: f64, half_width: f64) -> Option<Self> {
        Some(Self { value: finite(value)?, low: finite(value - half_width)?, high: finite(value + half_width)? })
    }
}

/// A mean, the variance of that mean, and the repeats behind it.
struct Mean {
    value: f64,
    error: f64,
    n: f64,
}

impl Mean {
    fn of(values: &[f64]) -> Option<Self> {
        let n = values.len() as f64;
        Some(Self { value: mean(values)?, error: variance(values)? / n, n })
    }
}

/// Half the width of the interval of a sum of two independent errors, each with its repeats: Student's t with the degrees
/// of freedom of Welch and Satterthwaite (Welch, Biometrika 34, 1947).
fn welch([first, second]: [(f64, f64); 2]) -> Option<f64> {
    let error = first.0 + second.0;
    if error == 0.0 {
        return Some(0.0);
    }
    let part = |(error, n): (f64, f64)| error * error / (n - 1.0);
    Some(t_two_sided(CONFIDENCE, error * error / (part(first) + part(second)))? * error.sqrt())
}

/// `other − base` of the means, by Welch's interval; nothing for fewer than two repeats of either.
#[must_use]
pub fn difference(base: &[f64], other: &[f64]) -> Option<Bounds> {
    let (base, other) = (Mean::of(base)?, Mean::of(other)?);
    Bounds::around(other.value - base.value, welch([(base.error, base.n), (other.error, other.n)])?)
}

/// `other / base` of the means, by Welch's interval of the difference of their logarithms: the error of a logarithm is
/// the relative error, to first order (the delta method). Nothing where a mean is not above zero.
#[must_use]
pub fn ratio(base: &[f64], other: &[f64]) -> Option<Bounds> {
    let (base, other) = (Mean::of(base)?, Mean::of(other)?);
    if base.value <= 0.0 || other.value <= 0.0 {
        return None;
    }
    let relative = |mean: &Mean| (mean.error / (mean.value * mean.value), mean.n);
    let half_width = welch([relative(&base), relative(&other)])?;
    let log = (other.value / base.value).ln();
    let exp = |log: f64| finite(log.exp());
    Some(Bounds { value: exp(log)?, low: exp(log - half_width)?, high: exp(log + half_width)? })
}

/// The same of two that were measured in turns, a pair `(base, other)` a round: Student's interval of the differences,
/// from which drift between rounds is gone.
#[must_use]
pub fn rounds_difference(rounds: &[(f64, f64)]) -> Option<Bounds> {
    let differences: Vec<f64> = rounds.iter().map(|(base, other)| other - base).collect();
    let interval = student_interval(&differences)?;
    Bounds::around(interval.mean, interval.half_width)
}

/// The ratio of two that were measured in turns: the geometric mean of each round's ratio, with Student's interval of
/// their logarithms. Nothing where a value is not above zero.
#[must_use]
pub fn rounds_ratio(rounds: &[(f64, f64)]) -> Option<Bounds> {
    let log = |(base, other): &(f64, f64)| (*base > 0.0 && *other > 0.0).then(|| (other / base).ln());
    let logs: Vec<f64> = rounds.iter().map(log).collect::<Option<_>>()?;
    let interval = student_interval(&logs)?;
    let exp = |log: f64| finite(log.exp());
    let (low, high) = (interval.mean - interval.half_width, interval.mean + interval.half_width);
    Some(Bounds { value: exp(interval.mean)?, low: exp(low)?, high: exp(high)? })
}

/// The difference in standard deviations: Hedges' g, with the exact correction of its bias (Hedges, Journal of
/// Educational Statistics 6, 1981). Nothing where nothing varies.
#[must_use]
pub fn hedges_g(base: &[f64], other: &[f64]) -> Option<f64> {
    let df = (base.len() + other.len()).checked_sub(2)? as f64;
    let squares = |values: &[f64]| Some(variance(values)? * (values.len() as f64 - 1.0));
    let deviation = ((squares(base)? + squares(other)?) / df).sqrt();
    let correction = (libm::lgamma(df / 2.0) - libm::lgamma((df - 1.0) / 2.0)).exp() / (df / 2.0).sqrt();
    finite((mean(other)? - mean(base)?) / deviation * correction)
}
