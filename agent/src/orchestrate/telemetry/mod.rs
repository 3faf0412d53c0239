//! Owns what a run sees of its machine while an engine lives: which sources are read, and where what they say goes.
//! Must not know how any of them is read.

mod alone;
mod chosen;
mod kv;
mod logger;

pub use alone::look_alone;

use super::run::{Turn, Writer};
use crate::engine::{Engine, History};
use crate::load::Clock;
use crate::record::{EnergyTally, KvSeen, ServerTally, Span};
use crate::telemetry::{Found, Sampler, Taken, Told};
use chosen::Chosen;
use logger::{Heard, Logger};
use shared::engine::Launch;
use shared::event::Body;
use shared::telemetry::{ENGINE_READER, EnergyMethod, GPU_READER};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::error::Elapsed;
use tokio::time::{Instant, sleep, timeout};

/// How long a trial waits for the reads after its window.
const LIMIT: Duration = Duration::from_secs(3);
/// How long a run waits for the first reads.
const FIRST_LIMIT: Duration = Duration::from_secs(1);
/// How long reads under way are waited for at the end.
const END_LIMIT: Duration = Duration::from_secs(8);

/// Everything that is read while an engine lives.
pub(super) struct Watch {
    sampler: Option<Sampler>,
    history: Option<Arc<History>>,
    heard: Arc<Heard>,
    /// The GPUs that are read are the engine's and nobody else's.
    knows_gpus: bool,
    logger: JoinHandle<()>,
}

/// What is known of a span of a trial.
#[derive(Default)]
pub(super) struct Seen {
    pub server: Option<ServerTally>,
    pub energy: Option<EnergyTally>,
    pub kv: KvSeen,
}

impl Watch {
    /// Nothing is read.
    pub fn of_nothing() -> Self {
        let (heard, logger) = (Arc::default(), tokio::spawn(async {}));
        Self { sampler: None, history: None, heard, knows_gpus: false, logger }
    }

    /// Begins to read, and logs what is read.
    pub async fn begin(turn: &Turn, writer: &Writer, engine: &Engine) -> Self {
        let hz = turn.plan.telemetry_hz();
        let chosen = Chosen::of(&turn.plan, engine);
        let knows_gpus = chosen.is_known;
        let found = spawn_blocking(|| chosen.find()).await.unwrap_or_else(|error| Found::none(error.to_string()));
        let descends = turn.plan.engine.url.is_none() && turn.plan.engine.launch != Some(Launch::Docker);
        let found = found.knowing(engine.memory_before()).descending(descends);
        let began = found.began(hz);
        // A whole GPU and its slices are not so many GPUs.
        let are_whole = began.gpus.iter().all(|gpu| gpu.slice_of.is_none());
        let counted = are_whole && turn.plan.gpu_count() == u32::try_from(began.gpus.len()).ok();
        // One that is not found takes energy all the same.
        let knows_gpus = (knows_gpus || counted) && began.no_gpus.is_none();
        let heard = Arc::new(Heard::default());
        let mut sources = found.sources(hz);
        let history = match engine.metrics.paced(hz) {
            Ok((paced, history)) => {
                sources.push(paced);
                Some(history)
            }
            Err(error) => {
                tracing::warn!(%error, "a run goes on without the engine's own metrics");
                None
            }
        };
        let (sampler, told) = Told::begin(sources, turn.clock)
            .inspect_err(|error| tracing::error!(%error, "a run goes on without telemetry"))
            .ok()
            .unzip();
        let effort = sampler.as_ref().map(Sampler::effort);
        let logger = Logger { writer: writer.clone(), heard: Arc::clone(&heard), effort };
        let logger = tokio::spawn(logger.run(told, Body::TelemetryBegan(began)));
        let watch = Self { sampler, history, knows_gpus, logger, heard };
        watch.first_reads().await;
        watch
    }

    /// Waits a little for reads that the first trial can be compared with.
    async fn first_reads(&self) {
        let first = async {
            if let Some(history) = &self.history {
                history.wait_for(1, FIRST_LIMIT).await?;
            }
            // Where these are read at all, they are read before an engine has answered.
            while self.knows_gpus && self.heard.energy().read_until_ns().is_none() {
                sleep(Duration::from_millis(5)).await;
            }
            Ok::<_, Elapsed>(())
        };
        if self.sampler.is_some() && timeout(FIRST_LIMIT, first).await.is_err() {
            tracing::debug!("a run begins before everything of its machine has been read");
        }
    }

    /// A trial begins: what came before is of no more use.
    pub fn forget_before(&self, t_ns: u64) {
        self.heard.energy().forget_before(t_ns);
        self.heard.kv().forget_before(t_ns);
        self.history.iter().for_each(|history| history.forget_before(t_ns));
    }

    /// Its window has opened: reads are to be as near to that as can be.
    pub fn read_now(&self) {
        if let Some(sampler) = &self.sampler {
            sampler.read_now(GPU_READER);
            sampler.read_now(ENGINE_READER);
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
        Seen { server, energy: self.energy(span).await, kv: self.kv(span).await }
    }

    /// Reads of the engine's KV cache in a span that is over: where it tells anything, the first one after it is waited for.
    async fn kv(&self, span: &Span) -> KvSeen {
        let begun = Instant::now();
        while self.heard.kv().read_until_ns().is_some_and(|until_ns| until_ns < span.end_ns) {
            if begun.elapsed() > LIMIT {
                break;
            }
            sleep(Duration::from_millis(5)).await;
        }
        self.heard.kv().during(span, self.knows_gpus)
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
        heard.gpu_lost()
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
