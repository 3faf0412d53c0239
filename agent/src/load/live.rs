//! Owns the live picture: tokens and time in flight by 100 ms of run time, since the last report.
//! Must not know requests or windows.

use shared::event::{Batch, TokenBin};

/// Bins since the last report, in ascending order.
#[derive(Debug, Default)]
pub(super) struct Live {
    bins: Vec<TokenBin>,
}

impl Live {
    /// Credits tokens to the bin of their arrival.
    pub fn credit(&mut self, t_ns: u64, millitokens: u64) {
        self.bin(t_ns / Batch::BIN_NS).millitokens += millitokens;
    }

    /// Credits `in_flight` requests from one time to another.
    pub fn level(&mut self, from_ns: u64, to_ns: u64, in_flight: u32) {
        if in_flight == 0 {
            return;
        }
        let mut from = from_ns;
        while from < to_ns {
            let bin = from / Batch::BIN_NS;
            let until = to_ns.min((bin + 1) * Batch::BIN_NS);
            self.bin(bin).in_flight_ns += (until - from) * u64::from(in_flight);
            from = until;
        }
    }

    /// Takes what has gathered.
    pub fn take(&mut self) -> Vec<TokenBin> {
        std::mem::take(&mut self.bins)
    }

    fn bin(&mut self, number: u64) -> &mut TokenBin {
        let bin = u32::try_from(number).unwrap_or(u32::MAX);
        // Nearly always the last one or a new one; a late stamp belongs to one shortly before.
        let place = self.bins.iter().rposition(|b| b.bin <= bin);
        let place = match place {
            Some(place) if self.bins[place].bin == bin => place,
            before => {
                let place = before.map_or(0, |p| p + 1);
                self.bins.insert(place, TokenBin { bin, ..TokenBin::default() });
                place
            }
        };
        &mut self.bins[place]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn check(credits: &[(u64, u64)], levels: &[(u64, u64, u32)], expect: &[(u32, u64, u64)]) {
        let mut live = Live::default();
        credits.iter().for_each(|(t, m)| live.credit(t * MS, *m));
        levels.iter().for_each(|(from, to, n)| live.level(from * MS, to * MS, *n));
        let got: Vec<_> = live.take().iter().map(|b| (b.bin, b.millitokens, b.in_flight_ns / MS)).collect();
        assert_eq!(got, expect, "{credits:?} {levels:?}");
        assert!(live.take().is_empty(), "taken twice");
    }

    #[test]
    fn bins() {
        check(&[], &[], &[]);
        check(&[(99, 1000), (100, 500), (50, 1)], &[], &[(0, 1001, 0), (1, 500, 0)]);
        check(&[(250, 1), (10, 1)], &[], &[(0, 1, 0), (2, 1, 0)]);
        check(&[], &[(50, 250, 2)], &[(0, 0, 100), (1, 0, 200), (2, 0, 100)]);
        check(&[], &[(50, 60, 0), (60, 60, 3)], &[]);
    }
}
