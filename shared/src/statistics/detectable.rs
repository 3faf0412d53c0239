//! Owns what a comparison of so many repeats can find: the least effect found at a given power, and repeats for an effect.
//! Must not know what was repeated.

use super::{ALPHA, t_two_sided};

/// The share of true differences that are found (METRICS.md, "Repeats").
pub const POWER: f64 = 0.8;
/// Steps of an integral; twice as many change the tenth digit.
const STEPS: u32 = 2_000;

/// Repeats that are compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Design {
    /// Degrees of freedom.
    df: f64,
    /// What a difference of one standard deviation comes to, in standard errors.
    scale: f64,
    alpha: f64,
}

impl Design {
    /// Two sets apart, whose deviation is that of repeats within a set; nothing without degrees of freedom.
    #[must_use]
    pub fn apart(base: u32, other: u32, alpha: f64) -> Option<Self> {
        let (base, other) = (f64::from(base), f64::from(other));
        let df = base + other - 2.0;
        (df >= 1.0 && base > 0.0 && other > 0.0).then(|| Self {
            df,
            scale: (base * other / (base + other)).sqrt(),
            alpha,
        })
    }

    /// Pairs that were measured in turns, whose deviation is that of the differences round by round.
    #[must_use]
    pub fn rounds(n: u32, alpha: f64) -> Option<Self> {
        let n = f64::from(n);
        (n >= 2.0).then(|| Self { df: n - 1.0, scale: n.sqrt(), alpha })
    }

    /// The probability that a difference of `effect` standard deviations is found: the power of Student's two-sided test,
    /// by the noncentral t distribution (Cohen, "Statistical Power Analysis", chapter 2). Permutation tests have it, too,
    /// as repeats grow (Hoeffding, 1952); of few they have a little less. Nothing without degrees of freedom.
    #[must_use]
    pub fn power(self, effect: f64) -> Option<f64> {
        let critical = t_two_sided(1.0 - self.alpha, self.df)?;
        let shift = effect * self.scale;
        Some(beyond(critical, self.df, shift) + beyond(critical, self.df, -shift))
    }

    /// The least difference, in standard deviations, that is found with a probability of `power`; nothing where there is
    /// none, without degrees of freedom.
    #[must_use]
    pub fn detectable(self, power: f64) -> Option<f64> {
        let (mut low, mut high) = (0.0, 1.0);
        while self.power(high)? < power {
            low = high;
            high *= 2.0;
            if high > 1e6 {
                return None;
            }
        }
        for _ in 0..60 {
            let middle = 0.5 * (low + high);
            *(if self.power(middle)? < power { &mut low } else { &mut high }) = middle;
        }
        Some(high)
    }
}

/// Repeats of each of two that find a difference of `share` of the mean at [`POWER`], where repeats spread by `spread` of
/// it; nothing where `most` do not.
#[must_use]
pub fn least_repeats(spread: f64, share: f64, most: u32) -> Option<u32> {
    let found = |n: u32| Design::apart(n, n, ALPHA)?.detectable(POWER);
    (2..=most).find(|n| found(*n).is_some_and(|effect| effect * spread <= share))
}

/// Probability that a noncentral t with `df` degrees of freedom, shifted by `shift`, lies above `t`: that of a normal
/// variate, over the distribution of the deviation that it is divided by (Johnson and Kotz, "Continuous Univariate
/// Distributions 2", chapter 31), by Simpson's rule.
fn beyond(t: f64, df: f64, shift: f64) -> f64 {
    let above = |z: f64| 0.5 * libm::erfc(z / std::f64::consts::SQRT_2);
    let log_scale = (df / 2.0) * (df / 2.0).ln() + 2f64.ln() - libm::lgamma(df / 2.0);
    // The deviation's density; it lies around 1 with a spread of 1 / √(2 df).
    let density = |s: f64| if s > 0.0 { (log_scale + (df - 1.0) * s.ln() - df * s * s / 2.0).exp() } else { 0.0 };
    let end = 1.0 + 12.0 / (2.0 * df).sqrt();
    let width = end / f64::from(STEPS);
    let weight = |step: u32| match step {
        0 | STEPS => 1.0,
        step if step % 2 == 1 => 4.0,
        _ => 2.0,
    };
    let sum: f64 = (0..=STEPS)
        .map(|step| {
            let s = f64::from(step) * width;
            weight(step) * density(s) * above(t * s - shift)
        })
        .sum();
    sum * width / 3.0
}
