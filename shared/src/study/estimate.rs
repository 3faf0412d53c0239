//! Owns how long a study will take, before it starts: by like runs, by durations, by stated assumptions, or not known.
//! Must not know clocks.

use super::plan::StudyPlan;
use crate::compare::Recorded;
use crate::plan::{Level, Plan};
use serde::{Deserialize, Serialize};

/// What may be assumed of engines of which nothing is known.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Assumption {
    /// Output tokens per second that each request in flight gets.
    pub tokens_per_s: f64,
    /// From the start of an engine to its first token, s.
    pub start_s: f64,
}

/// How long a study will take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// All of it, s; absent where a part is unknown.
    pub seconds: Option<f64>,
    /// Trials whose length a like run told.
    pub by_like_runs: u32,
    /// Trials whose length the plan says.
    pub by_duration: u32,
    /// Trials whose length follows from the plan's assumption.
    pub by_assumption: u32,
    /// Trials of which nothing is known.
    pub unknown: u32,
}

impl Estimate {
    /// What it is by, as a sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        if self.by_like_runs + self.by_duration + self.by_assumption + self.unknown == 0 {
            return "Time unknown: the levels are found by measuring.".to_owned();
        }
        let mut parts = Vec::new();
        for (n, words) in [
            (self.by_like_runs, "by like runs"),
            (self.by_duration, "by the plan's durations"),
            (self.by_assumption, "by the plan's assumption"),
            (self.unknown, "of unknown length"),
        ] {
            if n > 0 {
                parts.push(format!("{n} trials {words}"));
            }
        }
        let long = self.seconds.map_or_else(|| "Time unknown".to_owned(), |s| format!("About {}", words(s)));
        format!("{long}: {}.", parts.join(", "))
    }
}

/// "40 s", "12 min", "3 h 20 min".
fn words(seconds: f64) -> String {
    let minutes = (seconds / 60.0).round() as u64;
    match minutes {
        _ if seconds < 90.0 => format!("{:.0} s", seconds.max(1.0)),
        0..=119 => format!("{minutes} min"),
        _ => format!("{} h {} min", minutes / 60, minutes % 60),
    }
}

impl StudyPlan {
    /// How long it will take, by what earlier runs of the same work came to.
    #[must_use]
    pub fn estimate(&self, history: &[Recorded]) -> Estimate {
        let mut estimate = Estimate { seconds: Some(0.0), ..Estimate::default() };
        self.expand().iter().for_each(|run| estimate.add(&run.plan, self.assume, history));
        estimate
    }
}

impl Estimate {
    /// How long one run of a plan will take, by what earlier runs of the same work came to.
    #[must_use]
    pub fn of_a_run(plan: &Plan, history: &[Recorded]) -> Self {
        let mut estimate = Self { seconds: Some(0.0), ..Self::default() };
        estimate.add(plan, None, history);
        estimate
    }

    fn add(&mut self, plan: &Plan, assume: Option<Assumption>, history: &[Recorded]) {
        let mut seconds = self.seconds;
        add(&mut seconds, start_s(plan, history).or_else(|| assume.map(|assume| assume.start_s)));
        for point in plan.points() {
            let trials = plan.load.trials;
            let (each, count) = self.trial_s(plan, assume, point.level, history);
            *count += trials;
            add(&mut seconds, each.map(|each| each * f64::from(trials)));
        }
        // A search has no points before it is under way.
        self.seconds = seconds.filter(|_| plan.load.search.is_none());
    }

    /// Length of a trial, s, and the count of those that are known in the same way.
    fn trial_s(
        &mut self,
        plan: &Plan,
        assume: Option<Assumption>,
        level: Level,
        history: &[Recorded],
    ) -> (Option<f64>, &mut u32) {
        let load = &plan.load;
        if let Some(seconds) = load.duration_s {
            return (Some(seconds + load.warmup_s), &mut self.by_duration);
        }
        let requests = load.requests_at(level).map(f64::from);
        let rate = history.iter().rev().find_map(|like| request_rate(plan, level, like));
        if let Some((requests, rate)) = requests.zip(rate) {
            return (Some(requests / rate + load.warmup_s), &mut self.by_like_runs);
        }
        let assumed = assume.zip(requests).and_then(|(assume, requests)| {
            let tokens = f64::from(plan.workload.output_tokens.as_ref()?.most());
            Some(requests * tokens / (assume.tokens_per_s * f64::from(level.in_flight()?)) + load.warmup_s)
        });
        match assumed {
            Some(seconds) => (Some(seconds), &mut self.by_assumption),
            None => (None, &mut self.unknown),
        }
    }
}

/// A part that is unknown makes the whole unknown, not smaller.
fn add(sum: &mut Option<f64>, part: Option<f64>) {
    *sum = sum.zip(part).map(|(sum, part)| sum + part);
}

/// True where a run did the same work on the same engine. Who knows on which host another tool's did?
fn is_like(plan: &Plan, like: &Recorded) -> bool {
    let engine = |plan: &Plan| (plan.engine.kind, plan.engine.model.clone(), plan.engine.url.clone());
    let other = &like.plan;
    like.source.is_none()
        && engine(plan) == engine(other)
        && plan.engine.params == other.engine.params
        && plan.engine.vary == other.engine.vary
        && plan.workload.output_tokens == other.workload.output_tokens
        && plan.workload.input_tokens == other.workload.input_tokens
}

/// Requests per second that a like run had at that level.
fn request_rate(plan: &Plan, level: Level, like: &Recorded) -> Option<f64> {
    let point = like.points.iter().find(|point| point.level == level && is_like(plan, like))?;
    point.summary.as_ref()?.request_throughput.filter(|rate| *rate > 0.0)
}

/// How long a like run's engine took to start, s; none where it was not started.
fn start_s(plan: &Plan, history: &[Recorded]) -> Option<f64> {
    if plan.engine.url.is_some() {
        return Some(0.0);
    }
    let like = history.iter().rev().find(|like| is_like(plan, like))?;
    Some(like.engines.first()?.start_ms? / 1000.0)
}
