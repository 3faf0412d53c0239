//! Owns what a comparison of so many repeats can find: the least effect found at a given power, and repeats for an effect.
//! Must not know what was repeated.

use super::{ALPHA, least_p, t_two_sided};

/// The share of true differences that are found (METRICS.md, "Repeats").
pub const POWER: f64 = 0.8;
/// Steps of an integral; ten times as many change the eighth digit.
const STEPS: u32 = 400;

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
    /// by the noncentral t distribution (Cohen, "Statistical Power Analysis", chapter 2). Permutation tests at the level
    /// that they attain have it to within 0.01 from five repeats on, and of four 0.05 less. Nothing without degrees of
    /// freedom.
    #[must_use]
    pub fn power(self, effect: f64) -> Option<f64> {
        Some(self.curve()?.power(effect))
    }

    /// The least difference, in standard deviations, that is found with a probability of `power`; nothing where there is
    /// none, without degrees of freedom.
    #[must_use]
    pub fn detectable(self, power: f64) -> Option<f64> {
        let curve = self.curve()?;
        let (mut low, mut high) = (0.0, 1.0);
        while curve.power(high) < power {
            low = high;
            high *= 2.0;
            if high > 1e6 {
                return None;
            }
        }
        // To the seventh digit.
        for _ in 0..24 {
            let middle = 0.5 * (low + high);
            *(if curve.power(middle) < power { &mut low } else { &mut high }) = middle;
        }
        Some(high)
    }

    fn curve(self) -> Option<Curve> {
        let critical = t_two_sided(1.0 - self.alpha, self.df)?;
        Some(Curve { critical, scale: self.scale, nodes: deviations(self.df) })
    }
}

/// The level that an exact test really has, whose p are multiples of its least: the greatest of them within `alpha`.
#[must_use]
pub fn attained(alpha: f64, least_p: f64) -> f64 {
    let multiples = (alpha / least_p).floor();
    if multiples >= 1.0 { multiples * least_p } else { alpha }
}

/// Repeats of each of two that find a difference of `share` of the mean at [`POWER`], where repeats spread by `spread` of
/// it; nothing where `most` do not.
#[must_use]
pub fn least_repeats(spread: f64, share: f64, most: u32) -> Option<u32> {
    let finds = |n: u32| {
        let design = Design::apart(n, n, attained(ALPHA, least_p(n, false)));
        design.and_then(|design| design.detectable(POWER)).is_some_and(|effect| effect * spread <= share)
    };
    if most < 2 || !finds(most) {
        return None;
    }
    // More repeats never find less.
    let (mut low, mut high) = (1, most);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        *(if finds(middle) { &mut high } else { &mut low }) = middle;
    }
    Some(high)
}

/// The power of one design, for any effect.
struct Curve {
    critical: f64,
    scale: f64,
    /// Deviations that a normal variate is divided by, and how likely each is.
    nodes: Vec<(f64, f64)>,
}

impl Curve {
    fn power(&self, effect: f64) -> f64 {
        let shift = effect * self.scale;
        self.beyond(shift) + self.beyond(-shift)
    }

    /// Probability that a noncentral t, shifted by `shift`, lies above the critical one: that of a normal variate, over
    /// the distribution of the deviation that it is divided by (Johnson and Kotz, "Continuous Univariate Distributions
    /// 2", chapter 31).
    fn beyond(&self, shift: f64) -> f64 {
        let above = |z: f64| 0.5 * libm::erfc(z / std::f64::consts::SQRT_2);
        self.nodes.iter().map(|(s, weight)| weight * above(self.critical * s - shift)).sum()
    }
}

/// The distribution of a deviation with `df` degrees of freedom around 1, as nodes and weights of Simpson's rule.
fn deviations(df: f64) -> Vec<(f64, f64)> {
    let log_scale = (df / 2.0) * (df / 2.0).ln() + 2f64.ln() - libm::lgamma(df / 2.0);
    let density = |s: f64| if s > 0.0 { (log_scale + (df - 1.0) * s.ln() - df * s * s / 2.0).exp() } else { 0.0 };
    // Its spread is 1 / √(2 df).
    let reach = 10.0 / (2.0 * df).sqrt();
    let (from, to) = ((1.0 - reach).max(0.0), 1.0 + reach);
    let width = (to - from) / f64::from(STEPS);
    let simpson = |step: u32| match step {
        0 | STEPS => 1.0,
        step if step % 2 == 1 => 4.0,
        _ => 2.0,
    };
    let node = |step: u32| {
        let s = from + f64::from(step) * width;
        (s, simpson(step) * density(s) * width / 3.0)
    };
    (0..=STEPS).map(node).collect()
}
