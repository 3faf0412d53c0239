//! Owns sampling beside a trial of the bench: the sources and paces that a run has.
//! Must not know the trial.

use crate::engine::ServerMetrics;
use crate::load::Clock;
use crate::telemetry::{Effort, Found, Gathered, Nvml, Sampler};
use shared::telemetry::Observer;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Reads that wait to become events.
const WAITING: usize = 4096;
/// How often they do, as in a run.
const EVERY: Duration = Duration::from_millis(500);

/// Sampling under way.
pub(super) struct Sampling {
    sampler: Sampler,
    effort: Effort,
}

impl Sampling {
    /// Samples this host, all its GPUs, and a server's page of metrics; what is read becomes events that nobody keeps.
    ///
    /// # Errors
    /// Where the server's page or a thread is not to be had.
    pub fn start(hz: f64, server: SocketAddr) -> anyhow::Result<Self> {
        let (said, mut heard) = mpsc::channel(WAITING);
        let mut sources = Found::of(Nvml::open(), &[]).sources(hz);
        let (page, _history) = ServerMetrics::at(&format!("http://{server}"))?.paced(hz)?;
        sources.push(page);
        let sampler = Sampler::start(sources, Clock::starting_now(), &said)?;
        drop(said);
        // It ends with the last thread that reads.
        std::thread::Builder::new().name("gather".to_owned()).spawn(move || {
            let (mut gathered, mut taken) = (Gathered::default(), Instant::now());
            while let Some(said) = heard.blocking_recv() {
                gathered.add(said);
                if taken.elapsed() >= EVERY {
                    taken = Instant::now();
                    drop(gathered.take(0));
                }
            }
        })?;
        Ok(Self { effort: sampler.effort(), sampler })
    }

    /// Ends it and says what it cost.
    pub fn end(self) -> Observer {
        let cost = self.effort.take();
        drop(self.sampler);
        cost
    }
}
