//! Owns the verdict, the findings behind it, and the caveats a number wears.
//! Must not know the records that the rules look at.

use crate::ids::PointIndex;
use serde::{Deserialize, Serialize};

/// What the rules say of a run. There is no "valid" yet: five rules cannot promise it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// No rule objected; nothing more is claimed.
    NotJudged,
    /// At least one rule doubts a number.
    Doubtful,
    /// At least one rule says that the numbers do not mean what they seem to.
    Invalid,
}

impl Verdict {
    /// The words that pages and tables show.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Verdict::NotJudged => "not judged",
            Verdict::Doubtful => "doubtful",
            Verdict::Invalid => "invalid",
        }
    }
}

/// One rule's objection to one point of a run, with the figures that it saw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The point it is about.
    pub point: PointIndex,
    /// What was found.
    pub rule: Rule,
}

/// The rules, each with what it measured. Fields are only ever added.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The client handed requests over late or read late.
    ClientLate {
        /// 99th percentile of the client's lateness, ms.
        p99_ms: f64,
        /// The limit that it passed, ms.
        limit_ms: f64,
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
    },
    /// The load level was never reached.
    ConcurrencyNotReached {
        /// Highest number of requests in flight.
        reached: u32,
        /// The level asked for.
        target: u32,
    },
    /// Too few samples for the percentile shown.
    TooFewSamples {
        /// Samples there are.
        n: u64,
        /// Samples that a 99th percentile needs.
        needed: u64,
    },
}

impl Rule {
    /// How grave the finding is.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self {
            // One request in a hundred is where a p99 begins to be made of failures.
            Rule::Failures { failed, attempted } if failed * 100 > *attempted => Verdict::Invalid,
            Rule::ConcurrencyNotReached { .. } => Verdict::Invalid,
            Rule::ClientLate { p99_ms, limit_ms } if *p99_ms > 5.0 * limit_ms => Verdict::Invalid,
            _ => Verdict::Doubtful,
        }
    }

    /// One sentence: what was found and what to do.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Rule::ClientLate { p99_ms, limit_ms } => format!(
                "The client itself was late by {p99_ms:.1} ms at the 99th percentile (limit {limit_ms:.1} ms), so latencies \
                 are too long: give it a core of its own or run it on another host."
            ),
            Rule::Failures { failed, attempted } => format!(
                "{failed} of {attempted} requests failed; latencies describe only the others. Look at the outcomes and at \
                 the engine's log."
            ),
            Rule::ShortOutput { short, ok } => format!(
                "{short} of {ok} outputs were shorter than asked for, so the work was not equal: compare per token only, or \
                 raise the context limit."
            ),
            Rule::ConcurrencyNotReached { reached, target } => format!(
                "At most {reached} requests were in flight, never the {target} asked for: ask for more requests or a longer \
                 time."
            ),
            Rule::TooFewSamples { n, needed } => {
                format!("{n} samples cannot carry a 99th percentile, which needs {needed}: ask for more requests.")
            }
        }
    }

    /// A short name for tables.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Rule::ClientLate { .. } => "client late",
            Rule::Failures { .. } => "failures",
            Rule::ShortOutput { .. } => "short output",
            Rule::ConcurrencyNotReached { .. } => "concurrency never reached",
            Rule::TooFewSamples { .. } => "too few samples",
        }
    }
}

/// The verdict of a set of findings: the gravest of them.
#[must_use]
pub fn verdict_of(findings: &[Finding]) -> Verdict {
    findings.iter().map(|f| f.rule.verdict()).max().unwrap_or(Verdict::NotJudged)
}

/// What a reader must know beside a run's numbers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Caveat {
    /// The engine is the built-in one.
    RandomWeightsOnCpu,
    /// Engine and client share the cores of one machine.
    SharedCores,
    /// The engine cannot be made to produce a given length.
    LengthNotForced,
    /// Prompt lengths are planned in words, since the engine was given text.
    PromptLengthApproximate,
    /// The server reported no token counts; output tokens are unknown.
    TokenCountUnknown,
    /// Token counts per chunk are unknown; chunks are credited their share.
    ChunkCountsEstimated,
    /// The server's own token counts contradict each other.
    TokenCountsDoubtful,
    /// The saturated part held under 80 % of the requests, so the rates are over the whole span.
    WholeSpan,
    /// No price is known, so there is no cost.
    PriceUnknown,
}

impl Caveat {
    /// One sentence for the page.
    #[must_use]
    pub fn sentence(&self) -> &'static str {
        match self {
            Caveat::RandomWeightsOnCpu => {
                "Built-in engine: random weights on the CPU; its text and its speed mean nothing."
            }
            Caveat::SharedCores => "The engine shares this machine's cores with the client.",
            Caveat::LengthNotForced => "This engine cannot be made to produce a given length; compare per token.",
            Caveat::PromptLengthApproximate => {
                "Prompt lengths are planned in words; the server's own count is used where it reports one."
            }
            Caveat::TokenCountUnknown => "The server reported no token counts; figures per token are absent.",
            Caveat::ChunkCountsEstimated => {
                "The server does not say how many tokens a chunk holds; each chunk is credited its share."
            }
            Caveat::TokenCountsDoubtful => {
                "The server's own token counts contradict each other in some answers; its totals are used as they are."
            }
            Caveat::WholeSpan => {
                "The saturated part held under 80 % of the requests, so rates are over the whole span, ramp included."
            }
            Caveat::PriceUnknown => "No GPU price is known, so no cost is shown.",
        }
    }
}
