//! Owns the rules: what each measured, how grave it is, and the sentence that says what to do.
//! Must not know when a rule applies (the agent's `record` does that).

use super::Verdict;
use super::thresholds::{CACHE_HITS_INVALID, CLIENT_LATE_INVALID, FAILED_INVALID, RATE_KEPT_INVALID};
use serde::{Deserialize, Serialize};

/// The rules, each with what it measured. Fields are only ever added.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The client sent requests late.
    ClientLate {
        /// 99th percentile of its lateness, ms.
        p99_ms: f64,
        /// The limit that it passed, ms.
        limit_ms: f64,
    },
    /// The client read late: its loop's turns came late.
    ClientLagging {
        /// 99th percentile of its lateness, ms.
        p99_ms: f64,
        /// The limit that it passed, ms.
        limit_ms: f64,
    },
    /// The load generator's thread had hardly a pause.
    ClientBusy {
        /// CPU time over wall time, 0 to 1.
        busy: f64,
    },
    /// Requests did not go out at the rate that they became due at.
    OfferedRateMissed {
        /// Requests due per second.
        offered: f64,
        /// Requests of those that were sent, per second.
        sent: f64,
    },
    /// Requests became due and were never sent.
    Unsent {
        /// How many.
        unsent: u64,
        /// Of how many.
        attempted: u64,
    },
    /// The load level was never reached.
    ConcurrencyNotReached {
        /// Highest number of requests in flight.
        reached: u32,
        /// The level asked for.
        target: u32,
        /// Requests of a trial, where those are too few to reach it.
        #[serde(default)]
        requests: Option<u32>,
    },
    /// Connections were refused, or not opened in time, while others were.
    ConnectionsRefused {
        /// Requests that got none.
        refused: u64,
        /// Of how many.
        attempted: u64,
    },
    /// Requests failed.
    Failures {
        /// How many.
        failed: u64,
        /// Of how many.
        attempted: u64,
    },
    /// Outputs were shorter than asked for.
    ShortOutput {
        /// How many requests were short.
        short: u64,
        /// Of how many that ended well.
        ok: u64,
        /// The engine's context limit, tokens, where prompt and output filled it.
        #[serde(default)]
        context: Option<u32>,
    },
    /// The engine's prefix cache helped although the plan gives it nothing to reuse.
    UnaskedCacheHits {
        /// Prompt tokens that were found in it.
        hits: u64,
        /// Prompt tokens that were looked up.
        queries: u64,
    },
    /// Latency still moved while it was measured.
    WarmUpNotSettled {
        /// Change of TTFT over the window, as a share of its median.
        drift: f64,
        /// Probability of as clear a trend by chance.
        p: f64,
    },
    /// Too few samples for the percentile shown.
    TooFewSamples {
        /// Samples there are.
        n: u64,
        /// Samples that a 99th percentile needs.
        needed: u64,
    },
    /// Samples hang together so much that they are too few for the percentile shown.
    SamplesDependent {
        /// Independent samples that would say as much.
        effective_n: u64,
        /// Samples that a 99th percentile needs.
        needed: u64,
    },
}

impl Rule {
    /// How grave the finding is. What the client did to the numbers is doubtful at least; a load that was not the
    /// plan's, or a result that failures are a part of, is invalid.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let share = |part: u64, of: u64| part as f64 > FAILED_INVALID * of as f64 || of == 0;
        let invalid = match self {
            Rule::ConcurrencyNotReached { .. } => true,
            Rule::ClientLate { p99_ms, limit_ms } | Rule::ClientLagging { p99_ms, limit_ms } => {
                *p99_ms > CLIENT_LATE_INVALID * limit_ms
            }
            Rule::OfferedRateMissed { offered, sent } => *sent < RATE_KEPT_INVALID * offered,
            Rule::Failures { failed: part, attempted } | Rule::Unsent { unsent: part, attempted } => {
                share(*part, *attempted)
            }
            Rule::UnaskedCacheHits { hits, queries } => *hits as f64 > CACHE_HITS_INVALID * *queries as f64,
            _ => false,
        };
        if invalid { Verdict::Invalid } else { Verdict::Doubtful }
    }

    /// One sentence: what was found and what to do.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Rule::ClientLate { p99_ms, limit_ms } => format!(
                "The client sent requests late by {p99_ms:.1} ms at the 99th percentile (limit {limit_ms:.1} ms), so the \
                 load was not the one asked for: give it a core of its own or run it on another host."
            ),
            Rule::ClientLagging { p99_ms, limit_ms } => format!(
                "The client read late by {p99_ms:.1} ms at the 99th percentile (limit {limit_ms:.1} ms), so latencies are \
                 too long: give it a core of its own or run it on another host."
            ),
            Rule::ClientBusy { busy } => format!(
                "The load generator's thread worked {:.0} % of the time, so the client may be the limit and not the \
                 engine: ask for less at once, or use a faster core.",
                busy * 100.0
            ),
            Rule::OfferedRateMissed { offered, sent } => format!(
                "{offered:.4} requests per second became due and {sent:.4} were sent, so the engine saw another load: \
                 raise load.max_in_flight, or lower the rate."
            ),
            Rule::Unsent { unsent, attempted } => format!(
                "{unsent} of {attempted} requests became due and were never sent, and count as misses: lower the rate, \
                 raise load.max_in_flight, or allow a longer drain."
            ),
            Rule::ConcurrencyNotReached { target, requests: Some(requests), .. } => {
                format!("{requests} requests cannot make {target} in flight: ask for more requests, or a lower level.")
            }
            Rule::ConcurrencyNotReached { reached, target, requests: None } => format!(
                "At most {reached} requests were in flight, never the {target} asked for: ask for more requests or a longer \
                 time."
            ),
            Rule::ConnectionsRefused { refused, attempted } => format!(
                "{refused} of {attempted} requests got no connection while others did: raise the connection limits of the \
                 engine, a proxy before it, or this host."
            ),
            Rule::Failures { failed, attempted } => format!(
                "{failed} of {attempted} requests failed; latencies describe only the others. Look at the outcomes and at \
                 the engine's log."
            ),
            Rule::ShortOutput { short, ok, context: Some(context) } => format!(
                "{short} of {ok} outputs were shorter than asked for, and prompt and output filled the context of \
                 {context} tokens: ask for shorter prompts or outputs, or raise the context limit."
            ),
            Rule::ShortOutput { short, ok, context: None } => format!(
                "{short} of {ok} outputs were shorter than asked for, so the work was not equal: compare per token only, or \
                 make the engine go on past its end-of-sequence token."
            ),
            Rule::UnaskedCacheHits { hits, queries } => format!(
                "The engine's prefix cache held {hits} of {queries} prompt tokens although the plan shares none, so \
                 prefill was too fast: switch the cache off, or begin with an empty one."
            ),
            Rule::WarmUpNotSettled { drift, p } => format!(
                "TTFT changed by {:+.0} % of its median over the window (Mann-Kendall p = {p:.0e}): warm up for longer, \
                 or ask for less where the queue only grows.",
                drift * 100.0
            ),
            Rule::TooFewSamples { n, needed } => {
                format!("{n} samples cannot carry a 99th percentile, which needs {needed}: ask for more requests.")
            }
            Rule::SamplesDependent { effective_n, needed } => format!(
                "The samples hang together and say as much as {effective_n} independent ones, but a 99th percentile needs \
                 {needed}: measure for longer."
            ),
        }
    }

    /// A short name for tables.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Rule::ClientLate { .. } => "client late",
            Rule::ClientLagging { .. } => "client lagging",
            Rule::ClientBusy { .. } => "client busy",
            Rule::OfferedRateMissed { .. } => "rate missed",
            Rule::Unsent { .. } => "unsent",
            Rule::ConcurrencyNotReached { .. } => "concurrency never reached",
            Rule::ConnectionsRefused { .. } => "connections refused",
            Rule::Failures { .. } => "failures",
            Rule::ShortOutput { context: Some(_), .. } => "short output: context",
            Rule::ShortOutput { context: None, .. } => "short output",
            Rule::UnaskedCacheHits { .. } => "unasked cache hits",
            Rule::WarmUpNotSettled { .. } => "not settled",
            Rule::TooFewSamples { .. } => "too few samples",
            Rule::SamplesDependent { .. } => "dependent samples",
        }
    }
}
