//! Owns the measuring thread: its runtime, the tick, the reports, and the end of a trial.
//! Must not know HTTP.

use super::arrival::{ClosedLoop, Over};
use super::bodies::{Bodies, Template};
use super::clock::Clock;
use super::connection::Connection;
use super::core::Core;
use super::dial::{DialError, Dialer, Tls};
use super::limits::{Abort, Guard};
use super::slot::{Slot, blank};
use super::window::Window;
use super::{LoadError, LoadEvent, Stop, TrialEnd, TrialHandle, TrialSpec};
use crate::descriptors::make_room;
use crate::record::RequestRecord;
use futures_util::stream::{self, StreamExt};
use shared::outcome::Outcome;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use tokio::sync::{Notify, mpsc};
use tokio::task::{JoinSet, LocalSet};
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;

/// How often limits, the window and the loop's own lateness are looked at, ns.
const TICK_NS: u64 = 5_000_000;
/// tokio's timers fire on whole ms.
const TIMER_GRAIN_NS: u64 = 1_000_000;
/// Time between reports, ns.
const REPORT_NS: u64 = 100_000_000;
/// Reports that may wait for their reader.
const REPORTS: usize = 64;
/// Connections opened at a time: more can overflow a server's accept queue, whose retry costs a second.
const OPENING: usize = 64;
/// Time between the first requests of two slots, ns. Sent all at once, a thousand would keep this thread from reading
/// the first tokens of those before, and so again each time that they end together.
const SPREAD_NS: u64 = 1_000_000;

/// Starts a trial on a thread of its own.
///
/// # Errors
/// Where the spec makes no load or cannot be spelled in HTTP, or where the host has no thread for it.
pub fn start(spec: TrialSpec, clock: Clock) -> Result<TrialHandle, LoadError> {
    check(&spec)?;
    let template = Template::of(&spec.target)?;
    let tls = Tls::of(&spec.target)?;
    make_room(spec.concurrency);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let bodies = Bodies::start(template, spec.body.clone(), spec.first_id, spec.concurrency)?;
    let (sender, events) = mpsc::channel(REPORTS);
    let cancel = CancellationToken::new();
    let (guard, token) = (cancel.clone().drop_guard(), cancel.clone());
    std::thread::Builder::new().name("load".to_owned()).spawn(move || {
        runtime.block_on(LocalSet::new().run_until(trial(spec, clock, tls, bodies, sender, token)));
    })?;
    Ok(TrialHandle { events, cancel, _on_drop: guard })
}

fn check(spec: &TrialSpec) -> Result<(), LoadError> {
    match spec.stop {
        _ if spec.concurrency == 0 => Err(LoadError::NoLoad("concurrency")),
        Stop::Requests(0) => Err(LoadError::NoLoad("the number of requests")),
        Stop::DurationNs(0) => Err(LoadError::NoLoad("the duration in ns")),
        _ => Ok(()),
    }
}

/// What the slots of a trial share.
pub(super) struct Trial {
    pub spec: TrialSpec,
    pub clock: Clock,
    pub dialer: Dialer,
    pub bodies: Bodies,
    pub core: RefCell<Core>,
    /// Told when a slot that waits should ask again.
    pub changed: Notify,
    next_id: Cell<u64>,
}

impl Trial {
    /// A request was sent.
    pub fn sent(&self, t_ns: u64, late_ns: u64) {
        self.core.borrow_mut().sent(t_ns, late_ns);
        self.changed.notify_waiters();
    }

    /// A slot took this number; the next one is free.
    pub fn took(&self, id: u64) {
        self.next_id.set(id + 1);
    }

    /// A request ended.
    pub fn ended(&self, record: RequestRecord) {
        self.core.borrow_mut().ended(record);
        self.changed.notify_waiters();
    }

    /// The function that makes bodies failed: the trial cannot go on.
    pub fn builder_died(&self, due_ns: u64) {
        let sentence = "The body of this request could not be made; the load generator's builder failed.";
        let failed = (Outcome::ClientError, Some(sentence.to_owned()));
        self.lost(self.next_id.get(), due_ns, None, failed);
        self.took(self.next_id.get());
        self.halt();
    }

    /// Records a request whose slot is gone.
    fn lost(&self, id: u64, sched_ns: u64, sent_ns: Option<u64>, (outcome, error): (Outcome, Option<String>)) {
        let end_ns = self.clock.now_ns();
        self.ended(RequestRecord { sent_ns, end_ns, outcome, error, ..blank(id, sched_ns) });
    }

    fn halt(&self) {
        self.core.borrow_mut().halt();
        self.changed.notify_waiters();
    }
}

async fn trial(
    spec: TrialSpec,
    clock: Clock,
    tls: Option<Tls>,
    bodies: Bodies,
    events: mpsc::Sender<LoadEvent>,
    cancel: CancellationToken,
) {
    let prepared = tokio::select! {
        prepared = prepare(&spec, clock, tls, &bodies) => Some(prepared),
        () = cancel.cancelled() => None,
    };
    let Some((dialer, connections)) = prepared else {
        let end = TrialEnd { load_end_ns: clock.now_ns(), cancelled: true, ..TrialEnd::default() };
        // Nobody listens: the handle was dropped.
        events.send(LoadEvent::Done(end)).await.unwrap_or_default();
        return;
    };
    let start_ns = clock.now_ns();
    // Load is not there before the last slot has started.
    let warmup_ns = spec.warmup_ns.max(u64::from(spec.concurrency - 1) * SPREAD_NS);
    let window = Window::new(spec.concurrency, spec.stop, start_ns, warmup_ns);
    let policy = ClosedLoop::new(spec.stop, spec.concurrency, spec.limits.drain_ns, &window);
    let core = RefCell::new(Core::new(window, policy, start_ns));
    let (next_id, changed) = (Cell::new(spec.first_id), Notify::new());
    let trial = Rc::new(Trial { spec, clock, dialer, bodies, core, changed, next_id });
    let mut slots = JoinSet::new();
    let mut guards = Vec::with_capacity(connections.len());
    for (place, connection) in (0..).zip(connections) {
        let guard = Rc::new(Guard::new(trial.spec.limits));
        let slot = Slot { trial: Rc::clone(&trial), guard: Rc::clone(&guard), connection: Some(connection) };
        let task = slots.spawn_local(slot.run(start_ns + place * SPREAD_NS));
        guards.push((task.id(), guard));
    }
    Controller { trial, guards, events, cancel, dropped: 0, opening: None, cancelled: false }.run(slots).await;
}

/// Everything that load needs before it starts: the address, one open connection a slot, the first bodies.
async fn prepare(
    spec: &TrialSpec,
    clock: Clock,
    tls: Option<Tls>,
    bodies: &Bodies,
) -> (Dialer, Vec<Result<Connection, DialError>>) {
    let dialer = Dialer::resolve(clock, &spec.target, tls, spec.limits.connect_ns).await;
    bodies.filled().await;
    let opening = stream::iter(0..spec.concurrency).map(|_| Connection::open(&dialer, clock));
    let connections = opening.buffer_unordered(OPENING).collect().await;
    (dialer, connections)
}

/// Watches over the slots.
struct Controller {
    trial: Rc<Trial>,
    guards: Vec<(tokio::task::Id, Rc<Guard>)>,
    events: mpsc::Sender<LoadEvent>,
    cancel: CancellationToken,
    dropped: u64,
    /// Told to nobody yet.
    opening: Option<u64>,
    cancelled: bool,
}

impl Controller {
    async fn run(mut self, mut slots: JoinSet<()>) {
        let clock = self.trial.clock;
        let mut tick_ns = clock.now_ns() + TICK_NS;
        let mut report_ns = clock.now_ns() + REPORT_NS;
        loop {
            tokio::select! {
                biased;
                () = self.cancel.cancelled(), if !self.cancelled => self.cancel(),
                ended = slots.join_next_with_id() => match ended {
                    None => break,
                    Some(Ok(_)) => {}
                    Some(Err(error)) => self.slot_died(&error),
                },
                () = sleep_until(clock.instant(tick_ns).into()) => {
                    let now_ns = clock.now_ns();
                    self.tick(now_ns, now_ns.saturating_sub(tick_ns).saturating_sub(TIMER_GRAIN_NS));
                    // A tick that was missed is not made up for.
                    tick_ns = (tick_ns + TICK_NS).max(now_ns);
                    if now_ns >= report_ns {
                        self.report(now_ns);
                        report_ns = (report_ns + REPORT_NS).max(now_ns);
                    }
                }
            }
        }
        self.finish().await;
    }

    fn tick(&mut self, now_ns: u64, late_ns: u64) {
        for (_, guard) in &self.guards {
            guard.check(now_ns);
        }
        let over = self.trial.core.borrow_mut().tick(now_ns, late_ns);
        let Some(over) = over else { return };
        self.trial.halt();
        for (_, guard) in &self.guards {
            let inside = guard.request().is_some_and(|r| self.trial.core.borrow().in_window(r.key_ns()));
            guard.stop(if inside && over == Over::Drained { Abort::Drained } else { Abort::Extra });
        }
    }

    fn cancel(&mut self) {
        self.cancelled = true;
        self.trial.halt();
        for (_, guard) in &self.guards {
            guard.stop(Abort::Cancelled);
        }
    }

    /// A slot's task panicked: its request is recorded, and the trial ends with what it has.
    fn slot_died(&mut self, error: &tokio::task::JoinError) {
        let died = self.guards.iter().find(|(id, _)| *id == error.id());
        if let Some(request) = died.and_then(|(_, guard)| guard.request()) {
            let sentence = format!("The load generator itself failed: {error}.");
            let failed = (Outcome::ClientError, Some(sentence));
            self.trial.lost(request.id, request.sched_ns, request.sent_ns, failed);
        }
        self.trial.halt();
    }

    /// Reports without ever waiting: what the reader has no room for goes into the next report.
    fn report(&mut self, now_ns: u64) {
        self.opening = self.opening.or(self.trial.core.borrow_mut().opening());
        if let Some(t_ns) = self.opening {
            match self.events.try_send(LoadEvent::WindowOpened { t_ns }) {
                Ok(()) => self.opening = None,
                Err(_) => return self.behind(),
            }
        }
        if let Ok(place) = self.events.try_reserve() {
            return place.send(LoadEvent::Progress(self.trial.core.borrow_mut().report(now_ns)));
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
    async fn finish(mut self) {
        let now_ns = self.trial.clock.now_ns();
        self.opening = self.opening.or(self.trial.core.borrow_mut().opening());
        let progress = self.trial.core.borrow_mut().report(now_ns);
        let Ok(trial) = Rc::try_unwrap(self.trial) else { return };
        let done = trial.core.into_inner().finish(now_ns, self.dropped, self.cancelled);
        let opened = self.opening.map(|t_ns| LoadEvent::WindowOpened { t_ns });
        let rest = opened.into_iter().chain([LoadEvent::Progress(progress), LoadEvent::Done(done)]);
        for event in rest {
            if self.events.send(event).await.is_err() {
                return;
            }
        }
    }
}
