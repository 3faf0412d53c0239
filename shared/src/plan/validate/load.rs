//! Owns the rules of a plan's load.
//! Must not know how load is made.

use crate::plan::error::refuse;
use crate::plan::{Arrival, Goal, LoadPlan, Plan, PlanError};

/// Most requests in flight that a plan may ask for.
const MAX_CONCURRENCY: u32 = 20_000;
/// Most points that a plan may have.
const MAX_POINTS: usize = 64;
/// Highest rate that a plan may ask for, requests per second.
const MAX_RATE: f64 = 100_000.0;
/// Most requests that a trial may schedule.
const MAX_REQUESTS: f64 = 10_000_000.0;

impl Plan {
    pub(super) fn validate_load(&self) -> Result<(), PlanError> {
        let load = &self.load;
        load.refuse_strangers()?;
        load.validate_levels()?;
        load.validate_search()?;
        load.validate_end()?;
        if load.search.as_ref().is_some_and(|search| search.goal == Goal::Slo)
            && self
                .slo
                .as_ref()
                .is_none_or(|slo| slo.ttft_ms.is_none() && slo.tpot_ms.is_none() && slo.e2e_ms.is_none())
        {
            return Err(refuse("slo", "is missing: a search for the highest load within limits needs at least one."));
        }
        if !(0.0..=3600.0).contains(&load.warmup_s) {
            return Err(refuse("load.warmup_s", "must be from 0 to 3,600 seconds."));
        }
        if !(1..=100).contains(&load.trials) {
            return Err(refuse("load.trials", "must be from 1 to 100."));
        }
        for (field, value) in [("load.timeout_s", load.timeout_s), ("load.drain_s", load.drain_s)] {
            if !(0.1..=86_400.0).contains(&value) {
                return Err(refuse(field, "must be from 0.1 to 86,400 seconds."));
            }
        }
        Ok(())
    }
}

impl LoadPlan {
    /// Fields that the arrival, or a search, would ignore.
    fn refuse_strangers(&self) -> Result<(), PlanError> {
        let (arrival, searching) = (self.arrival, self.search.is_some());
        let by_rate = matches!(arrival, Arrival::Constant | Arrival::Poisson | Arrival::Gamma);
        let strangers = [
            ("load.concurrency", !self.concurrency.is_empty() && (arrival.is_open() || searching)),
            ("load.rate", !self.rate.is_empty() && (!by_rate || searching)),
            ("load.burstiness", self.burstiness.is_some() && arrival != Arrival::Gamma),
            ("load.ramp", self.ramp.is_some() && arrival != Arrival::Ramp),
            ("load.trace", self.trace.is_some() && arrival != Arrival::Trace),
            ("load.max_in_flight", self.max_in_flight.is_some() && !arrival.is_open()),
            ("load.requests_per_slot", self.requests_per_slot.is_some() && arrival.is_open()),
        ];
        let stranger = strangers.iter().find(|(_, is_stranger)| *is_stranger);
        stranger.map_or(Ok(()), |(field, _)| {
            let by = if searching {
                "a search finds its levels itself".to_owned()
            } else {
                format!("arrival is {}", arrival.label())
            };
            Err(refuse(field, format!("would be ignored, since {by}: remove it.")))
        })
    }

    fn validate_levels(&self) -> Result<(), PlanError> {
        if self.concurrency.iter().any(|c| !(1..=MAX_CONCURRENCY).contains(c)) {
            return Err(refuse("load.concurrency", format!("must hold numbers from 1 to {MAX_CONCURRENCY}.")));
        }
        if self.rate.iter().any(|rate| !is_rate(*rate)) {
            return Err(refuse("load.rate", "must hold numbers above 0 and up to 100,000 requests per second."));
        }
        if self.max_in_flight.is_some_and(|n| !(1..=MAX_CONCURRENCY).contains(&n)) {
            return Err(refuse("load.max_in_flight", format!("must be from 1 to {MAX_CONCURRENCY}.")));
        }
        if self.burstiness.is_some_and(|shape| !(0.01..=1000.0).contains(&shape)) {
            return Err(refuse("load.burstiness", "must be from 0.01 to 1,000; 1 is Poisson, less is burstier."));
        }
        match (self.arrival, &self.ramp, &self.trace) {
            (Arrival::Gamma, ..) if self.burstiness.is_none() => {
                return Err(refuse(
                    "load.burstiness",
                    "is missing: gamma arrivals need it; 1 is Poisson, less is burstier.",
                ));
            }
            (Arrival::Ramp, None, _) => {
                return Err(refuse("load.ramp", "is missing: say from_rate and to_rate, requests per second."));
            }
            (Arrival::Ramp, Some(ramp), _) if !is_rate(ramp.from_rate) || !is_rate(ramp.to_rate) => {
                return Err(refuse(
                    "load.ramp",
                    "needs from_rate and to_rate above 0 and up to 100,000 requests per second.",
                ));
            }
            (Arrival::Ramp, ..) if self.warmup_s > 0.0 => {
                return Err(refuse("load.warmup_s", "must be 0 for a ramp, all of which is the window."));
            }
            (Arrival::Trace, _, None) => {
                return Err(refuse("load.trace", "is missing: name the file that is to be played."));
            }
            (Arrival::Trace, _, Some(trace)) if !(0.001..=10_000.0).contains(&trace.speed_up) => {
                return Err(refuse("load.trace", "needs a speed_up from 0.001 to 10,000."));
            }
            _ => {}
        }
        let (field, example) =
            if self.arrival.is_open() { ("load.rate", "[1.0, 4.0]") } else { ("load.concurrency", "[1, 4, 16]") };
        let levels: Vec<f64> = self.levels().iter().map(|level| level.value()).collect();
        if self.search.is_none() && (levels.is_empty() || levels.len() > MAX_POINTS) {
            return Err(refuse(field, format!("needs 1 to {MAX_POINTS} levels, such as {example}.")));
        }
        let twice = levels.iter().enumerate().any(|(i, level)| levels[..i].contains(level));
        if twice { Err(refuse(field, "names a level twice: use load.trials to repeat points.")) } else { Ok(()) }
    }

    fn validate_search(&self) -> Result<(), PlanError> {
        let Some(search) = &self.search else { return Ok(()) };
        if matches!(self.arrival, Arrival::Burst | Arrival::Ramp | Arrival::Trace) {
            return Err(refuse("load.search", "needs arrival closed, constant, poisson or gamma."));
        }
        let most = if self.arrival.is_open() { MAX_RATE } else { f64::from(MAX_CONCURRENCY) };
        let in_range = |level: f64| level.is_finite() && level > 0.0 && level <= most;
        if !in_range(search.from) || !in_range(search.to) || search.from >= search.to {
            return Err(refuse("load.search", format!("needs from above 0, and to above from and up to {most}.")));
        }
        if !self.arrival.is_open() && (search.from.fract() != 0.0 || search.to.fract() != 0.0) {
            return Err(refuse("load.search", "needs whole numbers of requests in flight."));
        }
        match (search.goal, search.attainment) {
            (Goal::Saturation, Some(_)) => {
                Err(refuse("load.search", "has attainment, which only the goal slo uses: remove it."))
            }
            (_, Some(share)) if !(share > 0.0 && share < 1.0) => {
                Err(refuse("load.search", "needs an attainment above 0 and below 1."))
            }
            _ => Ok(()),
        }
    }

    /// What ends a trial.
    fn validate_end(&self) -> Result<(), PlanError> {
        if self.arrival == Arrival::Trace {
            return match (self.requests, self.duration_s) {
                (None, None) if self.warmup_s == 0.0 => Ok(()),
                _ => Err(refuse("load", "plays a trace to its end: remove requests, duration_s and warmup_s.")),
            };
        }
        match (self.requests, self.duration_s) {
            (Some(_), None) if self.arrival == Arrival::Ramp => {
                return Err(refuse("load.duration_s", "is missing: a ramp needs it, and no requests."));
            }
            (None, _) | (Some(_), Some(_)) if self.requests_per_slot.is_some() => {
                return Err(refuse("load.requests_per_slot", "needs requests, and no duration_s: remove it."));
            }
            (Some(_), None) if self.requests_per_slot.is_some_and(|n| !(1..=1000).contains(&n)) => {
                return Err(refuse("load.requests_per_slot", "must be from 1 to 1,000."));
            }
            (Some(n), None) if (1..=10_000_000).contains(&n) => {}
            (Some(_), None) => return Err(refuse("load.requests", "must be from 1 to 10,000,000.")),
            (None, Some(s)) if s.is_finite() && (0.1..=86_400.0).contains(&s) => {}
            (None, Some(_)) => return Err(refuse("load.duration_s", "must be from 0.1 to 86,400 seconds.")),
            _ => return Err(refuse("load", "needs either requests or duration_s, one of them.")),
        }
        let fastest =
            self.levels().iter().filter(|level| level.is_open()).map(|level| level.value()).fold(0.0, f64::max);
        if let Some(seconds) = self.duration_s
            && fastest * (seconds + self.warmup_s) > MAX_REQUESTS
        {
            return Err(refuse(
                "load.duration_s",
                "makes more than 10,000,000 requests at the highest rate: shorten it.",
            ));
        }
        Ok(())
    }
}

fn is_rate(rate: f64) -> bool {
    rate.is_finite() && rate > 0.0 && rate <= MAX_RATE
}
