//! Owns what stands beside measured figures: bounds of the hardware, shares reached, and what both are made of.
//! Must not know how anything was measured.

use super::{Lengths, Roofline};
use serde::{Deserialize, Serialize};

/// What a window saw. Absent is what could not be counted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Seen {
    /// Time-weighted mean of requests between their first and their last token.
    pub decoding: Option<f64>,
    /// Time-weighted mean of requests in flight.
    pub in_flight: Option<f64>,
    /// Mean prompt of a request, tokens.
    pub prompt_tokens: Option<f64>,
    /// Mean output of a request, tokens.
    pub output_tokens: Option<f64>,
    /// Time of all decoding requests over the tokens that they got after the first chunk, ms.
    pub ms_per_token: Option<f64>,
    /// Output tokens per second.
    pub output_throughput: Option<f64>,
    /// Mean time to first token, ms.
    pub ttft_ms: Option<f64>,
}

/// What the hardware allows at a point, and how much of it was reached.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Limit {
    /// Least time per output token with the measured batch and context, ms.
    pub tpot_floor_ms: Option<f64>,
    /// That floor over the measured time per token, mean over tokens: 1 is all that the hardware allows.
    pub of_tpot: Option<f64>,
    /// The measured time per token that the share is of, ms: time of all decoding requests over their tokens.
    pub tpot_ms: Option<f64>,
    /// Most output tokens per second with the measured requests in flight and lengths.
    pub throughput_ceiling: Option<f64>,
    /// Measured output throughput over that ceiling.
    pub of_throughput: Option<f64>,
    /// Least time to first token of one prompt alone, ms.
    pub ttft_floor_ms: Option<f64>,
    /// That floor over the mean measured TTFT.
    pub of_ttft: Option<f64>,
    /// Mean of requests between first and last token: the batch of the floor.
    pub decoding: Option<f64>,
    /// Mean of requests in flight: the batch of the ceiling.
    pub in_flight: Option<f64>,
    /// Mean prompt of a request, tokens.
    pub prompt_tokens: Option<f64>,
    /// Mean output of a request, tokens.
    pub output_tokens: Option<f64>,
    /// Tokens of a text on the mean while it is written: prompt and half of the output.
    pub context_tokens: Option<f64>,
    /// True where the engine may have kept what prompts begin with: of a prompt only its last token is sure to be computed,
    /// and one prompt is sure to be read in a step.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub prompts_kept: bool,
    /// Bytes of weights that a decode step reads.
    pub weight_bytes: u64,
    /// GPUs that the bounds are of.
    pub gpus: u32,
    /// Bytes that their memories give in a second, all together.
    pub bytes_per_s: f64,
    /// Operations that they compute in a second, all together.
    pub flops_per_s: f64,
    /// Where those two come from.
    pub origin: Origin,
}

impl Limit {
    /// The bound of a figure by its key, in the figure's unit, and the share of it that was reached. Bounds are of means,
    /// so a percentile has none.
    #[must_use]
    pub fn bound(&self, figure: &str) -> Option<Bound> {
        let (limit, reached) = match figure {
            "output_throughput" => (self.throughput_ceiling, self.of_throughput),
            "ttft.mean" => (self.ttft_floor_ms, self.of_ttft),
            "tpot.mean" => (self.tpot_floor_ms, self.of_tpot),
            _ => (None, None),
        };
        Some(Bound { limit: limit?, reached: reached? })
    }
}

/// A figure's bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bound {
    /// What the hardware allows, in the figure's unit.
    pub limit: f64,
    /// Share of it that was reached, 0 to 1.
    pub reached: f64,
}

/// Where the bounds of a GPU come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Its driver's highest clocks, bus width and cores.
    #[default]
    Driver,
    /// Something that this version does not know.
    #[serde(other)]
    Unknown,
}

impl Roofline {
    /// The bounds at what a window saw.
    ///
    /// The floor takes the requests that were decoding, for those that wait for their first token are in no step: with
    /// g(b) = b / floor(b), which grows and bends down, tokens ≤ ∫ g(decoding) dt ≤ window × g(mean decoding),
    /// whatever the engine did with them. The ceiling takes all that were in flight, more of which would only raise
    /// it.
    #[must_use]
    pub fn limit(&self, seen: &Seen) -> Limit {
        let text =
            Option::zip(seen.prompt_tokens, seen.output_tokens).map(|(prompt, output)| Lengths { prompt, output });
        // A step is at least one request's, even where there was none for some of the time.
        let floor_s = Option::zip(seen.decoding.filter(|n| *n > 0.0), text)
            .and_then(|(decoding, text)| self.step_floor_s(decoding.max(1.0), text));
        let tpot_floor_ms = floor_s.map(|s| s * 1e3).filter(|_| seen.ms_per_token.is_some());
        let ceiling = Option::zip(seen.in_flight, text)
            .and_then(|(in_flight, text)| self.throughput_ceiling(in_flight.max(1.0), text));
        let throughput_ceiling = ceiling.filter(|ceiling| ceiling.is_finite());
        let ttft_floor_ms = seen.prompt_tokens.map(|prompt| self.first_token_floor_s(prompt) * 1e3);
        let share = |part: Option<f64>, whole: Option<f64>| {
            let (part, whole) = Option::zip(part, whole)?;
            (whole > 0.0).then(|| part / whole)
        };
        Limit {
            tpot_floor_ms,
            of_tpot: share(tpot_floor_ms, seen.ms_per_token),
            tpot_ms: seen.ms_per_token,
            throughput_ceiling,
            of_throughput: share(seen.output_throughput, throughput_ceiling),
            ttft_floor_ms,
            of_ttft: share(ttft_floor_ms, seen.ttft_ms),
            decoding: seen.decoding,
            in_flight: seen.in_flight,
            prompt_tokens: seen.prompt_tokens,
            output_tokens: seen.output_tokens,
            context_tokens: text.map(Lengths::context),
            prompts_kept: self.keeps_prompts,
            weight_bytes: self.weight_bytes,
            gpus: self.gpus,
            bytes_per_s: self.bytes_per_s,
            flops_per_s: self.flops_per_s,
            origin: Origin::Driver,
        }
    }
}
