//! Owns the limits of one request and the ways in which it is stopped from outside.
//! Must not know sockets; one coarse tick looks at all guards, so that no timer is set for a chunk.

use super::Limits;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

/// How long a server may take to close a stream that has said that it is over; then we close it.
const LINGER_NS: u64 = 1_000_000_000;

/// A limit that passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    FirstToken,
    Idle,
    Total,
    Linger,
}

/// Why a request is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Abort {
    /// One of its limits passed.
    Limit(Limit),
    /// Somebody ended the trial.
    Cancelled,
    /// The requests of the window have ended, and this is none of them.
    Extra,
    /// The drain limit passed.
    Drained,
}

impl Abort {
    /// What happened, as a sentence.
    pub fn sentence(self, limits: &Limits) -> String {
        match self {
            Abort::Limit(Limit::FirstToken) => {
                format!("No output within {} of sending (first-token limit).", seconds(limits.first_token_ns))
            }
            Abort::Limit(Limit::Idle) => format!("No further output for {} (idle limit).", seconds(limits.idle_ns)),
            Abort::Limit(Limit::Total) => {
                format!("Not finished within {} of sending (total limit).", seconds(limits.total_ns))
            }
            Abort::Limit(Limit::Linger) => "The server left the stream open after its end.".to_owned(),
            Abort::Cancelled => "The trial was cancelled.".to_owned(),
            Abort::Extra => "Outside the window, to keep load on; ended with the trial.".to_owned(),
            Abort::Drained => {
                format!("Not finished within {} of the window's end (drain limit).", seconds(limits.drain_ns))
            }
        }
    }
}

/// The connect limit's sentence.
pub(super) fn connect_sentence(limits: &Limits) -> String {
    format!("No connection within {} (connect limit).", seconds(limits.connect_ns))
}

fn seconds(ns: u64) -> String {
    format!("{} s", ns as f64 / 1e9)
}

/// One slot's limits, shared between its task and the tick.
#[derive(Debug)]
pub(super) struct Guard {
    limits: Limits,
    request: Cell<Option<Request>>,
    deadline: Cell<(u64, Limit)>,
    total_end_ns: Cell<u64>,
    abort: Cell<Option<Abort>>,
    waker: RefCell<Option<Waker>>,
}

/// The request that a slot works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub id: u64,
    pub sched_ns: u64,
    pub sent_ns: Option<u64>,
}

impl Request {
    /// What decides whether it belongs to the window.
    pub fn key_ns(&self) -> u64 {
        self.sent_ns.unwrap_or(self.sched_ns)
    }
}

impl Guard {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            request: Cell::new(None),
            deadline: Cell::new((u64::MAX, Limit::Total)),
            total_end_ns: Cell::new(u64::MAX),
            abort: Cell::new(None),
            waker: RefCell::new(None),
        }
    }

    /// The slot takes a request.
    pub fn begin(&self, id: u64, sched_ns: u64) {
        self.abort.set(None);
        self.deadline.set((u64::MAX, Limit::Total));
        self.request.set(Some(Request { id, sched_ns, sent_ns: None }));
    }

    /// It was sent.
    pub fn sent(&self, t_ns: u64) {
        self.request.set(self.request.get().map(|r| Request { sent_ns: Some(t_ns), ..r }));
        self.total_end_ns.set(t_ns.saturating_add(self.limits.total_ns));
        self.wait(t_ns.saturating_add(self.limits.first_token_ns), Limit::FirstToken);
    }

    /// Output arrived.
    pub fn output(&self, t_ns: u64) {
        self.wait(t_ns.saturating_add(self.limits.idle_ns), Limit::Idle);
    }

    /// The stream said that it is over.
    pub fn over(&self, t_ns: u64) {
        self.wait(t_ns.saturating_add(LINGER_NS), Limit::Linger);
    }

    fn wait(&self, until_ns: u64, limit: Limit) {
        let total = self.total_end_ns.get();
        self.deadline.set(if until_ns <= total { (until_ns, limit) } else { (total, Limit::Total) });
    }

    /// The slot is free.
    pub fn end(&self) {
        self.request.set(None);
        self.deadline.set((u64::MAX, Limit::Total));
        self.abort.set(None);
    }

    /// The request that the slot works on.
    pub fn request(&self) -> Option<Request> {
        self.request.get()
    }

    /// Stops the request if a limit has passed.
    pub fn check(&self, now_ns: u64) {
        let (deadline_ns, limit) = self.deadline.get();
        if now_ns >= deadline_ns {
            self.stop(Abort::Limit(limit));
        }
    }

    /// Stops the request.
    pub fn stop(&self, why: Abort) {
        if self.request.get().is_some() && self.abort.get().is_none() {
            self.abort.set(Some(why));
            if let Some(waker) = self.waker.borrow().as_ref() {
                waker.wake_by_ref();
            }
        }
    }

    /// What `poll` comes to, unless the request is stopped before.
    pub async fn unless_stopped<T>(&self, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Result<T, Abort> {
        poll_fn(|cx| match self.poll_stop(cx) {
            Some(why) => Poll::Ready(Err(why)),
            None => poll(cx).map(Ok),
        })
        .await
    }

    /// Whether the request is to stop; else the task is woken when it is.
    fn poll_stop(&self, cx: &Context<'_>) -> Option<Abort> {
        if let Some(why) = self.abort.get() {
            return Some(why);
        }
        let mut waker = self.waker.borrow_mut();
        match waker.as_mut() {
            Some(known) => known.clone_from(cx.waker()),
            None => *waker = Some(cx.waker().clone()),
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { connect_ns: 1, first_token_ns: 10, idle_ns: 5, total_ns: 20, drain_ns: 1 };

    fn check(sent: u64, outputs: &[u64], over: Option<u64>, expect: (u64, Limit)) {
        let guard = Guard::new(LIMITS);
        guard.begin(1, 0);
        guard.sent(sent);
        outputs.iter().for_each(|t| guard.output(*t));
        over.iter().for_each(|t| guard.over(*t));
        guard.check(expect.0 - 1);
        assert_eq!(guard.abort.get(), None, "before {expect:?}");
        guard.check(expect.0);
        assert_eq!(guard.abort.get(), Some(Abort::Limit(expect.1)), "{outputs:?}");
    }

    #[test]
    fn the_first_limit_to_pass_is_named() {
        check(100, &[], None, (110, Limit::FirstToken));
        check(100, &[104], None, (109, Limit::Idle));
        check(100, &[104, 108, 112, 116], None, (120, Limit::Total));
        check(100, &[104], Some(105), (120, Limit::Total));
    }

    #[test]
    fn a_free_slot_is_not_stopped() {
        let guard = Guard::new(LIMITS);
        guard.begin(1, 0);
        guard.sent(0);
        guard.end();
        guard.check(u64::MAX - 1);
        guard.stop(Abort::Cancelled);
        assert_eq!(guard.abort.get(), None);
    }
}
