//! Owns the trials of a run: pooled by point, judged, and where a search goes next.
//! Must not know how an engine is started, or how load and storage work inside.

use super::run::{Failure, Turn, Writer};
use super::search::{Search, Step};
use super::telemetry::Watch;
use super::trial::{self, TrialPlace};
use crate::blob::BlobStore;
use crate::engine::Engine;
use crate::record::{Tally, Terms, intervals, judge};
use crate::workload::Workload;
use shared::caveat::{Caveat, Finding};
use shared::cost::Pricing;
use shared::engine::EngineInfo;
use shared::event::Body;
use shared::ids::PointIndex;
use shared::summary::Summary;
use std::collections::BTreeMap;

/// What trials are run on: an engine that is ready, and the workload as it takes it.
pub(super) struct Bench<'a> {
    /// The engine.
    pub engine: &'a mut Engine,
    /// The workload.
    pub workload: &'a Workload,
    /// What is seen of the machine meanwhile.
    pub watch: &'a Watch,
}

/// The trials of a run.
pub(super) struct Measurement<'a> {
    turn: &'a Turn,
    writer: &'a Writer,
    blobs: &'a BlobStore,
    terms: Terms,
    caveats: Vec<Caveat>,
    /// By point, since a search can come back to one.
    findings: BTreeMap<PointIndex, Vec<Finding>>,
    /// The trials of each point so far.
    tallies: BTreeMap<PointIndex, Vec<Tally>>,
    trials: u32,
    next_request: u64,
}

impl<'a> Measurement<'a> {
    pub fn new(turn: &'a Turn, writer: &'a Writer, blobs: &'a BlobStore) -> Self {
        let before = turn.before.clone();
        Self {
            terms: Terms::of(&turn.plan),
            turn,
            writer,
            blobs,
            caveats: before.caveats,
            findings: before.findings,
            tallies: BTreeMap::new(),
            trials: before.trials,
            next_request: before.next_request,
        }
    }

    /// What follows is measured on this engine, whose time has this price.
    pub fn on(&mut self, engine: &EngineInfo, pricing: &Pricing) {
        self.terms.on(engine, pricing);
    }

    /// What must be said of the run besides what has been said.
    pub fn note(&mut self, caveats: impl IntoIterator<Item = Caveat>) {
        self.caveats.extend(caveats);
        self.caveats.sort_unstable();
        self.caveats.dedup();
    }

    /// What the rules say of the run so far.
    pub fn judged(&self) -> Body {
        let findings = self.findings.values().flatten().cloned().collect();
        let mut caveats = self.caveats.clone();
        // It may have come to have company only now.
        caveats.extend(self.turn.company.caveats());
        caveats.sort_unstable();
        caveats.dedup();
        Body::Judged { findings, caveats }
    }

    /// Measures points that the plan names.
    pub async fn points(&mut self, bench: &mut Bench<'_>, places: &[TrialPlace]) -> Result<(), Failure> {
        for place in places {
            let barren = self.trial(bench, *place).await?;
            if self.trials_of(place.point) == self.turn.plan.load.trials {
                self.conclude(bench, *place).await?;
                // Every sample of it; nobody comes back to this point.
                self.tallies.remove(&place.point);
            }
            go_on(bench, barren).await?;
        }
        Ok(())
    }

    /// Measures the points that a search asks for.
    pub async fn search(&mut self, bench: &mut Bench<'_>, mut search: Search) -> Result<(), Failure> {
        let (mut point, mut level) = (0, search.first());
        self.writer.write([Body::PointAdded { point, level }]).await?;
        loop {
            let place = TrialPlace { point, repeat: self.trials_of(point), level };
            let barren = self.trial(bench, place).await?;
            let summary = self.conclude(bench, place).await?;
            // A level at which nothing succeeds is too high, unless it is the first one.
            go_on(bench, barren.filter(|_| point == 0)).await?;
            match search.next(Some(&summary).filter(|summary| summary.ok > 0)) {
                Step::Repeat => {}
                Step::Measure(next) => {
                    (point, level) = (point + 1, next);
                    self.writer.write([Body::PointAdded { point, level }]).await?;
                }
                Step::Done(end) => {
                    self.writer.write([Body::SearchDone(end)]).await?;
                    return Ok(());
                }
            }
        }
    }

    fn trials_of(&self, point: PointIndex) -> u32 {
        self.tallies.get(&point).map_or(0, |trials| trials.len() as u32)
    }

    /// One trial, pooled with those of its point; where not one request ended well, why.
    async fn trial(&mut self, bench: &mut Bench<'_>, place: TrialPlace) -> Result<Option<String>, Failure> {
        let at = trial::Context {
            turn: self.turn,
            writer: self.writer,
            blobs: self.blobs,
            engine: bench.engine,
            workload: bench.workload,
            watch: bench.watch,
            terms: &self.terms,
        };
        let done = trial::run(at, self.trials, place, self.next_request).await?;
        self.trials += 1;
        self.next_request = done.next_request;
        self.tallies.entry(place.point).or_default().push(done.tally);
        Ok(done.barren)
    }

    /// Figures over a point's trials so far, and what the rules say of them.
    async fn conclude(&mut self, bench: &Bench<'_>, place: TrialPlace) -> Result<Summary, Failure> {
        let TrialPlace { point, level, .. } = place;
        let trials = self.tallies.get(&point).map_or(&[][..], Vec::as_slice);
        let summary = Tally::pooled(trials).summary(&self.terms);
        let intervals = intervals(trials, &self.terms);
        let context = bench.engine.info.context_tokens;
        self.findings.insert(point, judge(point, level, &self.turn.plan, &summary, context));
        self.note(summary.caveats.iter().cloned());
        let done = Body::PointDone { point, summary: Box::new(summary.clone()), intervals };
        self.writer.write([done, self.judged()]).await?;
        Ok(summary)
    }
}

async fn go_on(bench: &Bench<'_>, barren: Option<String>) -> Result<(), Failure> {
    let death = if barren.is_some() { bench.engine.death_soon().await } else { bench.engine.death() };
    match (death, barren) {
        (Some(death), _) => Err(Failure::EngineDied(death)),
        (None, Some(why)) => Err(Failure::Barren(why)),
        (None, None) => Ok(()),
    }
}
