//! Owns the correction of several tests that are read together.
//! Must not know what they test.

/// Each p-value as it counts among all of them: Holm's step-down method (Scandinavian Journal of Statistics 6, 1979). A
/// test that was not done is no part of the family.
#[must_use]
pub fn holm(values: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut order: Vec<(usize, f64)> =
        values.iter().enumerate().filter_map(|(place, p)| Some((place, (*p)?))).collect();
    order.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut adjusted = vec![None; values.len()];
    let mut greatest = 0.0f64;
    let family = order.len();
    for (done, (place, p)) in order.into_iter().enumerate() {
        greatest = greatest.max((p * (family - done) as f64).min(1.0));
        adjusted[place] = Some(greatest);
    }
    adjusted
}
