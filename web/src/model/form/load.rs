//! Owns the load while it is written: how requests arrive, how hard, what is searched for, what ends a trial.
//! Must not know how load is made.

use super::FormError;
use super::parse::{list, listed, number, optional, shown, text, whole};
use shared::plan::{Arrival, Curve, Goal, LoadPlan, RampPlan, SearchPlan, TracePlan};

/// The load as texts. What another arrival needs is kept while one is chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadForm {
    pub arrival: Arrival,
    pub concurrency: String,
    pub rate: String,
    pub burstiness: String,
    pub ramp_from: String,
    pub ramp_to: String,
    pub curve: Curve,
    pub trace_file: String,
    pub speed_up: String,
    pub max_in_flight: String,
    /// What is searched for; nothing measures the levels that are named.
    pub goal: Option<Goal>,
    pub search_from: String,
    pub search_to: String,
    pub attainment: String,
    /// True: a trial lasts `duration_s`; false: `requests`.
    pub timed: bool,
    pub requests: String,
    pub requests_per_slot: String,
    pub duration_s: String,
    pub warmup_s: String,
    pub trials: String,
    pub timeout_s: String,
    pub drain_s: String,
}

impl LoadForm {
    /// The form of a load.
    pub fn of(plan: &LoadPlan) -> Self {
        let or = |text: String, otherwise: &str| if text.is_empty() { otherwise.to_owned() } else { text };
        let ramp = plan.ramp.clone().unwrap_or(RampPlan { from_rate: 1.0, to_rate: 8.0, curve: Curve::Linear });
        let trace = plan.trace.clone().unwrap_or(TracePlan { file: String::new(), speed_up: 1.0 });
        let search = plan.search.as_ref();
        Self {
            arrival: plan.arrival,
            concurrency: or(listed(&plan.concurrency), "1, 4, 16"),
            rate: or(listed(&plan.rate), "1, 4"),
            burstiness: or(shown(plan.burstiness), "0.5"),
            ramp_from: ramp.from_rate.to_string(),
            ramp_to: ramp.to_rate.to_string(),
            curve: ramp.curve,
            trace_file: trace.file,
            speed_up: trace.speed_up.to_string(),
            max_in_flight: shown(plan.max_in_flight),
            goal: search.map(|s| s.goal),
            search_from: or(shown(search.map(|s| s.from)), "1"),
            search_to: or(shown(search.map(|s| s.to)), "64"),
            attainment: shown(search.and_then(|s| s.attainment)),
            timed: plan.duration_s.is_some(),
            requests: or(shown(plan.requests), "32"),
            requests_per_slot: shown(plan.requests_per_slot),
            duration_s: or(shown(plan.duration_s), "10"),
            warmup_s: plan.warmup_s.to_string(),
            trials: plan.trials.to_string(),
            timeout_s: plan.timeout_s.to_string(),
            drain_s: plan.drain_s.to_string(),
        }
    }

    /// True where levels are rates.
    pub fn is_by_rate(&self) -> bool {
        matches!(self.arrival, Arrival::Constant | Arrival::Poisson | Arrival::Gamma)
    }

    /// What is searched for, where this arrival can be searched.
    pub fn goal(&self) -> Option<Goal> {
        self.goal.filter(|_| self.arrival == Arrival::Closed || self.is_by_rate())
    }

    /// True where a trial ends by time: chosen, or because the arrival has no other end.
    pub fn is_timed(&self) -> bool {
        self.timed || self.arrival == Arrival::Ramp
    }

    /// The load that the texts amount to, with what this arrival needs and nothing else.
    ///
    /// # Errors
    /// The first text at fault.
    pub fn plan(&self) -> Result<LoadPlan, FormError> {
        let (arrival, goal, by_rate) = (self.arrival, self.goal(), self.is_by_rate());
        let by_count = matches!(arrival, Arrival::Closed | Arrival::Burst);
        let (ramped, traced) = (arrival == Arrival::Ramp, arrival == Arrival::Trace);
        let concurrency = if by_count && goal.is_none() { self.concurrency.as_str() } else { "" };
        let rate = if by_rate && goal.is_none() { self.rate.as_str() } else { "" };
        let max_in_flight = if arrival.is_open() { self.max_in_flight.as_str() } else { "" };
        let requests = if traced || self.is_timed() { "" } else { required("load.requests", &self.requests)? };
        let per_slot = if by_count && !self.is_timed() { self.requests_per_slot.as_str() } else { "" };
        let duration = if self.is_timed() && !traced { required("load.duration_s", &self.duration_s)? } else { "" };
        Ok(LoadPlan {
            arrival,
            concurrency: list("load.concurrency", concurrency)?,
            rate: list("load.rate", rate)?,
            burstiness: match arrival {
                Arrival::Gamma => Some(number("load.burstiness", &self.burstiness)?),
                _ => None,
            },
            ramp: if ramped { Some(self.ramp()?) } else { None },
            trace: if traced { Some(self.trace()?) } else { None },
            max_in_flight: optional("load.max_in_flight", max_in_flight, whole)?,
            search: goal.map(|goal| self.search(goal)).transpose()?,
            requests: optional("load.requests", requests, whole)?,
            requests_per_slot: optional("load.requests_per_slot", per_slot, whole)?,
            duration_s: optional("load.duration_s", duration, number)?,
            // All of a ramp or a trace is the window.
            warmup_s: if ramped || traced { 0.0 } else { number("load.warmup_s", &self.warmup_s)? },
            trials: whole("load.trials", &self.trials)?,
            timeout_s: number("load.timeout_s", &self.timeout_s)?,
            drain_s: number("load.drain_s", &self.drain_s)?,
        })
    }

    fn ramp(&self) -> Result<RampPlan, FormError> {
        Ok(RampPlan {
            from_rate: number("load.ramp.from_rate", &self.ramp_from)?,
            to_rate: number("load.ramp.to_rate", &self.ramp_to)?,
            curve: self.curve,
        })
    }

    fn trace(&self) -> Result<TracePlan, FormError> {
        Ok(TracePlan {
            file: text(required("load.trace.file", &self.trace_file)?).unwrap_or_default(),
            speed_up: number("load.trace.speed_up", &self.speed_up)?,
        })
    }

    fn search(&self, goal: Goal) -> Result<SearchPlan, FormError> {
        let attainment = if goal == Goal::Slo { self.attainment.as_str() } else { "" };
        Ok(SearchPlan {
            goal,
            from: number("load.search.from", &self.search_from)?,
            to: number("load.search.to", &self.search_to)?,
            attainment: optional("load.search.attainment", attainment, number)?,
        })
    }
}

/// The text of a field that must be filled.
fn required<'a>(field: &str, value: &'a str) -> Result<&'a str, FormError> {
    if value.trim().is_empty() {
        let sentence = format!("{field} in the plan is missing: fill it in.");
        return Err(FormError { field: field.to_owned(), sentence });
    }
    Ok(value)
}
