//! Owns the trials of a run: in which order, pooled by point, judged, and where a search goes next.
//! Must not know how an engine is started, or how load and storage work inside.

use super::run::{Failure, Turn, Writer};
use super::search::{Search, Step};
use super::trial::{self, TrialPlace};
use crate::blob::BlobStore;
use crate::engine::Engine;
use crate::record::{Tally, Terms, intervals, judge};
use crate::workload::Workload;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use shared::caveat::{Caveat, Finding};
use shared::event::Body;
use shared::ids::PointIndex;
use shared::plan::Plan;
use shared::summary::Summary;
use std::collections::BTreeMap;

/// The trials of a run.
pub(super) struct Measurement<'a> {
    turn: &'a Turn,
    writer: &'a Writer,
    blobs: &'a BlobStore,
    engine: &'a mut Engine,
    workload: &'a Workload,
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
    pub fn new(
        turn: &'a Turn,
        writer: &'a Writer,
        blobs: &'a BlobStore,
        engine: &'a mut Engine,
        workload: &'a Workload,
        caveats: Vec<Caveat>,
    ) -> Self {
        Self {
            terms: Terms::of(&turn.plan),
            turn,
            writer,
            blobs,
            engine,
            workload,
            caveats,
            findings: BTreeMap::new(),
            tallies: BTreeMap::new(),
            trials: 0,
            next_request: 0,
        }
    }

    /// Measures the plan's points.
    pub async fn points(mut self, plan: &Plan) -> Result<(), Failure> {
        for place in order(plan) {
            let all_failed = self.trial(place).await?;
            if self.trials_of(place.point) == plan.load.trials {
                self.conclude(place).await?;
                // Every sample of it; nobody comes back to this point.
                self.tallies.remove(&place.point);
            }
            self.go_on(all_failed)?;
        }
        Ok(())
    }

    /// Measures the points that a search asks for.
    pub async fn search(mut self, mut search: Search) -> Result<(), Failure> {
        let (mut point, mut level) = (0, search.first());
        self.writer.write([Body::PointAdded { point, level }]).await?;
        loop {
            let place = TrialPlace { point, repeat: self.trials_of(point), level };
            let all_failed = self.trial(place).await?;
            let summary = self.conclude(place).await?;
            // A level at which nothing succeeds is too high, unless it is the first one.
            self.go_on(all_failed.filter(|_| point == 0))?;
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

    /// One trial, pooled with those of its point; where not one request succeeded, the first error.
    async fn trial(&mut self, place: TrialPlace) -> Result<Option<String>, Failure> {
        let at = trial::Context {
            turn: self.turn,
            writer: self.writer,
            blobs: self.blobs,
            engine: self.engine,
            workload: self.workload,
            terms: &self.terms,
        };
        let done = trial::run(at, self.trials, place, self.next_request).await?;
        self.trials += 1;
        self.next_request = done.next_request;
        self.tallies.entry(place.point).or_default().push(done.tally);
        Ok(done.all_failed)
    }

    /// Figures over a point's trials so far, and what the rules say of them.
    async fn conclude(&mut self, place: TrialPlace) -> Result<Summary, Failure> {
        let TrialPlace { point, level, .. } = place;
        let trials = self.tallies.get(&point).map_or(&[][..], Vec::as_slice);
        let summary = Tally::pooled(trials).summary(&self.terms);
        let intervals = intervals(trials, &self.terms);
        let context = self.engine.info.context_tokens;
        self.findings.insert(point, judge(point, level, &self.turn.plan, &summary, context));
        self.caveats.extend(summary.caveats.iter().cloned());
        self.caveats.sort_unstable();
        self.caveats.dedup();
        let findings = self.findings.values().flatten().cloned().collect();
        self.writer
            .write([
                Body::PointDone { point, summary: Box::new(summary.clone()), intervals },
                Body::Judged { findings, caveats: self.caveats.clone() },
            ])
            .await?;
        Ok(summary)
    }

    fn go_on(&mut self, all_failed: Option<String>) -> Result<(), Failure> {
        if let Some(sentence) = self.engine.died() {
            return Err(Failure::EngineDied(sentence));
        }
        all_failed.map_or(Ok(()), |error| Err(Failure::AllFailed(error)))
    }
}

/// Trials in execution order: every round holds each level once, in seeded order, so that drift does not favour one.
fn order(plan: &Plan) -> Vec<TrialPlace> {
    let mut random = ChaCha8Rng::seed_from_u64(plan.workload.seed);
    (0..plan.load.trials)
        .flat_map(|repeat| {
            let mut round: Vec<TrialPlace> = (plan.load.levels().into_iter().zip(0..))
                .map(|(level, point)| TrialPlace { point, repeat, level })
                .collect();
            // One trial of each level reads best from low to high; with repeats, order must not matter.
            if plan.load.trials > 1 {
                round.shuffle(&mut random);
            }
            round
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_round_holds_each_level_once_in_an_order_that_the_seed_decides() {
        let mut plan = shared::preset::find("throughput").unwrap();
        plan.load.trials = 3;
        let places = order(&plan);
        assert_eq!(places, order(&plan));
        assert_eq!(places.len(), 15);
        for round in places.chunks(5) {
            let mut points: Vec<_> = round.iter().map(|p| p.point).collect();
            points.sort_unstable();
            assert_eq!(points, [0, 1, 2, 3, 4]);
        }
    }
}
