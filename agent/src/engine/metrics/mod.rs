//! Owns the engine's own metrics as a source: scraped, stamped, under names that do not depend on the engine.
//! Must not know trials or what the figures are worth.

mod history;
mod names;

pub use history::History;

use super::EngineError;
use super::attach::Probe;
use super::exposition::Page;
use crate::load::Clock;
use crate::telemetry::{Increment, Pace, Paced, Row, Said, Source};
use history::Latencies;
use names::Names;
use shared::telemetry::{ENGINE_READER, Field, Kind, Signal};
use shared::view::Telemetry;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

/// The page.
pub(super) const PATH: &str = "/metrics";
/// How long a scrape may take.
pub(super) const LIMIT: Duration = Duration::from_secs(5);
/// Most reads a second: an engine answers them on the thread that serves requests.
const MOST_HZ: f64 = 10.0;
/// At most one part in this many of the time goes into reads.
const REST: u32 = 4;

/// Where an engine shows its metrics.
#[derive(Clone)]
pub struct ServerMetrics(pub(super) Probe);

impl ServerMetrics {
    /// Those of a server that needs no key.
    ///
    /// # Errors
    /// Where this is no URL.
    pub fn at(url: &str) -> Result<Self, EngineError> {
        Ok(Self(Probe::new(url, Vec::new())?))
    }

    /// Whether the engine runs on this host.
    #[must_use]
    pub fn is_on_this_host(&self) -> bool {
        self.0.is_loopback()
    }

    /// The engine's metrics as a source with its pace, at this rate or at the most that is good for an engine, and what
    /// its own latencies were at each read.
    ///
    /// # Errors
    /// Where there are no connections of their own to be had.
    pub fn paced(&self, hz: f64) -> Result<(Paced, Arc<History>), EngineError> {
        let (scraper, history) = self.source()?;
        let pace = Pace::of_hz(hz.min(MOST_HZ), REST);
        Ok((Paced { name: ENGINE_READER, pace, source: Box::new(scraper) }, history))
    }

    /// The same with no pace yet.
    ///
    /// # Errors
    /// Where there are no connections of their own to be had.
    pub fn source(&self) -> Result<(Scraper, Arc<History>), EngineError> {
        let history = Arc::new(History::default());
        let scraper = Scraper {
            probe: self.0.apart()?,
            runtime: None,
            counters: BTreeMap::new(),
            known: None,
            none: false,
            history: Arc::clone(&history),
        };
        Ok((scraper, history))
    }
}

/// Reads an engine's metrics, with connections and a runtime of its own: what the agent is busy with does not delay it.
pub struct Scraper {
    probe: Probe,
    /// Made on the thread that reads, where it ends, too.
    runtime: Option<Runtime>,
    /// Each counter as it was.
    counters: BTreeMap<&'static str, Increment>,
    /// The engine's names, once its page was seen.
    known: Option<&'static Names>,
    /// The server has no such page.
    none: bool,
    history: Arc<History>,
}

impl Source for Scraper {
    fn read(&mut self, clock: &Clock, say: &mut dyn FnMut(Said)) {
        if self.runtime.is_none() && !self.none {
            let made = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let made = made.inspect_err(|error| tracing::warn!(%error, "the engine's metrics are not read"));
            self.runtime = made.ok();
            self.none = self.runtime.is_none();
        }
        let Some(runtime) = self.runtime.as_ref().filter(|_| !self.none) else {
            self.history.add(clock.now_ns(), clock.now_ns(), Latencies::default());
            return;
        };
        let begun_ns = clock.now_ns();
        let text = runtime.block_on(self.probe.text(PATH, LIMIT));
        let ended_ns = clock.now_ns();
        self.none = matches!(text, Err(EngineError::Refused { status: 401 | 403 | 404 | 405 | 501, .. }));
        let text = text.inspect_err(|error| tracing::debug!(%error, "the engine's metrics were not read"));
        let page = text.as_deref().map(Page::of);
        self.known = page.as_ref().map_or(self.known, |page| Names::of(page).or(self.known));
        let latencies = match (self.known, &page) {
            (Some(names), Ok(page)) => Latencies { ttft: names.ttft(page), itl: names.itl(page) },
            _ => Latencies::default(),
        };
        self.history.add(begun_ns, ended_ns, latencies);
        let Some(names) = self.known else { return };
        let read = match &page {
            Ok(page) => names.read(page),
            Err(_) => names.unanswered(),
        };
        let fields = read.into_iter().map(|(signal, field)| (signal, self.field(signal, field))).collect();
        say(Said::Row(Row { source: Telemetry::ENGINE.to_owned(), begun_ns, ended_ns, fields }));
    }
}

impl Scraper {
    fn field(&mut self, signal: Signal, field: Field) -> Field {
        match signal.kind {
            Kind::Level => field,
            Kind::Increment => self.counters.entry(signal.key).or_default().of(field),
        }
    }
}

/// Signals of a page, whoever's it is.
pub(super) fn read_some<const N: usize>(text: &str, signals: [Signal; N]) -> [Field; N] {
    let page = Page::of(text);
    let names = Names::of(&page);
    signals.map(|signal| names.map_or(Field::NotSupported, |names| names.read_one(signal, &page)))
}
