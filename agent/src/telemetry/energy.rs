//! Owns what GPUs took over a stretch of time: by the driver's counter where it goes on, else by power over time.
//! Must not know what the energy was spent on.

use super::row::Row;
use shared::telemetry::{ENERGY, Field, POWER};
use std::collections::BTreeMap;

/// Most points of a curve; beyond it every second one goes, which a sum over time does not mind.
const MAX_POINTS: usize = 8192;

/// The energy of each GPU over time.
#[derive(Debug, Default)]
pub struct EnergyMeter(BTreeMap<String, Curves>);

/// What a GPU took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Taken {
    /// By the driver's counter, mJ.
    Counted(f64),
    /// By power over time, mJ.
    Integrated(f64),
}

#[derive(Debug, Default)]
struct Curves {
    counted: Curve,
    integrated: Curve,
    /// The last read of power, where it came to something: when, and mW.
    power: Option<(u64, u64)>,
    latest_ns: u64,
}

/// A sum over time, in stretches without gaps.
#[derive(Debug, Default)]
struct Curve {
    points: Vec<Point>,
    stretch: u32,
}

#[derive(Clone, Copy, Debug)]
struct Point {
    at_ns: u64,
    /// mJ since the curve began.
    sum: f64,
    /// Between two stretches nothing is known.
    stretch: u32,
}

impl EnergyMeter {
    /// Takes a read; one that tells neither power nor energy changes nothing.
    pub fn add(&mut self, row: &Row) {
        let of = |wanted: &str| row.fields.iter().find(|(signal, _)| signal.key == wanted).map(|(_, field)| *field);
        let (Some(power), Some(energy)) = (of(POWER.key), of(ENERGY.key)) else { return };
        self.0.entry(row.source.clone()).or_default().add(row.at_ns(), power, energy);
    }

    /// When the GPU was read last that was read longest ago, ns of run time; absent without any.
    #[must_use]
    pub fn read_until_ns(&self) -> Option<u64> {
        self.0.values().map(|curves| curves.latest_ns).min()
    }

    /// What came before is of no more use.
    pub fn forget_before(&mut self, t_ns: u64) {
        for curve in self.0.values_mut().flat_map(|curves| [&mut curves.counted, &mut curves.integrated]) {
            let before = curve.points.partition_point(|point| point.at_ns <= t_ns);
            curve.points.drain(..before.saturating_sub(1));
        }
    }

    /// What each GPU took between two times, of those that were read before and after; absent where nobody knows.
    #[must_use]
    pub fn between(&self, from_ns: u64, to_ns: u64) -> Vec<Option<Taken>> {
        let taken = |curves: &Curves| {
            let counted = curves.counted.between(from_ns, to_ns).map(Taken::Counted);
            counted.or_else(|| curves.integrated.between(from_ns, to_ns).map(Taken::Integrated))
        };
        self.0.values().map(taken).collect()
    }
}

impl Curves {
    fn add(&mut self, at_ns: u64, power: Field, energy: Field) {
        self.latest_ns = at_ns;
        match energy {
            Field::Value(mj) => self.counted.go_on(at_ns, mj as f64),
            // From here on the counter can be compared again.
            Field::Failed(Field::BEGAN_ANEW) => self.counted.begin(at_ns),
            Field::NotSupported | Field::Failed(_) => self.counted.stretch += 1,
        }
        let before = std::mem::replace(&mut self.power, power.value().map(|mw| (at_ns, mw)));
        match (before, self.power) {
            // Trapezoid: mW × ns are 10⁻⁹ mJ.
            (Some((then_ns, then)), Some((_, now))) => {
                let mean = (then as f64 + now as f64) / 2.0;
                self.integrated.go_on(at_ns, mean * at_ns.saturating_sub(then_ns) as f64 / 1e9);
            }
            (None, Some(_)) => self.integrated.begin(at_ns),
            (_, None) => {}
        }
    }
}

impl Curve {
    fn begin(&mut self, at_ns: u64) {
        self.stretch += 1;
        self.go_on(at_ns, 0.0);
    }

    fn go_on(&mut self, at_ns: u64, added: f64) {
        let sum = self.points.last().map_or(0.0, |point| point.sum) + added;
        self.points.push(Point { at_ns, sum, stretch: self.stretch });
        if self.points.len() > MAX_POINTS {
            let (points, mut at) = (std::mem::take(&mut self.points), 0..);
            let ends_a_stretch = |i: usize| {
                let stretch = |i: usize| points.get(i).map(|point| point.stretch);
                i == 0 || stretch(i - 1) != stretch(i) || stretch(i + 1) != stretch(i)
            };
            self.points =
                points.iter().filter(|_| at.next().is_some_and(|i| i % 2 == 0 || ends_a_stretch(i))).copied().collect();
        }
    }

    fn between(&self, from_ns: u64, to_ns: u64) -> Option<f64> {
        let (from, to) = (self.at(from_ns)?, self.at(to_ns)?);
        (from.stretch == to.stretch && from_ns <= to_ns).then_some(to.sum - from.sum)
    }

    /// The curve at a time between two reads of one stretch.
    fn at(&self, at_ns: u64) -> Option<Point> {
        let after = self.points.partition_point(|point| point.at_ns < at_ns);
        let end = self.points.get(after)?;
        if end.at_ns == at_ns {
            return Some(*end);
        }
        let begin = self.points.get(after.checked_sub(1)?).filter(|begin| begin.stretch == end.stretch)?;
        let share = (at_ns - begin.at_ns) as f64 / (end.at_ns - begin.at_ns) as f64;
        Some(Point { at_ns, sum: begin.sum + (end.sum - begin.sum) * share, ..*begin })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Increment;

    const S: u64 = 1_000_000_000;

    /// A read each second of power, mW, and the energy counter, mJ.
    fn meter(reads: &[(Field, Field)]) -> EnergyMeter {
        let (mut meter, mut counter) = (EnergyMeter::default(), Increment::default());
        for ((power, energy), s) in reads.iter().zip(0..) {
            let fields = vec![(POWER, *power), (ENERGY, counter.of(*energy))];
            meter.add(&Row { source: "gpu:1".into(), begun_ns: s * S, ended_ns: s * S, fields });
        }
        meter
    }

    fn check(reads: &[(Field, Field)], from_ns: u64, to_ns: u64, expect: Option<Taken>) {
        assert_eq!(meter(reads).between(from_ns, to_ns), [expect], "{reads:?} from {from_ns} to {to_ns}");
    }

    #[test]
    fn a_counter_counts_where_it_goes_on_and_is_unknown_where_it_began_anew() {
        use Field::{NotSupported, Value};
        use Taken::Counted;
        let reads = [1000, 4000, 500, 1500].map(|mj| (NotSupported, Value(mj)));
        check(&reads, 0, S, Some(Counted(3000.0)));
        check(&reads, S, 2 * S, None);
        check(&reads, 0, 3 * S, None);
        check(&reads, 2 * S, 3 * S, Some(Counted(1000.0)));
        check(&reads, 2 * S + S / 4, 3 * S - S / 4, Some(Counted(500.0)));
        // Not read before, or not yet after.
        check(&reads, 2 * S, 4 * S, None);
    }

    #[test]
    fn without_a_counter_power_over_time_counts() {
        use Field::{Failed, NotSupported, Value};
        use Taken::Integrated;
        let steady = [(Value(50_000), NotSupported); 11];
        check(&steady, 0, 10 * S, Some(Integrated(500_000.0)));
        let ramp = [0, 100_000, 100_000].map(|mw| (Value(mw), NotSupported));
        check(&ramp, 0, 2 * S, Some(Integrated(150_000.0)));
        let mut gap = steady;
        gap[5].0 = Failed(15);
        check(&gap, 0, 10 * S, None);
        check(&gap, 6 * S, 10 * S, Some(Integrated(200_000.0)));
        // A counter that began anew in between is of no use, and power is.
        let reads = [(50_000, 9_000_000), (50_000, 9_050_000), (50_000, 3), (50_000, 50_003)];
        check(&reads.map(|(mw, mj)| (Value(mw), Value(mj))), 0, 3 * S, Some(Integrated(150_000.0)));
        check(&[(NotSupported, NotSupported); 3], 0, 2 * S, None);
    }

    #[test]
    fn a_long_run_is_thinned_and_its_sum_stays() {
        let reads: Vec<_> = (0..20_000).map(|s| (Field::NotSupported, Field::Value(s * 100))).collect();
        let mut long = meter(&reads);
        assert!(long.0["gpu:1"].counted.points.len() <= MAX_POINTS);
        assert_eq!(long.between(0, 19_999 * S), [Some(Taken::Counted(1_999_900.0))]);
        assert_eq!(long.read_until_ns(), Some(19_999 * S));
        long.forget_before(10_000 * S);
        assert_eq!(long.between(10_000 * S, 19_999 * S), [Some(Taken::Counted(999_900.0))]);
        assert_eq!(long.between(0, 19_999 * S), [None]);
    }
}
