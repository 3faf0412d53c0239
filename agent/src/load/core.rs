//! Owns the state of a trial that all lanes share, and its reports.
//! Must not know sockets; lives on the measuring thread alone.

use super::busy::Busy;
use super::live::Live;
use super::policy::{Next, Over, Policy};
use super::reservoir::Reservoir;
use super::window::{Stretch, Window};
use super::{Progress, TrialEnd};
use crate::record::{ClientSide, RequestRecord};
use shared::outcome::Outcome;

/// Level, window, policy, live picture and records of one trial.
#[derive(Debug)]
pub(super) struct Core {
    window: Window,
    policy: Policy,
    /// Requests are due at times of their own.
    is_open: bool,
    live: Live,
    loop_lag: Reservoir,
    send_late: Reservoir,
    busy: Busy,
    ended: Vec<RequestRecord>,
    load_end_ns: u64,
    unsent: u64,
    opening_told: bool,
}

impl Core {
    pub fn new(window: Window, policy: Policy, is_open: bool, start_ns: u64) -> Self {
        Self {
            window,
            policy,
            is_open,
            live: Live::default(),
            loop_lag: Reservoir::new(),
            send_late: Reservoir::new(),
            busy: Busy::default(),
            ended: Vec::new(),
            load_end_ns: start_ns,
            unsent: 0,
            opening_told: false,
        }
    }

    /// What a slot does that has been free since `free_ns`; its going idle ends the saturated part where that `counts`.
    pub fn next(&mut self, now_ns: u64, free_ns: u64, counts: bool) -> Next {
        let next = self.policy.next(now_ns, &self.window);
        if next == Next::Stop && counts {
            self.window.idle_since(free_ns);
        }
        next
    }

    /// What a piece does that is due by a schedule.
    pub fn due(&mut self, due_ns: u64) -> Next {
        let next = self.policy.due(due_ns, &self.window);
        if next == Next::Stop {
            self.window.idle_since(due_ns);
        }
        next
    }

    /// A later request of a piece became due.
    pub fn follows(&mut self, due_ns: u64) {
        if self.is_open {
            self.policy.follows(due_ns, &self.window);
        }
    }

    /// A request was sent, `late_ns` after it could have been; `is_first` of its piece.
    pub fn sent(&mut self, t_ns: u64, late_ns: u64, is_first: bool) {
        let stretch = self.window.sent(t_ns, is_first);
        self.pass(stretch);
        self.resolve(t_ns, is_first);
        self.send_late.add(late_ns);
    }

    /// In a closed loop a request counts once it is sent, or can no longer be.
    fn resolve(&mut self, key_ns: u64, is_first: bool) {
        match (self.is_open, is_first) {
            (true, _) => {}
            (false, true) => self.policy.resolved(key_ns, &self.window),
            (false, false) => self.policy.follows(key_ns, &self.window),
        }
    }

    /// Output arrived, `gap_ns` after the chunk before it.
    pub fn output(&mut self, t_ns: u64, tokens: Option<u32>, gap_ns: Option<u64>) {
        // Without a count, one chunk stands for one token until the exact figures are there.
        self.live.credit(t_ns, u64::from(tokens.unwrap_or(1)) * 1000, gap_ns);
    }

    /// A request ended; `is_first` of its piece, and `frees` its slot.
    pub fn ended(&mut self, record: RequestRecord, is_first: bool, frees: bool) {
        let key_ns = record.member_ns(self.is_open);
        if record.sent_ns.is_some() {
            let stretch = self.window.ended(record.end_ns, frees);
            self.pass(stretch);
        } else {
            self.resolve(key_ns, is_first);
            if frees && !is_first {
                self.window.freed();
            }
            self.unsent += u64::from(record.outcome == Outcome::Unsent);
        }
        self.policy.ended(key_ns, record.sent_ns.is_some(), &self.window);
        self.load_end_ns = self.load_end_ns.max(record.end_ns);
        self.ended.push(record);
    }

    /// A slot that was thinking gives up its piece.
    pub fn freed(&mut self) {
        self.window.freed();
    }

    /// Time passed; says whether the trial is over.
    pub fn tick(&mut self, now_ns: u64, lag_ns: u64) -> Option<Over> {
        self.loop_lag.add(lag_ns);
        let stretch = self.window.advance(now_ns);
        self.pass(stretch);
        if self.policy.is_stopped() { None } else { self.policy.over(now_ns, &self.window) }
    }

    /// No more requests.
    pub fn halt(&mut self) {
        self.policy.halt();
    }

    pub fn is_halted(&self) -> bool {
        self.policy.is_stopped()
    }

    /// Whether a request belongs to the window.
    pub fn in_window(&self, record: &RequestRecord) -> bool {
        self.policy.in_window(record.member_ns(self.is_open))
    }

    /// When the window opened, once.
    pub fn opening(&mut self) -> Option<u64> {
        let start = self.window.start_ns().filter(|_| !self.opening_told);
        self.opening_told |= start.is_some();
        start
    }

    /// What happened since the last report; `waiting` requests are due and unsent, `cpu_ns` the thread has used.
    pub fn report(&mut self, now_ns: u64, waiting: u32, cpu_ns: u64) -> Progress {
        let stretch = self.window.advance(now_ns);
        self.pass(stretch);
        let started = self.window.start_ns().is_some_and(|start| start <= now_ns);
        if started && self.window.end_ns().is_none_or(|end| now_ns <= end) {
            self.busy.note(now_ns, cpu_ns);
        }
        Progress {
            t_ns: now_ns,
            bins: self.live.take(),
            in_flight: self.window.in_flight(),
            waiting,
            ended: std::mem::take(&mut self.ended),
        }
    }

    /// What the trial came to, at its end.
    pub fn finish(self, now_ns: u64, next_id: u64, dropped_progress: u64, cancelled: bool) -> TrialEnd {
        // A window that was cut short has no end of its own.
        let window_end_ns = self.window.end_ns().filter(|end| *end <= now_ns);
        TrialEnd {
            window_start_ns: self.window.start_ns(),
            window_end_ns,
            load_end_ns: self.load_end_ns,
            in_flight_peak: self.window.peak(),
            in_flight_ns_in_window: self.window.in_flight_ns(),
            client: ClientSide {
                loop_lag_ns: self.loop_lag.into_values(),
                send_late_ns: self.send_late.into_values(),
                busy: self.busy.share(),
                ..ClientSide::default()
            },
            next_id,
            unsent: self.unsent,
            dropped_progress,
            cancelled,
        }
    }

    fn pass(&mut self, stretch: Stretch) {
        self.live.level(stretch.from_ns, stretch.to_ns, stretch.in_flight);
    }
}
