//! Owns the folded fields: limits, reuse on purpose, and what is rarely changed.
//! Must not know what makes a plan valid.

use super::fields::{Fields, about};
use crate::erased::kept;
use crate::model::form::Source;
use leptos::prelude::*;
use shared::plan::{Arrival, Goal};

/// Limits that goodput is judged by; open where a search needs them.
pub fn limits(f: Fields) -> AnyView {
    let form = f.form;
    let needed = kept(move || form.with(|f| f.load.goal() == Some(Goal::Slo)));
    view! {
        <details prop:open=move || needed.get() || form.with_untracked(|f| !f.slo_ttft_ms.is_empty())>
            <summary>"Limits"</summary>
            <fieldset>
                {f.text(
                    about("Time to first token", "slo.ttft_ms", "ms, default none", "From due where requests have times of their own, from sent else."),
                    |f| &f.slo_ttft_ms, |f| &mut f.slo_ttft_ms,
                )}
                {f.text(
                    about("Time per output token", "slo.tpot_ms", "ms, default none", "Goodput counts the requests that keep every limit."),
                    |f| &f.slo_tpot_ms, |f| &mut f.slo_tpot_ms,
                )}
                {f.text(
                    about("Whole answer", "slo.e2e_ms", "ms, default none", "From the first byte sent to the last output."),
                    |f| &f.slo_e2e_ms, |f| &mut f.slo_e2e_ms,
                )}
            </fieldset>
        </details>
    }
    .into_any()
}

/// Shared prefixes and sessions, where the workload can have them.
pub fn reuse(f: Fields) -> AnyView {
    let fields = |f: Fields, (source, traced): &(Source, bool)| {
        if *traced || *source == Source::Shipped {
            return ().into_any();
        }
        let prefix = (*source == Source::Synthetic).then(|| {
            view! {
                {f.switch(
                    about("Shared prefix", "workload.prefix", "default off", "Groups of prompts begin with the same tokens, so that a prefix cache helps."),
                    |f| f.work.prefixed, |f, on| f.work.prefixed = on,
                )}
                {f.by(|f| f.work.prefixed, |f, on| if *on { prefix(f) } else { ().into_any() })}
            }
            .into_any()
        });
        view! {
            <details>
                <summary>"Reuse on purpose"</summary>
                <fieldset>
                    {prefix}
                    {f.switch(
                        about("Sessions", "workload.sessions", "default off", "Conversations: each turn's prompt holds the turns before it."),
                        |f| f.work.in_sessions, |f, on| f.work.in_sessions = on,
                    )}
                    {f.by(|f| f.work.in_sessions, |f, on| if *on { sessions(f) } else { ().into_any() })}
                </fieldset>
            </details>
        }
        .into_any()
    };
    f.by(|f| (f.work.source, f.load.arrival == Arrival::Trace), fields)
}

fn prefix(f: Fields) -> AnyView {
    view! {
        {f.text(
            about("Groups", "workload.prefix.groups", "count, default 4", "Requests take them in turn."),
            |f| &f.work.prefix_groups, |f| &mut f.work.prefix_groups,
        )}
        {f.text(
            about("Prefix", "workload.prefix.tokens", "tokens, default 512", "Comes before the input of each prompt."),
            |f| &f.work.prefix_tokens, |f| &mut f.work.prefix_tokens,
        )}
    }
    .into_any()
}

fn sessions(f: Fields) -> AnyView {
    view! {
        {f.text(
            about("Turns", "workload.sessions.turns", "count, default 4", "Turns of a conversation, or most that are taken of one from a file."),
            |f| &f.work.turns, |f| &mut f.work.turns,
        )}
        {f.text(
            about("Think time", "workload.sessions.think_s", "s, default 0", "Pause between an answer's end and the next turn."),
            |f| &f.work.think_s, |f| &mut f.work.think_s,
        )}
    }
    .into_any()
}

/// What is rarely changed.
pub fn advanced(f: Fields) -> AnyView {
    view! {
        <details>
            <summary>"Advanced"</summary>
            <fieldset>
                {f.by(|f| f.load.arrival, |f, arrival| by_arrival(f, *arrival))}
                {f.text(
                    about("Trials", "load.trials", "count, default 1", "Repeats of each point; intervals need at least 3."),
                    |f| &f.load.trials, |f| &mut f.load.trials,
                )}
                {f.text(
                    about("Time limit", "load.timeout_s", "s, default 300", "A request that takes longer is counted as timed out."),
                    |f| &f.load.timeout_s, |f| &mut f.load.timeout_s,
                )}
                {f.text(
                    about("Drain limit", "load.drain_s", "s, default 60", "How long the last requests may take to end after the window."),
                    |f| &f.load.drain_s, |f| &mut f.load.drain_s,
                )}
                {f.text(
                    about("GPU price", "cost.usd_per_gpu_hour", "USD per GPU-hour, default by the agent's prices", "Cost per million tokens is shown only with a price; Settings has those that the agent knows."),
                    |f| &f.price, |f| &mut f.price,
                )}
                {f.text(
                    about("Reads of the machine", "telemetry.rate_hz", "per second, default 1", "How often GPUs, host and the engine's metrics are read, 0.1 to 20."),
                    |f| &f.rate_hz, |f| &mut f.rate_hz,
                )}
                {f.text(
                    about("Seed", "workload.seed", "default 0", "The same seed makes the same prompts at the same times in the same order."),
                    |f| &f.work.seed, |f| &mut f.work.seed,
                )}
                {f.switch(
                    about("Equal work", "workload.ignore_eos", "default on", "The engine goes on past its end-of-sequence token, so that every output is as long as asked."),
                    |f| f.work.ignore_eos, |f, on| f.work.ignore_eos = on,
                )}
                {f.switch(
                    about("Nonce", "workload.nonce", "default on", "Each prompt begins differently, so that no prefix cache helps."),
                    |f| f.work.nonce, |f, on| f.work.nonce = on,
                )}
            </fieldset>
        </details>
    }
    .into_any()
}

fn by_arrival(f: Fields, arrival: Arrival) -> AnyView {
    let warmup = (!matches!(arrival, Arrival::Ramp | Arrival::Trace)).then(|| {
        f.text(
            about(
                "Warm-up",
                "load.warmup_s",
                "s, default 0",
                "Load before the window opens; its requests do not count.",
            ),
            |f| &f.load.warmup_s,
            |f| &mut f.load.warmup_s,
        )
    });
    let most = arrival.is_open().then(|| {
        f.text(
            about(
                "Most in flight",
                "load.max_in_flight",
                "requests, default unlimited",
                "What is due beyond that waits, and its wait is counted.",
            ),
            |f| &f.load.max_in_flight,
            |f| &mut f.load.max_in_flight,
        )
    });
    view! { {warmup}{most} }.into_any()
}
