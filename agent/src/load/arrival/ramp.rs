//! Owns the schedule of a rate that changes: the i-th request is due when the area under the rate reaches i.
//! Must not know what the ramp is for.

use shared::plan::Curve;
use shared::units::{NS_PER_S, ns_to_s};

/// Offsets of a ramp, ns.
pub(super) fn offsets(from: f64, to: f64, curve: Curve, length_ns: u64) -> impl Iterator<Item = u64> + Send {
    let length_s = ns_to_s(length_ns);
    let due_s = move |i: f64| match curve {
        Curve::Linear => linear(from, to, length_s, i),
        Curve::Exponential => exponential(from, to, length_s, i),
    };
    (0u64..)
        .map(move |i| due_s(i as f64))
        .take_while(|due| due.is_finite())
        .map(|due| (due * NS_PER_S as f64).round() as u64)
        .take_while(move |due| *due < length_ns)
}

/// When `from·t + (to − from)·t² / (2·length) = i`; the root is written so that nothing cancels.
fn linear(from: f64, to: f64, length_s: f64, i: f64) -> f64 {
    let slope = (to - from) / length_s;
    2.0 * i / (from + (from * from + 2.0 * slope * i).sqrt())
}

/// When `from·length / ln q · (q^(t / length) − 1) = i` with `q = to / from`.
fn exponential(from: f64, to: f64, length_s: f64, i: f64) -> f64 {
    let growth = (to / from).ln() / length_s;
    if growth == 0.0 { i / from } else { (i * growth / from).ln_1p() / growth }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(from: f64, to: f64, curve: Curve, expect_count: usize, expect_second_half: usize) {
        let offsets: Vec<u64> = offsets(from, to, curve, 10 * NS_PER_S).collect();
        let second_half = offsets.iter().filter(|o| **o >= 5 * NS_PER_S).count();
        assert_eq!((offsets.len(), second_half), (expect_count, expect_second_half), "{from} to {to}, {curve:?}");
    }

    #[test]
    fn as_many_are_due_as_the_area_under_the_rate() {
        // (10 + 30) / 2 · 10 s; in the second half (20 + 30) / 2 · 5 s.
        check(10.0, 30.0, Curve::Linear, 200, 125);
        check(30.0, 10.0, Curve::Linear, 200, 75);
        check(20.0, 20.0, Curve::Linear, 200, 100);
        check(20.0, 20.0, Curve::Exponential, 200, 100);
        // 10 · 10 / ln 4 · (4 − 1) = 216.4; in the first half 10 · 10 / ln 4 · (2 − 1) = 72.1.
        check(10.0, 40.0, Curve::Exponential, 217, 144);
    }
}
