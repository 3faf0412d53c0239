//! Owns the number of requests in flight over time, and the window that it opens (METRICS.md, "Windows").
//! Must not know sockets or what a request is.

use super::Stop;

/// Level and window of one trial. Times are ns of run time and may come slightly out of order.
#[derive(Debug)]
pub(super) struct Window {
    /// Slots that must be taken before it opens; absent in an open loop, where it opens when warm-up ends.
    target: Option<u32>,
    stop: Stop,
    warmup_end_ns: u64,
    in_flight: u32,
    /// In flight, or thinking between two requests of a piece.
    taken: u32,
    peak: u32,
    last_ns: u64,
    full_since_ns: Option<u64>,
    start_ns: Option<u64>,
    saturated_end_ns: Option<u64>,
    in_flight_ns: u64,
}

/// A stretch of time with the same number in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    pub from_ns: u64,
    pub to_ns: u64,
    pub in_flight: u32,
}

impl Window {
    pub fn new(target: Option<u32>, stop: Stop, load_start_ns: u64, warmup_ns: u64) -> Self {
        Self {
            target,
            stop,
            warmup_end_ns: load_start_ns.saturating_add(warmup_ns),
            in_flight: 0,
            taken: 0,
            peak: 0,
            last_ns: load_start_ns,
            full_since_ns: target.is_none().then_some(load_start_ns),
            start_ns: None,
            saturated_end_ns: None,
            in_flight_ns: 0,
        }
    }

    /// A request was sent; `takes` where its slot was free before.
    pub fn sent(&mut self, t_ns: u64, takes: bool) -> Stretch {
        let stretch = self.advance(t_ns);
        self.in_flight += 1;
        self.peak = self.peak.max(self.in_flight);
        self.taken += u32::from(takes);
        if takes && Some(self.taken) == self.target {
            self.full_since_ns = Some(self.last_ns);
            self.open();
        }
        stretch
    }

    /// A request that was sent has ended; `frees` where its slot is free now.
    pub fn ended(&mut self, t_ns: u64, frees: bool) -> Stretch {
        let stretch = self.advance(t_ns);
        self.in_flight = self.in_flight.saturating_sub(1);
        if frees {
            self.freed();
        }
        stretch
    }

    /// A slot that was thinking is free now: its piece was given up.
    pub fn freed(&mut self) {
        self.taken = self.taken.saturating_sub(1);
        if self.target.is_some_and(|target| self.taken < target) {
            self.full_since_ns = None;
        }
    }

    /// Time passed.
    pub fn advance(&mut self, t_ns: u64) -> Stretch {
        let (from_ns, to_ns) = (self.last_ns, t_ns.max(self.last_ns));
        self.last_ns = to_ns;
        self.open();
        if let Some(start) = self.start_ns {
            let end = self.end_ns().unwrap_or(u64::MAX);
            let inside = to_ns.min(end).saturating_sub(from_ns.max(start));
            self.in_flight_ns += inside * u64::from(self.in_flight);
        }
        Stretch { from_ns, to_ns, in_flight: self.in_flight }
    }

    /// A slot is free and nothing more is to be sent: by count, the saturated part ends with the first of these.
    pub fn idle_since(&mut self, t_ns: u64) {
        if self.start_ns.is_some() && matches!(self.stop, Stop::Requests(_)) {
            self.saturated_end_ns.get_or_insert(t_ns);
        }
    }

    fn open(&mut self) {
        if self.start_ns.is_none()
            && self.last_ns >= self.warmup_end_ns
            && let Some(since) = self.full_since_ns
        {
            self.start_ns = Some(since.max(self.warmup_end_ns));
        }
    }

    pub fn start_ns(&self) -> Option<u64> {
        self.start_ns
    }

    /// Where the window begins, or would have begun if the load level is never reached: the end of warm-up.
    pub fn base_ns(&self) -> u64 {
        self.start_ns.unwrap_or(self.warmup_end_ns)
    }

    /// End of the window once it is known.
    pub fn end_ns(&self) -> Option<u64> {
        match self.stop {
            Stop::Requests(_) => self.saturated_end_ns,
            Stop::DurationNs(length) => Some(self.start_ns?.saturating_add(length)),
        }
    }

    pub fn in_flight(&self) -> u32 {
        self.in_flight
    }

    pub fn peak(&self) -> u32 {
        self.peak
    }

    pub fn in_flight_ns(&self) -> u64 {
        self.in_flight_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `s` sent, `e` ended, `t` time passes, `i` a slot found nothing to send.
    fn check(
        target: u32,
        stop: Stop,
        warmup: u64,
        steps: &[(char, u64)],
        expect: (Option<u64>, Option<u64>, u32, u64),
    ) {
        let mut window = Window::new(Some(target), stop, 0, warmup);
        for (step, t) in steps {
            match step {
                's' => drop(window.sent(*t, true)),
                'e' => drop(window.ended(*t, true)),
                'i' => window.idle_since(*t),
                _ => drop(window.advance(*t)),
            }
        }
        let got = (window.start_ns(), window.end_ns(), window.peak(), window.in_flight_ns());
        assert_eq!(got, expect, "target {target}, {stop:?}, warm-up {warmup}, {steps:?}");
    }

    #[test]
    fn opens_when_the_level_is_reached() {
        let n = Stop::Requests(9);
        check(2, n, 0, &[('s', 1), ('e', 5)], (None, None, 1, 0));
        check(2, n, 0, &[('s', 1), ('s', 3), ('t', 5)], (Some(3), None, 2, 4));
        check(1, n, 0, &[('s', 1)], (Some(1), None, 1, 0));
    }

    #[test]
    fn opens_no_earlier_than_warm_up_ends() {
        let n = Stop::Requests(9);
        check(2, n, 10, &[('s', 1), ('s', 3), ('t', 9)], (None, None, 2, 0));
        check(2, n, 10, &[('s', 1), ('s', 3), ('t', 12)], (Some(10), None, 2, 4));
        check(2, n, 10, &[('s', 1), ('s', 3), ('e', 12)], (Some(10), None, 2, 4));
        check(2, n, 10, &[('s', 1), ('s', 3), ('e', 8), ('t', 12), ('s', 13), ('t', 14)], (Some(13), None, 2, 2));
    }

    #[test]
    fn ends_with_the_duration_or_with_the_saturated_part() {
        let steps = [('s', 1), ('e', 5), ('s', 5), ('e', 9), ('i', 9), ('i', 12)];
        check(1, Stop::DurationNs(6), 0, &steps, (Some(1), Some(7), 1, 6));
        check(1, Stop::Requests(2), 0, &steps, (Some(1), Some(9), 1, 8));
        check(2, Stop::Requests(1), 0, &[('s', 1), ('e', 2), ('i', 2)], (None, None, 1, 0));
    }

    #[test]
    fn a_late_stamp_does_not_turn_time_back() {
        check(1, Stop::Requests(9), 0, &[('s', 5), ('t', 9), ('e', 7), ('t', 9)], (Some(5), None, 1, 4));
    }

    #[test]
    fn an_open_loop_opens_when_warm_up_ends() {
        let mut window = Window::new(None, Stop::DurationNs(50), 100, 20);
        window.sent(105, true);
        assert_eq!(window.start_ns(), None);
        window.advance(130);
        assert_eq!((window.start_ns(), window.end_ns(), window.in_flight_ns()), (Some(120), Some(170), 10));
    }

    #[test]
    fn a_slot_that_thinks_is_still_taken() {
        let mut window = Window::new(Some(2), Stop::Requests(9), 0, 10);
        window.sent(1, true);
        window.sent(2, true);
        window.ended(5, false);
        window.advance(12);
        assert_eq!((window.start_ns(), window.in_flight()), (Some(10), 1));
    }
}
