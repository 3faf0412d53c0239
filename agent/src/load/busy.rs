//! Owns how busy the measuring thread was: its CPU time over wall time.
//! Must not know how either is read.

use shared::units::finite;

/// First and last reading within the window, each wall time and CPU time, ns.
#[derive(Debug, Default)]
pub(super) struct Busy {
    first: Option<(u64, u64)>,
    last: (u64, u64),
}

impl Busy {
    /// A reading.
    pub fn note(&mut self, t_ns: u64, cpu_ns: u64) {
        self.first.get_or_insert((t_ns, cpu_ns));
        self.last = (t_ns, cpu_ns);
    }

    /// CPU time per wall time, 0 to 1; absent with fewer than two readings.
    pub fn share(&self) -> Option<f64> {
        let (t_ns, cpu_ns) = self.first?;
        finite(self.last.1.saturating_sub(cpu_ns) as f64 / self.last.0.saturating_sub(t_ns) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares() {
        let check = |readings: &[(u64, u64)], expect: Option<f64>| {
            let mut busy = Busy::default();
            readings.iter().for_each(|(t, cpu)| busy.note(*t, *cpu));
            assert_eq!(busy.share(), expect, "{readings:?}");
        };
        check(&[], None);
        check(&[(5, 3)], None);
        check(&[(100, 10), (200, 30), (300, 60)], Some(0.25));
    }
}
