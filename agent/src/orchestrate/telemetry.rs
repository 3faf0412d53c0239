//! Owns what a run sees of its machine while an engine lives: which sources are read, and where what they say goes.
//! Must not know how any of them is read.

use super::run::{Turn, Writer};
use crate::engine::{Engine, History};
use crate::load::Clock;
use crate::record::{EnergyTally, ServerTally, Span};
use crate::telemetry::host::{Host, HostProcesses, memory_total};
use crate::telemetry::{
    Dropped, EnergyMeter, Fast, Gathered, Gpu, Nvml, Pace, Paced, Reading, Said, Sampler, Slow, Taken,
};
use shared::engine::EngineKind;
use shared::event::Body;
use shared::plan::{Gpus, Plan};
use shared::summary::EnergyMethod;
use shared::telemetry::{Began, TroubleKind};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

/// How often what was said becomes events.
const EVERY: Duration = Duration::from_millis(500);
/// Reads that wait for that.
const WAITING: usize = 4096;
/// How long a trial waits for the reads after its window.
const LIMIT: Duration = Duration::from_secs(3);
/// How long reads under way are waited for at the end.
const END_LIMIT: Duration = Duration::from_secs(8);
/// How often what takes long to read is read, Hz.
const SLOW_HZ: f64 = 1.0;
/// The kernel counts CPU time in ticks of 10 ms: looking more often shows steps of that.
const MOST_OF_HOST_HZ: f64 = 5.0;
/// An engine answers these on the thread that serves requests.
const MOST_OF_ENGINE_HZ: f64 = 10.0;
/// Names of threads that are asked in between.
const GPU: &str = "gpu";
const ENGINE: &str = "engine-metrics";

/// Everything that is read while an engine lives.
pub(super) struct Watch {
    sampler: Option<Sampler>,
    history: Option<Arc<History>>,
    heard: Arc<Heard>,
    /// The GPUs that are read are the engine's and nobody else's.
    knows_gpus: bool,
    logger: JoinHandle<()>,
}

/// What is kept of what was said.
#[derive(Default)]
struct Heard {
    energy: Mutex<EnergyMeter>,
    gpu_lost: AtomicBool,
}

/// What is known of a span of a trial.
#[derive(Default)]
pub(super) struct Seen {
    pub server: Option<ServerTally>,
    pub energy: Option<EnergyTally>,
}

impl Watch {
    /// Begins to read, and logs what is read.
    pub async fn begin(turn: &Turn, writer: &Writer, engine: &Engine) -> Self {
        let hz = turn.plan.telemetry_hz();
        let chosen = Chosen::of(&turn.plan, engine);
        let knows_gpus = chosen.is_known;
        let found = spawn_blocking(move || find(&chosen)).await.unwrap_or_else(|error| Found::none(error.to_string()));
        let knows_gpus = knows_gpus || turn.plan.gpu_count() == u32::try_from(found.fast.len()).ok();
        let gpus = found.fast.iter().map(|gpu| gpu.facts.clone()).collect();
        let began = Body::TelemetryBegan(Began { rate_hz: hz, gpus, no_gpus: found.no_gpus.clone() });
        let heard = Arc::new(Heard::default());
        let (said, receiver) = mpsc::channel(WAITING);
        let mut sources = found.sources(hz);
        let history = match engine.metrics.source() {
            Ok((scraper, history)) => {
                let pace = Pace::of_hz(hz.min(MOST_OF_ENGINE_HZ), 4);
                sources.push(Paced { name: ENGINE, pace, source: Box::new(scraper) });
                Some(history)
            }
            Err(error) => {
                tracing::warn!(%error, "a run goes on without the engine's own metrics");
                None
            }
        };
        let sampler = Sampler::start(sources, turn.clock, &said)
            .inspect_err(|error| tracing::error!(%error, "a run goes on without telemetry"))
            .ok();
        let dropped = sampler.as_ref().map(Sampler::dropped).unwrap_or_default();
        let logger = Logger { writer: writer.clone(), heard: Arc::clone(&heard), dropped };
        Self { sampler, history, knows_gpus, logger: tokio::spawn(logger.run(receiver, began)), heard }
    }

    /// A trial begins: what came before is of no more use.
    pub fn forget_before(&self, t_ns: u64) {
        self.heard.energy().forget_before(t_ns);
        self.history.iter().for_each(|history| history.forget_before(t_ns));
    }

    /// Its window has opened: reads are to be as near to that as can be.
    pub fn read_now(&self) {
        if let Some(sampler) = &self.sampler {
            sampler.read_now(GPU);
            sampler.read_now(ENGINE);
        }
    }

    /// What was seen in a span that is over.
    pub async fn during(&self, span: &Span, clock: Clock) -> Seen {
        let Some(_) = self.sampler else { return Seen::default() };
        let over_ns = span.end_ns.max(clock.now_ns());
        self.read_now();
        let server = match &self.history {
            Some(history) if history.wait_for(over_ns, LIMIT).await.is_ok() => {
                history.around(span.start_ns, span.end_ns)
            }
            _ => None,
        };
        Seen { server, energy: self.energy(span).await }
    }

    async fn energy(&self, span: &Span) -> Option<EnergyTally> {
        if !self.knows_gpus {
            return None;
        }
        let begun = Instant::now();
        // Absent where no GPU is read at all.
        while self.heard.energy().read_until_ns()? < span.end_ns {
            if begun.elapsed() > LIMIT {
                return None;
            }
            sleep(Duration::from_millis(5)).await;
        }
        tally(&self.heard.energy().between(span.start_ns, span.end_ns))
    }

    /// Ends it, and says whether a GPU was lost.
    pub async fn end(self) -> bool {
        let Self { sampler, mut logger, heard, .. } = self;
        drop(sampler);
        // It ends with the last thread that reads.
        match timeout(END_LIMIT, &mut logger).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "telemetry ended badly"),
            Err(_) => {
                tracing::warn!("something that is read for telemetry does not answer; the run goes on without it");
                logger.abort();
            }
        }
        heard.gpu_lost.load(Relaxed)
    }
}

impl Heard {
    fn energy(&self) -> MutexGuard<'_, EnergyMeter> {
        self.energy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self, said: &Said) {
        match said {
            Said::Row(row) => self.energy().add(row),
            Said::Trouble(trouble) if matches!(trouble.kind, TroubleKind::Lost(_)) => {
                self.gpu_lost.store(true, Relaxed);
            }
            Said::Trouble(_) | Said::Look(_) => {}
        }
    }
}

/// All of it, unknown where that of one GPU is.
fn tally(taken: &[Option<Taken>]) -> Option<EnergyTally> {
    let (mut mj, mut counted) = (0.0, 0);
    for taken in taken {
        mj += match (*taken)? {
            Taken::Counted(mj) => {
                counted += 1;
                mj
            }
            Taken::Integrated(mj) => mj,
        };
    }
    let method = match taken.len() {
        0 => return None,
        all if all == counted => EnergyMethod::Counter,
        _ if counted == 0 => EnergyMethod::Integrated,
        _ => EnergyMethod::Mixed,
    };
    Some(EnergyTally { joules: mj / 1000.0, gpus: u32::try_from(taken.len()).ok()?, method })
}

/// Which GPUs are to be read.
struct Chosen {
    /// UUIDs; all of the host where none is named.
    uuids: Vec<String>,
    /// Why none is to be read.
    none: Option<String>,
    /// They are the engine's.
    is_known: bool,
}

impl Chosen {
    /// Those of the engine, by UUID. Those of a server that was there before us are all that its host has, if that is
    /// this one and the plan does not name them.
    fn of(plan: &Plan, engine: &Engine) -> Self {
        if plan.engine.kind == EngineKind::Builtin {
            return Self::none("The built-in engine computes on the CPU.");
        }
        if !engine.metrics.is_on_this_host() {
            return Self::none("The engine runs on another host, whose GPUs this agent cannot read.");
        }
        let of_engine: Vec<String> = match &plan.engine.gpus {
            Some(Gpus::Uuids(uuids)) => uuids.clone(),
            _ => engine.info.gpus.iter().filter_map(|gpu| gpu.uuid.clone()).collect(),
        };
        Self { is_known: !of_engine.is_empty(), uuids: of_engine, none: None }
    }

    fn none(why: &str) -> Self {
        Self { uuids: vec![], none: Some(why.to_owned()), is_known: false }
    }
}

/// The GPUs that are read, once for each thread that reads them.
struct Found {
    nvml: Option<Nvml>,
    fast: Vec<Gpu>,
    slow: Vec<Gpu>,
    no_gpus: Option<String>,
}

impl Found {
    fn none(why: String) -> Self {
        Self { nvml: None, fast: vec![], slow: vec![], no_gpus: Some(why) }
    }

    fn sources(self, hz: f64) -> Vec<Paced> {
        let paced = |name, hz, source| Paced { name, pace: Pace::of_hz(hz, 2), source };
        let mut sources = vec![
            paced("host", hz.min(MOST_OF_HOST_HZ), Box::<Host>::default()),
            paced("host-processes", hz.min(SLOW_HZ), Box::<HostProcesses>::default()),
        ];
        if let Some(nvml) = self.nvml.filter(|_| !self.fast.is_empty()) {
            sources.push(paced(GPU, hz, Box::new(Fast::of(self.fast))));
            sources.push(paced("gpu-slow", hz.min(SLOW_HZ), Box::new(Slow::of(nvml, self.slow))));
        }
        sources
    }
}

/// Loads the driver's library, which may take seconds, and looks for the GPUs.
fn find(chosen: &Chosen) -> Found {
    if let Some(why) = &chosen.none {
        return Found::none(why.clone());
    }
    let nvml = match Nvml::open() {
        Reading::Value(nvml) => nvml,
        Reading::NotSupported => return Found::none("This host has no NVIDIA driver.".to_owned()),
        Reading::Failed(why) => return Found::none(format!("The NVIDIA driver does not answer ({why}).")),
    };
    let (mut fast, missing) = nvml.gpus(&chosen.uuids);
    for gpu in fast.iter_mut().filter(|gpu| gpu.facts.is_unified) {
        gpu.facts.memory_bytes = memory_total();
    }
    let (slow, _) = nvml.gpus(&chosen.uuids);
    let no_gpus = match (missing.is_empty(), fast.is_empty()) {
        (false, _) => Some(missing.join(" ")),
        (true, true) => Some("This host has an NVIDIA driver and no GPU.".to_owned()),
        (true, false) => None,
    };
    Found { nvml: Some(nvml), fast, slow, no_gpus }
}

/// Turns what is said into events.
struct Logger {
    writer: Writer,
    heard: Arc<Heard>,
    dropped: Dropped,
}

impl Logger {
    async fn run(self, mut said: mpsc::Receiver<Said>, began: Body) {
        self.write(vec![began]).await;
        let mut gathered = Gathered::default();
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                said = said.recv() => match said {
                    Some(said) => {
                        self.heard.hear(&said);
                        gathered.add(said);
                    }
                    None => break,
                },
                _ = ticks.tick() => self.write(gathered.take(self.dropped.take())).await,
            }
        }
        self.write(gathered.take(self.dropped.take())).await;
    }

    async fn write(&self, bodies: Vec<Body>) {
        if bodies.is_empty() {
            return;
        }
        if let Err(error) = self.writer.write(bodies).await {
            // A log that takes nothing more ends the run by what its load has to write.
            tracing::error!(%error, "telemetry could not be logged");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn energy_is_that_of_all_gpus_or_unknown() {
        let check = |taken: &[Option<Taken>], expect: Option<(f64, EnergyMethod)>| {
            assert_eq!(tally(taken).map(|of| (of.joules, of.method)), expect, "{taken:?}");
        };
        let (counted, integrated) = (Some(Taken::Counted(1500.0)), Some(Taken::Integrated(500.0)));
        check(&[counted, counted], Some((3.0, EnergyMethod::Counter)));
        check(&[integrated], Some((0.5, EnergyMethod::Integrated)));
        check(&[counted, integrated], Some((2.0, EnergyMethod::Mixed)));
        check(&[counted, None], None);
        check(&[], None);
    }
}
