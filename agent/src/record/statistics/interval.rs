//! Owns Student's t: quantiles, and the interval of a mean over repeats.
//! Must not know what was repeated.

use shared::summary::Interval;
use shared::units::finite;
use std::f64::consts::{FRAC_2_PI, PI};

/// The confidence of every interval.
const CONFIDENCE: f64 = 0.95;

/// Probability that Student's t with `df` degrees of freedom lies within ±`t`: the finite sums of Abramowitz and
/// Stegun, "Handbook of Mathematical Functions", 26.7.3 and 26.7.4, exact for whole degrees of freedom.
fn within(t: f64, df: u32) -> f64 {
    let angle = (t / f64::from(df).sqrt()).atan();
    let (sin, cos) = angle.sin_cos();
    // Each term is the one before times cos² and a ratio of neighbours: 2/3, 4/5, … where df is odd, 1/2, 3/4, … else.
    let odd = df % 2 == 1;
    let (mut term, mut sum) = if odd { (cos, cos) } else { (1.0, 1.0) };
    let mut k = if odd { 3 } else { 2 };
    while k < df {
        term *= cos * cos * f64::from(k - 1) / f64::from(k);
        sum += term;
        k += 2;
    }
    match df {
        1 => 2.0 * angle / PI,
        _ if odd => FRAC_2_PI * (angle + sin * sum),
        _ => sin * sum,
    }
}

/// The t that a share `confidence` (0 to 1, both excluded) of Student's distribution with `df` degrees of freedom lies
/// within on both sides, by bisection; nothing without degrees of freedom.
#[must_use]
pub(super) fn t_two_sided(confidence: f64, df: u32) -> Option<f64> {
    if df == 0 || !(confidence > 0.0 && confidence < 1.0) {
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
pub(super) fn of_error(centre: f64, standard_error: f64, repeats: usize) -> Option<Interval> {
    let n = u32::try_from(repeats).ok()?;
    let half_width = finite(t_two_sided(CONFIDENCE, n.checked_sub(1)?)? * standard_error)?;
    Some(Interval { n, mean: finite(centre)?, half_width })
}

/// The interval of the mean of `values`, one a repeat, by Student's t at 95 %; nothing for fewer than two.
#[must_use]
pub fn student_interval(values: &[f64]) -> Option<Interval> {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    of_error(mean, (squares / (n - 1.0) / n).sqrt(), values.len())
}
