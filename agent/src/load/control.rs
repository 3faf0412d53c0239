//! Owns what a trial is watched for: limits, its end, its cancellation, and the reports about it.
//! Must not know bytes or which lane takes what.

use super::engine::Engine;
use super::limits::Abort;
use super::policy::Over;
use super::{LoadError, LoadEvent};
use crate::cores;
use crate::poller::Ready;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// How often limits, the window and the loop's own lateness are looked at, ns.
const TICK_NS: u64 = 5_000_000;
/// Time between reports, ns.
const REPORT_NS: u64 = 100_000_000;

/// Watches over a trial.
pub(super) struct Control {
    events: mpsc::Sender<LoadEvent>,
    cancel: CancellationToken,
    dropped: u64,
    /// Told to nobody yet.
    opening: Option<u64>,
    is_cancelled: bool,
}

impl Control {
    pub fn new(events: mpsc::Sender<LoadEvent>, cancel: CancellationToken) -> Self {
        Self { events, cancel, dropped: 0, opening: None, is_cancelled: false }
    }

    /// Runs a trial to its end.
    pub fn run(mut self, mut engine: Engine) -> Result<(), LoadError> {
        let mut tick_ns = engine.clock.now_ns() + TICK_NS;
        let mut report_ns = engine.clock.now_ns() + REPORT_NS;
        let mut ready: Vec<Ready> = Vec::new();
        engine.dispatch_due();
        while !engine.dispatch.is_over() {
            let until_ns = [Some(tick_ns), engine.timers.next_ns(), engine.dispatch.due_ns()];
            engine.turn(until_ns.into_iter().flatten().min().unwrap_or(tick_ns), &mut ready)?;
            engine.dispatch_due();
            engine.ask_again();
            let now_ns = engine.clock.now_ns();
            if now_ns < tick_ns {
                continue;
            }
            self.tick(&mut engine, now_ns, now_ns - tick_ns);
            // A tick that was missed is not made up for.
            tick_ns = (tick_ns + TICK_NS).max(now_ns);
            if now_ns >= report_ns {
                self.report(&mut engine, now_ns);
                report_ns = (report_ns + REPORT_NS).max(now_ns);
            }
        }
        self.finish(engine);
        Ok(())
    }

    fn tick(&mut self, engine: &mut Engine, now_ns: u64, lag_ns: u64) {
        for place in 0..engine.io.deadlines.len() {
            if let Some(limit) = engine.io.deadlines[place].passed(now_ns) {
                engine.limit_passed(place, limit);
            }
        }
        engine.open_ahead(now_ns);
        engine.pace();
        if self.cancel.is_cancelled() && !self.is_cancelled {
            self.is_cancelled = true;
            return stop_all(engine, |_| Abort::Cancelled);
        }
        match engine.core.tick(now_ns, lag_ns) {
            None => {}
            Some(Over::Ended) => stop_all(engine, |_| Abort::Extra),
            Some(Over::Drained) => stop_all(engine, |is_inside| if is_inside { Abort::Drained } else { Abort::Extra }),
        }
    }

    /// Reports without ever waiting: what the reader has no room for goes into the next report.
    fn report(&mut self, engine: &mut Engine, now_ns: u64) {
        self.opening = self.opening.or(engine.core.opening());
        if let Some(t_ns) = self.opening {
            match self.events.try_send(LoadEvent::WindowOpened { t_ns }) {
                Ok(()) => self.opening = None,
                Err(_) => return self.behind(),
            }
        }
        if let Ok(place) = self.events.try_reserve() {
            let waiting = engine.dispatch.waiting() as u32;
            return place.send(LoadEvent::Progress(engine.core.report(now_ns, waiting, cpu_ns())));
        }
        self.behind();
    }

    /// The reader is behind, or gone.
    fn behind(&mut self) {
        if self.events.is_closed() {
            self.cancel.cancel();
        } else {
            self.dropped += 1;
        }
    }

    /// Load is over: what is left to say may wait for its reader.
    fn finish(mut self, mut engine: Engine) {
        let now_ns = engine.clock.now_ns();
        self.opening = self.opening.or(engine.core.opening());
        let progress = engine.core.report(now_ns, 0, cpu_ns());
        let done = engine.core.finish(now_ns, engine.next_id, self.dropped, self.is_cancelled);
        let opened = self.opening.map(|t_ns| LoadEvent::WindowOpened { t_ns });
        for event in opened.into_iter().chain([LoadEvent::Progress(progress), LoadEvent::Done(done)]) {
            if self.events.blocking_send(event).is_err() {
                return;
            }
        }
    }
}

/// No more requests, and those under way are stopped; `why` is asked whether a request belongs to the window.
fn stop_all(engine: &mut Engine, why: impl Fn(bool) -> Abort) {
    engine.core.halt();
    for place in 0..engine.io.lanes.len() {
        let Some(exchange) = &engine.io.lanes[place].exchange else { continue };
        let why = why(engine.core.in_window(&exchange.record));
        engine.stop(place, why);
    }
    engine.let_go(why);
}

/// CPU time of this thread, ns; 0 where the system does not tell, which reads as not busy.
fn cpu_ns() -> u64 {
    cores::used_by_this_thread().unwrap_or(0)
}
