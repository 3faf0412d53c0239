//! Owns the statistics of repeats: intervals, differences between two sets of them, and what a test can find.
//! Must not know what was repeated, nor any metric.

mod detectable;
mod difference;
mod holm;
mod permutation;
mod student;

pub use detectable::{Design, POWER, attained, least_repeats};
pub use difference::{Bounds, difference, hedges_g, ratio, rounds_difference, rounds_ratio};
pub use holm::holm;
#[cfg(test)]
pub(crate) use permutation::SplitMix;
pub use permutation::{Block, Permutation, Ways, least_p, permutation_test};
pub use student::{of_error, student_interval, t_two_sided};

/// The confidence of every interval.
pub const CONFIDENCE: f64 = 0.95;
/// The share of tests of equal things that may call them different (METRICS.md, "Repeats").
pub const ALPHA: f64 = 0.05;

/// Arithmetic mean; nothing of nothing.
#[must_use]
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Variance with n − 1 below; nothing for fewer than two.
#[must_use]
pub fn variance(values: &[f64]) -> Option<f64> {
    let mean = mean(values)?;
    let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    (values.len() > 1).then(|| squares / (values.len() as f64 - 1.0))
}

#[cfg(test)]
mod fixtures;
