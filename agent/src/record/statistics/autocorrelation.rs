//! Owns what dependent samples are worth: the effective sample size of a series.
//! Must not know what the series measures.

/// Most samples that are looked at: lags cost their product with these.
const MOST: usize = 10_000;

/// Independent samples that would carry as much about the mean as this series, at most as many as it has.
///
/// Geyer, "Practical Markov chain Monte Carlo", Statistical Science 7 (1992): autocorrelations are summed by pairs of
/// lags for as long as the pairs are positive, each at most the one before (the initial monotone sequence). Of a long
/// series the last 10,000 samples stand for all.
#[must_use]
pub fn effective_n(series: &[f64]) -> f64 {
    let n = series.len() as f64;
    let tail = &series[series.len().saturating_sub(MOST)..];
    let mean = tail.iter().sum::<f64>() / tail.len() as f64;
    let centred: Vec<f64> = tail.iter().map(|v| v - mean).collect();
    let covariance = |lag: usize| centred.iter().zip(&centred[lag..]).map(|(a, b)| a * b).sum::<f64>();
    let variance = covariance(0);
    // A constant series says nothing of dependence.
    if variance == 0.0 {
        return n;
    }
    let (mut sum, mut before) = (0.0, f64::INFINITY);
    for lag in (0..tail.len() - 1).step_by(2) {
        let pair = (covariance(lag) + covariance(lag + 1)) / variance;
        if pair <= 0.0 {
            break;
        }
        before = pair.min(before);
        sum += before;
    }
    (n / (2.0 * sum - 1.0).max(1.0)).max(1.0)
}
