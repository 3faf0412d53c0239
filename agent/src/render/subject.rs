//! Owns what pictures and reports are of: a run with its distributions, a study with its runs, a comparison.
//! Must not know how any of it is drawn or written.

use super::RenderError;
use crate::blob::BlobStore;
use crate::orchestrate::{time_zone, utc_offset_minutes};
use crate::record::Latency;
use crate::recount::{self, RecountError};
use shared::chart::{Overlay, first_points, measured_points};
use shared::compare::Compared;
use shared::cost::UsdPerHour;
use shared::format;
use shared::ids::PointIndex;
use shared::study::StudyView;
use shared::view::RunView;
use shared::wire::{PointDistribution, RequestTimeline};
use std::sync::Arc;

/// What is drawn or reported.
pub enum Subject {
    /// A run.
    Run(Box<RunSubject>),
    /// A study.
    Study(Box<StudySubject>),
    /// Several runs beside one another.
    Compared(Compared),
}

impl Subject {
    /// It with costs at a price, where one is given and a point has none of its own.
    ///
    /// # Errors
    /// [`RenderError::NoCurves`] where it has no curves over load, which such costs are points of.
    pub fn at_price(self, price: Option<UsdPerHour>) -> Result<Self, RenderError> {
        let Some(price) = price else { return Ok(self) };
        match self {
            Self::Compared(compared) => Ok(Self::Compared(compared.at_price(price))),
            Self::Study(mut study) => {
                let compared = study.view.compared.take().ok_or(RenderError::NoCurves)?;
                study.view.compared = Some(compared.at_price(price));
                Ok(Self::Study(study))
            }
            Self::Run(_) => Err(RenderError::NoCurves),
        }
    }
}

/// A run, and what only its records tell.
pub struct RunSubject {
    /// The run.
    pub view: Arc<RunView>,
    /// Exact distributions of each of [`RunSubject::LATENCIES`] that has samples, points over one another.
    pub distributions: Vec<Vec<Overlay>>,
    /// Why there are none.
    pub no_distributions: Option<String>,
    /// The request that is opened, where one is asked for.
    pub request: Option<RequestTimeline>,
}

/// A study, and those of its runs that are there.
pub struct StudySubject {
    /// The study.
    pub view: StudyView,
    /// Its runs in their order.
    pub runs: Vec<Arc<RunView>>,
}

/// One point, its words, and its distributions in the order of [`RunSubject::LATENCIES`].
pub type PointDistributions = (usize, String, [PointDistribution; 6]);

impl RunSubject {
    /// Latencies whose distributions are drawn.
    pub const LATENCIES: [Latency; 6] =
        [Latency::TtftScheduled, Latency::Ttft, Latency::Tpot, Latency::Itl, Latency::ChunkGap, Latency::E2e];

    /// The run with the distributions of [`RunSubject::points`], or with the sentence that says why there are none.
    #[must_use]
    pub fn new(view: Arc<RunView>, points: Result<Vec<PointDistributions>, String>) -> Self {
        let (points, no_distributions) = match points {
            Ok(points) => (points, None),
            Err(why) => (Vec::new(), Some(why)),
        };
        let is_open = view.header.as_ref().is_some_and(|header| header.plan.load.arrival.is_open());
        let distributions = Self::LATENCIES.iter().enumerate().filter_map(|(place, latency)| {
            // Without times of their own, requests are due when they are sent.
            let is_told = is_open || *latency != Latency::TtftScheduled;
            let of = |(point, words, of): &PointDistributions| (*point, words.clone(), of[place].clone());
            let overlays: Vec<Overlay> = points.iter().map(of).filter(|(.., of)| of.n > 0).collect();
            (is_told && !overlays.is_empty()).then_some(overlays)
        });
        Self { distributions: distributions.collect(), no_distributions, request: None, view: Arc::clone(&view) }
    }

    /// The run with what its records on this host tell.
    #[must_use]
    pub fn of(view: Arc<RunView>, blobs: &BlobStore) -> Self {
        let points = Self::read(&view, blobs).map_err(|error| error.to_string());
        Self::new(view, points)
    }

    /// It with a request opened.
    #[must_use]
    pub fn opened(self, request: Option<RequestTimeline>) -> Self {
        Self { request, ..self }
    }

    fn read(view: &RunView, blobs: &BlobStore) -> Result<Vec<PointDistributions>, RecountError> {
        let Some(header) = view.header.as_ref().filter(|_| view.source.is_none()) else { return Ok(Vec::new()) };
        let of = |(place, words): (usize, String)| {
            let found = recount::distributions(blobs, &header.run, view, place as PointIndex, Self::LATENCIES)?;
            Ok((place, words, found))
        };
        Self::points(view).into_iter().map(of).collect()
    }

    /// The points whose distributions are drawn: their places and words.
    #[must_use]
    pub fn points(view: &RunView) -> Vec<(usize, String)> {
        first_points(&measured_points(view))
    }
}

/// The time zone that times are written in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Zone {
    /// Universal time.
    Utc,
    /// This host's, of this name; empty where the system tells none.
    Host(String),
}

impl Zone {
    /// This host's.
    #[must_use]
    pub fn here() -> Self {
        Self::Host(time_zone().unwrap_or_default())
    }

    /// A wall-clock time, Unix ms, with its zone: by the offset that the zone had then.
    #[must_use]
    pub fn words(&self, unix_ms: u64) -> String {
        let of_host = match self {
            Self::Utc => None,
            Self::Host(name) => utc_offset_minutes(unix_ms).map(|offset| (offset, name.as_str())),
        };
        let (offset, name) = of_host.unwrap_or((0, ""));
        format::host_time(unix_ms, offset, name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_needs_curves() {
        let price: UsdPerHour = "2.5".parse().unwrap();
        let run = || Subject::Run(Box::new(RunSubject::new(Arc::default(), Ok(vec![]))));
        assert!(run().at_price(None).is_ok());
        let refused = run().at_price(Some(price)).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(refused.contains("no curves"), "{refused}");
        let priced = Subject::Compared(Compared::default()).at_price(Some(price));
        assert!(matches!(priced, Ok(Subject::Compared(compared)) if compared.price == Some(price)));
    }
}
