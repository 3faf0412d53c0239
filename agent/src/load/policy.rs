//! Owns who sends when: whether a free slot, or a request that is due, sends, waits or stops, and when the trial is over.
//! Must not know sockets, time sources or what a request is.

use super::Stop;
use super::window::Window;

/// What a free slot, or a request that is due, does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Send.
    Go,
    /// Ask again when something has changed.
    Wait,
    /// Nothing more is to be sent.
    Stop,
}

/// Why the trial takes no more requests, where it does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// All requests of the window have ended; what is still in flight is extra.
    Ended,
    /// The drain limit passed first.
    Drained,
}

/// Counts what is sent against what is wanted. A request belongs to the window by its key: in an open loop when it was
/// due, else when it was sent, or was due if it never could be sent.
#[derive(Debug)]
pub(super) struct Policy {
    stop: Stop,
    drain_ns: u64,
    base_ns: u64,
    /// Taken by a slot, not yet sent or given up.
    pending: u32,
    /// Of the window: sent, due or given up; a piece of several requests counts once.
    counted: u32,
    /// Of the window: not ended.
    outstanding: u32,
    /// Ended without ever reaching the server, as long as none has.
    unreachable: Option<u32>,
    give_up_at: u32,
    stopped: bool,
}

impl Policy {
    /// A policy for `slots` at once; in an open loop their number is not known.
    pub fn new(stop: Stop, slots: Option<u32>, drain_ns: u64, window: &Window) -> Self {
        Self {
            stop,
            drain_ns,
            base_ns: window.base_ns(),
            pending: 0,
            counted: 0,
            outstanding: 0,
            unreachable: Some(0),
            // Fewer could be bad luck of a server that is just coming up.
            give_up_at: slots.unwrap_or(0).max(8),
            stopped: false,
        }
    }

    /// What a slot that is free at `now_ns` does; `Go` takes a request.
    pub fn next(&mut self, now_ns: u64, window: &Window) -> Next {
        self.rebase(window);
        let next = match self.stop {
            _ if self.stopped => Next::Stop,
            Stop::Requests(n) if self.counted >= n => Next::Stop,
            Stop::Requests(n) if now_ns >= self.base_ns && self.counted + self.pending >= n => Next::Wait,
            _ => Next::Go,
        };
        if next == Next::Go {
            self.pending += 1;
        }
        next
    }

    /// What a request that is due at `due_ns` by a schedule does.
    pub fn due(&mut self, due_ns: u64, window: &Window) -> Next {
        self.rebase(window);
        match self.stop {
            _ if self.stopped => return Next::Stop,
            Stop::Requests(n) if self.counted >= n => return Next::Stop,
            _ => {}
        }
        self.count(due_ns);
        Next::Go
    }

    /// A request that a slot took was sent, or ended without being sent.
    pub fn resolved(&mut self, key_ns: u64, window: &Window) {
        self.rebase(window);
        self.pending = self.pending.saturating_sub(1);
        self.count(key_ns);
    }

    /// A later request of a piece, which was counted with its first one, became due.
    pub fn follows(&mut self, key_ns: u64, window: &Window) {
        self.rebase(window);
        self.outstanding += u32::from(self.in_window(key_ns));
    }

    fn count(&mut self, key_ns: u64) {
        if self.in_window(key_ns) {
            self.counted += 1;
            self.outstanding += 1;
        }
    }

    /// A request that was counted ended; `reached` where the server got it.
    pub fn ended(&mut self, key_ns: u64, reached: bool, window: &Window) {
        self.rebase(window);
        if self.in_window(key_ns) {
            self.outstanding = self.outstanding.saturating_sub(1);
        }
        self.unreachable = self.unreachable.filter(|_| !reached).map(|n| n + 1);
        // Every one of the first requests failed to get through: nothing to measure, end it.
        self.stopped |= self.unreachable.is_some_and(|n| n >= self.give_up_at);
    }

    /// By duration: whether the trial is over at `now_ns`.
    pub fn over(&mut self, now_ns: u64, window: &Window) -> Option<Over> {
        self.rebase(window);
        let end = self.end_ns()?;
        if now_ns >= end.saturating_add(self.drain_ns) {
            Some(Over::Drained)
        } else if now_ns >= end && self.outstanding == 0 {
            Some(Over::Ended)
        } else {
            None
        }
    }

    /// No more requests.
    pub fn halt(&mut self) {
        self.stopped = true;
    }

    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Whether a request with this key belongs to the window, or to the span that stands in for it.
    pub fn in_window(&self, key_ns: u64) -> bool {
        key_ns >= self.base_ns && self.end_ns().is_none_or(|end| key_ns < end)
    }

    fn end_ns(&self) -> Option<u64> {
        match self.stop {
            Stop::Requests(_) => None,
            Stop::DurationNs(length) => Some(self.base_ns.saturating_add(length)),
        }
    }

    /// Until the window opens, requests count from the end of warm-up, so that a level that is never reached still
    /// ends the trial. When it opens, they turn into extra ones.
    fn rebase(&mut self, window: &Window) {
        if self.base_ns != window.base_ns() {
            self.base_ns = window.base_ns();
            self.counted = 0;
            self.outstanding = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Slots that hold each request for `service` ns, all refilled at once; returns requests sent in all, those sent
    /// in the window, and when the last slot stopped.
    fn simulate(stop: Stop, slots: u32, warmup: u64, service: impl Fn(u32) -> u64) -> (u32, u32, u64) {
        let mut window = Window::new(Some(slots), stop, 0, warmup);
        let mut policy = Policy::new(stop, Some(slots), 1_000, &window);
        let mut busy: Vec<Option<(u64, u64)>> = vec![None; slots as usize];
        let mut idle = vec![false; slots as usize];
        let (mut sent, mut keys, mut now) = (0, Vec::new(), 0);
        while now < 100_000 {
            for slot in 0..busy.len() {
                if let Some((key, end)) = busy[slot].filter(|(_, end)| *end <= now) {
                    window.ended(end, true);
                    policy.ended(key, true, &window);
                    busy[slot] = None;
                }
                if busy[slot].is_none() && !idle[slot] {
                    match policy.next(now, &window) {
                        Next::Go => {
                            window.sent(now, true);
                            policy.resolved(now, &window);
                            busy[slot] = Some((now, now + service(sent)));
                            keys.push(now);
                            sent += 1;
                        }
                        Next::Wait => {}
                        Next::Stop => idle[slot] = true,
                    }
                }
            }
            window.advance(now);
            if policy.over(now, &window).is_some() {
                policy.halt();
                break;
            }
            if idle.iter().all(|i| *i) && busy.iter().all(Option::is_none) {
                break;
            }
            now += 1;
        }
        let inside = keys.iter().filter(|key| policy.in_window(**key)).count() as u32;
        (sent, inside, now)
    }

    #[test]
    fn by_count_any_number_works() {
        // B44: 10 requests at 4, one of them ten times slower; the others' slots are refilled meanwhile.
        assert_eq!(simulate(Stop::Requests(10), 4, 0, |i| if i == 2 { 100 } else { 10 }), (10, 10, 100));
        assert_eq!(simulate(Stop::Requests(1), 1, 0, |_| 10), (1, 1, 10));
        assert_eq!(simulate(Stop::Requests(3), 8, 0, |_| 10).0, 3);
    }

    #[test]
    fn warm_up_requests_are_extra() {
        // Warm-up takes 100 ns at 10 ns each: 10 extra.
        assert_eq!(simulate(Stop::Requests(5), 1, 100, |_| 10), (15, 5, 150));
    }

    #[test]
    fn by_duration_load_goes_on_until_the_window_has_ended() {
        let (sent, inside, end) = simulate(Stop::DurationNs(95), 1, 0, |_| 10);
        assert_eq!((sent, inside, end), (11, 10, 100));
        // A request that never ends is left at the drain limit.
        assert_eq!(simulate(Stop::DurationNs(95), 1, 0, |_| 50_000).2, 95 + 1_000);
    }

    #[test]
    fn gives_up_when_nothing_gets_through() {
        let window = Window::new(Some(2), Stop::DurationNs(1_000), 0, 0);
        let mut policy = Policy::new(Stop::DurationNs(1_000), Some(2), 0, &window);
        for failed in 0..8 {
            assert_eq!(policy.next(failed, &window), Next::Go);
            policy.resolved(failed, &window);
            policy.ended(failed, false, &window);
        }
        assert_eq!(policy.next(9, &window), Next::Stop);
    }

    #[test]
    fn one_that_got_through_means_going_on() {
        let window = Window::new(Some(2), Stop::DurationNs(1_000), 0, 0);
        let mut policy = Policy::new(Stop::DurationNs(1_000), Some(2), 0, &window);
        for t in 0..50 {
            assert_eq!(policy.next(t, &window), Next::Go);
            policy.resolved(t, &window);
            policy.ended(t, t == 3, &window);
        }
    }

    #[test]
    fn a_schedule_by_count_stops_after_its_last_request() {
        let mut window = Window::new(None, Stop::Requests(3), 0, 10);
        let mut policy = Policy::new(Stop::Requests(3), None, 0, &window);
        let went = |t: u64, policy: &mut Policy, window: &mut Window| {
            window.advance(t);
            policy.due(t, window) == Next::Go
        };
        // Two in the warm-up are extra.
        let all: Vec<bool> = [0, 5, 10, 15, 20, 25].iter().map(|t| went(*t, &mut policy, &mut window)).collect();
        assert_eq!(all, [true, true, true, true, true, false]);
    }

    #[test]
    fn a_schedule_by_duration_is_over_when_what_was_due_in_it_has_ended() {
        let mut window = Window::new(None, Stop::DurationNs(100), 0, 0);
        let mut policy = Policy::new(Stop::DurationNs(100), None, 50, &window);
        window.advance(0);
        assert_eq!(
            (policy.due(0, &window), policy.due(99, &window), policy.due(100, &window)),
            (Next::Go, Next::Go, Next::Go)
        );
        policy.ended(0, true, &window);
        assert_eq!(policy.over(120, &window), None, "one of the window is still in flight");
        assert_eq!(policy.over(150, &window), Some(Over::Drained));
        policy.ended(99, true, &window);
        assert_eq!(policy.over(120, &window), Some(Over::Ended), "what was due later is extra");
    }
}
