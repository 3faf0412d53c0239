//! Owns the fields of the load: arrival first, then only what that arrival needs.
//! Must not know how load is made.

use super::fields::{Fields, about, key_of, value_of};
use crate::model::form::Form;
use leptos::prelude::*;
use shared::plan::{Arrival, Curve, Goal};

const ARRIVALS: [(&str, Arrival); 7] = [
    ("closed", Arrival::Closed),
    ("burst", Arrival::Burst),
    ("constant", Arrival::Constant),
    ("poisson", Arrival::Poisson),
    ("gamma", Arrival::Gamma),
    ("ramp", Arrival::Ramp),
    ("trace", Arrival::Trace),
];
const ARRIVAL_WORDS: [(&str, &str); 7] = [
    ("closed", "Closed loop: so many in flight"),
    ("burst", "Bursts: so many at once, then the next"),
    ("constant", "Constant rate"),
    ("poisson", "Poisson: random, as of many users"),
    ("gamma", "Gamma: random, more or less bursty"),
    ("ramp", "Ramp: a rate that grows or falls"),
    ("trace", "Trace: a recording played again"),
];
const GOALS: [(&str, Option<Goal>); 3] =
    [("off", None), ("saturation", Some(Goal::Saturation)), ("slo", Some(Goal::Slo))];
const GOAL_WORDS: [(&str, &str); 3] = [
    ("off", "No: measure the levels that I name"),
    ("saturation", "Where the engine saturates"),
    ("slo", "The highest load within limits"),
];
const CURVES: [(&str, Curve); 2] = [("linear", Curve::Linear), ("exponential", Curve::Exponential)];
const CURVE_WORDS: [(&str, &str); 2] =
    [("linear", "the same step each second"), ("exponential", "the same factor each second")];
const ENDS: [(&str, bool); 2] = [("requests", false), ("duration", true)];
const END_WORDS: [(&str, &str); 2] = [("requests", "after a number of requests"), ("duration", "after a time")];

/// Arrival, level, search, and what ends a trial.
pub fn section(f: Fields) -> AnyView {
    view! {
        <fieldset>
            <legend>"Load"</legend>
            {f.choice(
                about("Requests arrive", "load.arrival", "default closed loop", "In a closed loop a new request waits for an old one to end; else each is due at a time of its own, as users are."),
                &ARRIVAL_WORDS,
                |f| key_of(&ARRIVALS, &f.load.arrival),
                |f, key| f.load.arrival = value_of(&ARRIVALS, key).unwrap_or(f.load.arrival),
            )}
            {f.by(|f| (f.load.arrival, f.load.goal()), |f, (arrival, goal)| levels(f, *arrival, *goal))}
            {f.by(|f| (f.load.arrival, f.load.is_timed()), |f, (arrival, timed)| end(f, *arrival, *timed))}
        </fieldset>
    }
    .into_any()
}

fn levels(f: Fields, arrival: Arrival, goal: Option<Goal>) -> AnyView {
    let level = match (arrival, goal) {
        (Arrival::Ramp, _) => ramp(f),
        (Arrival::Trace, _) => trace(f),
        (_, Some(goal)) => search(f, goal),
        (Arrival::Closed, None) => f.text(
            about(
                "Concurrency",
                "load.concurrency",
                "requests in flight",
                "One point for each number; a new request begins when one ends.",
            ),
            concurrency,
            concurrency_mut,
        ),
        (Arrival::Burst, None) => f.text(
            about(
                "Burst",
                "load.concurrency",
                "requests at once",
                "One point for each number; the next burst comes when all have ended.",
            ),
            concurrency,
            concurrency_mut,
        ),
        _ => f.text(
            about("Rate", "load.rate", "requests/s", "One point for each number, whatever the engine can take."),
            |f| &f.load.rate,
            |f| &mut f.load.rate,
        ),
    };
    let burstiness = (arrival == Arrival::Gamma).then(|| {
        f.text(
            about(
                "Burstiness",
                "load.burstiness",
                "shape, default 0.5",
                "1 is Poisson; below 1 requests bunch, above 1 they are more even.",
            ),
            |f| &f.load.burstiness,
            |f| &mut f.load.burstiness,
        )
    });
    let searched = matches!(arrival, Arrival::Closed | Arrival::Constant | Arrival::Poisson | Arrival::Gamma);
    let goals = searched.then(|| {
        f.choice(
            about(
                "Find the level for me",
                "load.search.goal",
                "default no",
                "A search chooses each level by what the one before it showed.",
            ),
            &GOAL_WORDS,
            |f| key_of(&GOALS, &f.load.goal),
            |f, key| f.load.goal = value_of(&GOALS, key).flatten(),
        )
    });
    view! { {level}{burstiness}{goals} }.into_any()
}

fn concurrency(form: &Form) -> &String {
    &form.load.concurrency
}

fn concurrency_mut(form: &mut Form) -> &mut String {
    &mut form.load.concurrency
}

fn search(f: Fields, goal: Goal) -> AnyView {
    let attainment = (goal == Goal::Slo).then(|| {
        f.text(
            about(
                "Attainment",
                "load.search.attainment",
                "share 0 to 1, default 0.99",
                "Share of requests that must keep the limits below.",
            ),
            |f| &f.load.attainment,
            |f| &mut f.load.attainment,
        )
    });
    view! {
        {f.text(
            about("Search from", "load.search.from", "in flight or requests/s, default 1", "The first level that is measured."),
            |f| &f.load.search_from, |f| &mut f.load.search_from,
        )}
        {f.text(
            about("Search to", "load.search.to", "in flight or requests/s, default 64", "No level above this is tried."),
            |f| &f.load.search_to, |f| &mut f.load.search_to,
        )}
        {attainment}
    }
    .into_any()
}

fn ramp(f: Fields) -> AnyView {
    view! {
        {f.text(
            about("From", "load.ramp.from_rate", "requests/s, default 1", "Rate at the start of the trial."),
            |f| &f.load.ramp_from, |f| &mut f.load.ramp_from,
        )}
        {f.text(
            about("To", "load.ramp.to_rate", "requests/s, default 8", "Rate at its end."),
            |f| &f.load.ramp_to, |f| &mut f.load.ramp_to,
        )}
        {f.choice(
            about("Curve", "load.ramp.curve", "default linear", "How it goes from one to the other."),
            &CURVE_WORDS,
            |f| key_of(&CURVES, &f.load.curve),
            |f, key| f.load.curve = value_of(&CURVES, key).unwrap_or(f.load.curve),
        )}
    }
    .into_any()
}

fn trace(f: Fields) -> AnyView {
    view! {
        {f.text(
            about("Trace", "load.trace.file", "path on the agent's host", "JSONL with timestamp (ms), input_length and output_length a line; lengths and prompts come from it."),
            |f| &f.load.trace_file, |f| &mut f.load.trace_file,
        )}
        {f.text(
            about("Speed-up", "load.trace.speed_up", "times, default 1", "2 plays it in half the time, so at twice the rate."),
            |f| &f.load.speed_up, |f| &mut f.load.speed_up,
        )}
    }
    .into_any()
}

/// What ends a trial; a ramp ends by time alone, a trace with its last line.
fn end(f: Fields, arrival: Arrival, timed: bool) -> AnyView {
    if arrival == Arrival::Trace {
        return ().into_any();
    }
    let by = (arrival != Arrival::Ramp).then(|| {
        f.choice(
            about(
                "A trial ends",
                "load",
                "default after requests",
                "By count every point does the same work; by time every point takes as long.",
            ),
            &END_WORDS,
            |f| key_of(&ENDS, &f.load.timed),
            |f, key| f.load.timed = key == "duration",
        )
    });
    let amount = if timed {
        f.text(
            about("Duration", "load.duration_s", "s, default 10", "Length of a trial's window."),
            |f| &f.load.duration_s,
            |f| &mut f.load.duration_s,
        )
    } else {
        f.text(
            about(
                "Requests",
                "load.requests",
                "count, default 32",
                "Requests of a trial's window; a p99 needs at least 100.",
            ),
            |f| &f.load.requests,
            |f| &mut f.load.requests,
        )
    };
    let per_slot = (!timed && matches!(arrival, Arrival::Closed | Arrival::Burst)).then(|| {
        f.text(
            about(
                "Requests a slot",
                "load.requests_per_slot",
                "count, default none",
                "At n in flight a trial has this many times n requests at least, so that every level is really reached.",
            ),
            |f| &f.load.requests_per_slot,
            |f| &mut f.load.requests_per_slot,
        )
    });
    view! { {by}{amount}{per_slot} }.into_any()
}
