//! Owns the measuring thread: what it is given, and how a trial begins on it.
//! Must not know HTTP.

use super::clock::Clock;
use super::control::Control;
use super::core::Core;
use super::dial::{Dialer, Tls};
use super::dispatch::{self, Dispatch};
use super::engine::Engine;
use super::io::Io;
use super::lane::WakesFor;
use super::opening::open_ahead;
use super::policy::Policy;
use super::window::Window;
use super::work::{Template, Works};
use super::{Arrivals, LoadError, LoadEvent, Stop, TrialEnd, TrialHandle, TrialSpec};
use crate::cores;
use crate::descriptors::make_room;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Reports that may wait for their reader.
const REPORTS: usize = 64;
/// Time between the first requests of two slots, ns. Sent all at once, a thousand would keep this thread from reading
/// the first tokens of those before, and so again each time that they end together.
const SPREAD_NS: u64 = 1_000_000;
/// Most connections that are opened before a schedule begins.
const MOST_AHEAD: f64 = 1024.0;
/// Connections for which a schedule makes room where the plan has no limit.
const ROOM: u32 = 20_000;

/// Starts a trial on a thread of its own.
///
/// # Errors
/// Where the spec makes no load or cannot be spelled in HTTP, or where the host has no thread for it.
pub fn start(spec: TrialSpec, clock: Clock) -> Result<TrialHandle, LoadError> {
    check(&spec)?;
    let template = Template::of(&spec.target)?;
    let tls = Tls::of(&spec.target)?;
    make_room(match &spec.arrivals {
        Arrivals::Closed(slots) | Arrivals::Burst(slots) => *slots,
        Arrivals::Open { max_in_flight, .. } => max_in_flight.unwrap_or(ROOM),
    });
    let (sender, events) = mpsc::channel(REPORTS);
    let cancel = CancellationToken::new();
    let (guard, token) = (cancel.clone().drop_guard(), cancel.clone());
    std::thread::Builder::new().name("load".to_owned()).spawn(move || {
        if let Err(error) = trial(spec, clock, template, tls, sender, token) {
            // The channel closes without an end, which the reader tells.
            tracing::error!(%error, "the load generator failed");
        }
    })?;
    Ok(TrialHandle { events, cancel, _on_drop: guard })
}

fn check(spec: &TrialSpec) -> Result<(), LoadError> {
    match (&spec.arrivals, spec.stop) {
        (Arrivals::Closed(0) | Arrivals::Burst(0), _) => Err(LoadError::NoLoad("concurrency")),
        (_, Stop::Requests(0)) => Err(LoadError::NoLoad("the number of requests")),
        (_, Stop::DurationNs(0)) => Err(LoadError::NoLoad("the duration in ns")),
        _ => Ok(()),
    }
}

fn trial(
    spec: TrialSpec,
    clock: Clock,
    template: Template,
    tls: Option<Tls>,
    events: mpsc::Sender<LoadEvent>,
    cancel: CancellationToken,
) -> Result<(), LoadError> {
    let (lanes, offsets) = match &spec.arrivals {
        Arrivals::Closed(slots) | Arrivals::Burst(slots) => (*slots as usize, None),
        Arrivals::Open { schedule, seed, max_in_flight } => {
            let ahead = (schedule.first_rate() / 4.0).min(MOST_AHEAD) as usize;
            let most = max_in_flight.map_or(usize::MAX, |n| n as usize);
            (ahead.max(dispatch::SPARE).min(most), Some(schedule.offsets(*seed)))
        }
    };
    let works = Works::start(template, spec.work, spec.first_id, lanes as u32, offsets)?;
    // From here on: the thread that makes bodies has been started, and is to stay off this core.
    let own = cores::OfLoad::claim();
    if let Some(core) = own.as_ref().map(cores::OfLoad::core)
        && let Err(error) = cores::bind(core)
    {
        tracing::warn!(%error, core, "the load generator has no core of its own");
    }
    let mut io = Io::new(clock, spec.limits, Dialer::resolve(&spec.target, tls, spec.limits.connect_ns))?;
    if !open_ahead(&mut io, lanes, &works, &cancel)? {
        let end =
            TrialEnd { load_end_ns: clock.now_ns(), next_id: spec.first_id, cancelled: true, ..TrialEnd::default() };
        // Nobody listens: the handle was dropped.
        events.blocking_send(LoadEvent::Done(end)).unwrap_or_default();
        return Ok(());
    }
    let start_ns = clock.now_ns();
    let (slots, warmup_ns, is_open, dispatch) = match &spec.arrivals {
        Arrivals::Closed(slots) => {
            // Load is not there before the last slot has started.
            let warmup_ns = spec.warmup_ns.max(u64::from(slots - 1) * SPREAD_NS);
            (Some(*slots), warmup_ns, false, Dispatch::Slots(dispatch::Slots::new(lanes, false)))
        }
        Arrivals::Burst(slots) => {
            (Some(*slots), spec.warmup_ns, false, Dispatch::Slots(dispatch::Slots::new(lanes, true)))
        }
        Arrivals::Open { max_in_flight, .. } => {
            let schedule = dispatch::Schedule::new(start_ns, lanes, *max_in_flight);
            (None, spec.warmup_ns, true, Dispatch::Schedule(schedule))
        }
    };
    let window = Window::new(slots, spec.stop, start_ns, warmup_ns);
    let policy = Policy::new(spec.stop, slots, spec.limits.drain_ns, &window);
    let core = Core::new(window, policy, is_open, start_ns);
    let mut engine = Engine::new(io, core, works, dispatch, spec.target.protocol, spec.first_id);
    match &spec.arrivals {
        Arrivals::Closed(_) => {
            for place in 0..lanes {
                engine.wake(place, start_ns + place as u64 * SPREAD_NS, WakesFor::Piece);
            }
        }
        Arrivals::Burst(_) => (0..lanes).for_each(|place| engine.slot_free(place, start_ns)),
        // A connection that could not be opened ahead is tried again by the request that needs it.
        Arrivals::Open { .. } => engine.io.lanes.iter_mut().for_each(|lane| lane.failed = None),
    }
    Control::new(events, cancel).run(engine)
}
