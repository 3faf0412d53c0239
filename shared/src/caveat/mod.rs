//! Owns the verdict, the findings behind it, and the caveats a number wears.
//! Must not know the records that the rules look at.

mod rule;
pub mod thresholds;

pub use rule::Rule;

use crate::ids::PointIndex;
use serde::{Deserialize, Serialize};

/// What the rules say of a point or a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The rules did not look at all of it: it never got that far.
    NotJudged,
    /// Every rule looked and none objected.
    Valid,
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
            Verdict::Valid => "valid",
            Verdict::Doubtful => "doubtful",
            Verdict::Invalid => "invalid",
        }
    }

    /// Its shape, which says without a colour how grave it is.
    #[must_use]
    pub fn shape(self) -> &'static str {
        match self {
            Verdict::NotJudged => "○",
            Verdict::Valid => "✓",
            Verdict::Doubtful => "△",
            Verdict::Invalid => "✕",
        }
    }
}

/// One rule's objection to one point of a run, with the figures that it saw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Finding {
    /// The point it is about.
    pub point: PointIndex,
    /// What was found.
    pub rule: Rule,
}

/// The verdict on what was judged: the gravest of the findings, valid without any.
#[must_use]
pub fn verdict_of<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Verdict {
    findings.into_iter().map(|f| f.rule.verdict()).max().unwrap_or(Verdict::Valid)
}

/// What a reader must know beside a run's numbers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
    /// A price is known, but not for how many GPUs.
    GpusUnknown,
    /// The engine is no longer maintained.
    EndOfLife,
    /// Each engine configuration was started once.
    OneStartEach,
    /// The engine failed in some of the plan's configurations.
    ConfigurationFailed,
    /// A device's memory was not back when an engine was gone.
    DeviceMemoryHeld,
    /// The run ended in the middle and went on later.
    Resumed,
    /// A GPU stopped answering while it was measured.
    GpuLost,
    /// Another tool measured it, by definitions of its own.
    OthersDefinitions,
    /// There are figures of trials and no records of requests.
    SummariesOnly,
    /// Rates are over the whole wall time of a trial.
    WholeTime,
    /// Nobody wrote down what a prefix cache served.
    CacheHitsUnknown,
    /// Nobody wrote down how many tokens were asked for.
    LengthAskedUnknown,
    /// Prompts, and outputs, seem to be of one length.
    LengthsAlike,
    /// Trials differ in their output per request.
    OutputsUnequal,
    /// The engine's KV cache was full.
    KvCacheFull,
    /// The time zone of its times is unknown.
    TimeZoneUnknown,
    /// Nobody wrote down when it was measured.
    TimesUnknown,
    /// Another run was measured on other GPUs of the host meanwhile.
    BesideAnotherRun,
    /// Somebody else's process was on a GPU when the engine was started there.
    GpuShared,
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
            Caveat::PriceUnknown => {
                "No price of the engine's GPUs is known, so no cost is shown: give one in the plan's [cost], or to the agent."
            }
            Caveat::GpusUnknown => {
                "A price is known but not how many GPUs the engine uses (engine.gpus), so no cost is shown."
            }
            Caveat::EndOfLife => {
                "This engine is no longer maintained: its last release is pinned, and what came later may not run on it."
            }
            Caveat::OneStartEach => {
                "Each engine configuration was started once, so how much one start differs from another is unknown."
            }
            Caveat::ConfigurationFailed => {
                "The engine failed in some of the plan's configurations, so their points are missing."
            }
            Caveat::GpuLost => {
                "A GPU stopped answering in the middle of the run: what it would have said since is unknown."
            }
            Caveat::OthersDefinitions => {
                "Another tool measured this run; its source lists the figures that follow other definitions than ours."
            }
            Caveat::SummariesOnly => {
                "There are figures of trials but no records of requests, so percentiles over several trials and \
                 distributions are unknown."
            }
            Caveat::WholeTime => {
                "Rates are over the whole wall time of a trial, ramp and drain included: with few requests they are lower \
                 than what the engine sustains."
            }
            Caveat::CacheHitsUnknown => {
                "Nobody wrote down what a prefix cache served: where prompts repeat, or caches were warm, prefill was less \
                 work than it seems."
            }
            Caveat::LengthAskedUnknown => {
                "Nobody wrote down how many tokens were asked for: outputs may have ended early, so compare per token."
            }
            Caveat::LengthsAlike => {
                "Every prompt, and every output, seems to be of one length: one prompt may have been repeated, which a prefix \
                 cache serves."
            }
            Caveat::OutputsUnequal => {
                "Trials differ in their output tokens per request, so the work was not equal: compare per token."
            }
            Caveat::KvCacheFull => {
                "The engine's KV cache was full at times: requests waited for room in it, or lost what they had."
            }
            Caveat::TimeZoneUnknown => "Times are as the measuring host's clock showed them; its time zone is unknown.",
            Caveat::TimesUnknown => {
                "Nobody wrote down when this was measured: its time axis shows order and lengths only."
            }
            Caveat::BesideAnotherRun => {
                "Another run was measured on other GPUs of this host meanwhile: they shared its cores, its memory and the \
                 load generator's machine."
            }
            Caveat::GpuShared => {
                "A process that this agent did not start was on a GPU when the engine was started there: it may have taken \
                 time and memory."
            }
            Caveat::DeviceMemoryHeld => {
                "A GPU's memory was not back when an engine was gone, so what came after had less; its log says how much."
            }
            Caveat::Resumed => {
                "The run ended in the middle and went on later: its points were measured in different lives of engine and \
                 agent."
            }
        }
    }
}
