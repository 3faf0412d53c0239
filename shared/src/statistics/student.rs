//! Owns Student's t: its distribution for any degrees of freedom, quantiles, and the interval of a mean over repeats.
//! Must not know what was repeated.

use super::{CONFIDENCE, mean, variance};
use crate::summary::Interval;
use crate::units::finite;

/// Terms of a continued fraction at most; it converges in about the square root of the greater argument.
const MOST_TERMS: u32 = 10_000;

/// Probability that Student's t with `df` degrees of freedom lies within ±`t`: the regularised incomplete beta function
/// of 1/2 and df/2 (Abramowitz and Stegun, "Handbook of Mathematical Functions", 26.7.1).
fn within(t: f64, df: f64) -> f64 {
    let square = t * t;
    incomplete_beta(0.5, df / 2.0, square / (df + square))
}

/// The regularised incomplete beta function by its continued fraction (Abramowitz and Stegun, 26.5.8), evaluated by
/// Lentz's method with the modification of Thompson and Barnett (Journal of Computational Physics 64, 1986).
fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    // The fraction converges fast on this side only; the function is symmetric.
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(b, a, 1.0 - x);
    }
    let front = (libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b) + a * x.ln() + b * libm::log1p(-x)).exp() / a;
    let held = |v: f64| if v.abs() < f64::MIN_POSITIVE { f64::MIN_POSITIVE } else { v };
    let (mut c, mut d) = (1.0, 1.0 / held(1.0 - (a + b) * x / (a + 1.0)));
    let mut fraction = d;
    for term in 1..MOST_TERMS {
        let m = f64::from(term);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let before = fraction;
        for coefficient in [even, odd] {
            d = 1.0 / held(1.0 + coefficient * d);
            c = held(1.0 + coefficient / c);
            fraction *= c * d;
        }
        if (fraction - before).abs() <= f64::EPSILON * fraction.abs() {
            break;
        }
    }
    front * fraction
}

/// The t that a share `confidence` (0 to 1, both excluded) of Student's distribution with `df` degrees of freedom lies
/// within on both sides, by bisection; nothing without degrees of freedom.
#[must_use]
pub fn t_two_sided(confidence: f64, df: f64) -> Option<f64> {
    if !(df > 0.0 && df.is_finite() && confidence > 0.0 && confidence < 1.0) {
        return None;
    }
    let (mut low, mut high) = (0.0, 1.0);
    while within(high, df) < confidence {
        low = high;
        high *= 2.0;
    }
    // Halving a double's interval ends by itself well before this.
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        *(if within(middle, df) < confidence { &mut low } else { &mut high }) = middle;
    }
    Some(high)
}

/// The interval of a figure that repeats found with this standard error; nothing for fewer than two repeats.
#[must_use]
pub fn of_error(centre: f64, standard_error: f64, repeats: usize) -> Option<Interval> {
    let n = u32::try_from(repeats).ok()?;
    let half_width = finite(t_two_sided(CONFIDENCE, f64::from(n.checked_sub(1)?))? * standard_error)?;
    Some(Interval { n, mean: finite(centre)?, half_width })
}

/// The interval of the mean of `values`, one a repeat, by Student's t at 95 %; nothing for fewer than two.
#[must_use]
pub fn student_interval(values: &[f64]) -> Option<Interval> {
    of_error(mean(values)?, (variance(values)? / values.len() as f64).sqrt(), values.len())
}
