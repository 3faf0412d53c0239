//! Owns the state of a trial that all slots share, and its reports.
//! Must not know sockets; lives on the measuring thread alone.

use super::arrival::{ClosedLoop, Next, Over};
use super::live::Live;
use super::reservoir::Reservoir;
use super::window::{Stretch, Window};
use super::{Progress, TrialEnd};
use crate::record::{ClientSide, RequestRecord};
use shared::outcome::Outcome;

/// Level, window, policy, live picture and records of one trial.
#[derive(Debug)]
pub(super) struct Core {
    window: Window,
    policy: ClosedLoop,
    live: Live,
    loop_lag: Reservoir,
    send_late: Reservoir,
    ended: Vec<RequestRecord>,
    load_end_ns: u64,
    unsent: u64,
    opening_told: bool,
}

impl Core {
    pub fn new(window: Window, policy: ClosedLoop, start_ns: u64) -> Self {
        Self {
            window,
            policy,
            live: Live::default(),
            loop_lag: Reservoir::new(),
            send_late: Reservoir::new(),
            ended: Vec::new(),
            load_end_ns: start_ns,
            unsent: 0,
            opening_told: false,
        }
    }

    /// What a slot that has been free since `free_ns` does.
    pub fn next(&mut self, now_ns: u64, free_ns: u64) -> Next {
        let next = self.policy.next(now_ns, &self.window);
        if next == Next::Stop {
            self.window.idle_since(free_ns);
        }
        next
    }

    /// A request was sent, `late_ns` after it was due.
    pub fn sent(&mut self, t_ns: u64, late_ns: u64) {
        let stretch = self.window.sent(t_ns);
        self.pass(stretch);
        self.policy.resolved(t_ns, &self.window);
        self.send_late.add(late_ns);
    }

    /// Output arrived.
    pub fn output(&mut self, t_ns: u64, tokens: Option<u32>) {
        // Without a count, one chunk stands for one token until the exact figures are there.
        self.live.credit(t_ns, u64::from(tokens.unwrap_or(1)) * 1000);
    }

    /// A request ended.
    pub fn ended(&mut self, record: RequestRecord) {
        let key_ns = record.key_ns();
        if record.sent_ns.is_some() {
            let stretch = self.window.ended(record.end_ns);
            self.pass(stretch);
        } else {
            self.policy.resolved(key_ns, &self.window);
            self.unsent += u64::from(record.outcome == Outcome::Unsent);
        }
        self.policy.ended(key_ns, record.sent_ns.is_some(), &self.window);
        self.load_end_ns = self.load_end_ns.max(record.end_ns);
        self.ended.push(record);
    }

    /// Time passed; says whether the trial is over.
    pub fn tick(&mut self, now_ns: u64, loop_late_ns: u64) -> Option<Over> {
        self.loop_lag.add(loop_late_ns);
        let stretch = self.window.advance(now_ns);
        self.pass(stretch);
        if self.policy.is_stopped() { None } else { self.policy.over(now_ns, &self.window) }
    }

    /// No more requests.
    pub fn halt(&mut self) {
        self.policy.halt();
    }

    /// Whether a request with this key belongs to the window.
    pub fn in_window(&self, key_ns: u64) -> bool {
        self.policy.in_window(key_ns)
    }

    /// When the window opened, once.
    pub fn opening(&mut self) -> Option<u64> {
        let start = self.window.start_ns().filter(|_| !self.opening_told);
        self.opening_told |= start.is_some();
        start
    }

    /// What happened since the last report.
    pub fn report(&mut self, now_ns: u64) -> Progress {
        let stretch = self.window.advance(now_ns);
        self.pass(stretch);
        Progress {
            t_ns: now_ns,
            bins: self.live.take(),
            in_flight: self.window.in_flight(),
            ended: std::mem::take(&mut self.ended),
        }
    }

    /// What the trial came to, at its end.
    pub fn finish(self, now_ns: u64, dropped_progress: u64, cancelled: bool) -> TrialEnd {
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
                ..ClientSide::default()
            },
            unsent: self.unsent,
            dropped_progress,
            cancelled,
        }
    }

    fn pass(&mut self, stretch: Stretch) {
        self.live.level(stretch.from_ns, stretch.to_ns, stretch.in_flight);
    }
}
