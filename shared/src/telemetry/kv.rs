//! Owns what an engine's KV cache came to during a trial: how full it was, what that stands for, when it was full.
//! Must not know how any of it is read or computed. What is unknown is absent and never zero.

use crate::engine::{Capacity, EngineInfo, ModelShape};
use crate::units::finite;
use serde::{Deserialize, Serialize};

/// An engine's KV cache over the window of a trial, or over those of a point's trials.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KvFigures {
    /// How much it can hold.
    #[serde(default)]
    pub capacity: KvCapacity,
    /// The fullest moment that was read.
    #[serde(default)]
    pub peak: Option<KvPeak>,
    /// Requests whose memory the engine took away to go on with others; of several trials the sum.
    #[serde(default)]
    pub preemptions: Option<u64>,
    /// Most requests that the engine worked on at once.
    #[serde(default)]
    pub running_most: Option<u64>,
    /// Most requests that waited in the engine at once.
    #[serde(default)]
    pub waiting_most: Option<u64>,
    /// How many requests fill it, by what was seen; absent where the engine does not tell how full it is.
    #[serde(default)]
    pub fill: Option<KvFill>,
    /// The same by arithmetic.
    #[serde(default)]
    pub predicted: Option<KvPrediction>,
    /// What the engine's GPUs held above what they held when it was ready and idle.
    #[serde(default)]
    pub memory: Option<MemoryAboveIdle>,
}

/// How much a KV cache can hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KvCapacity {
    /// Tokens.
    pub tokens: Option<u64>,
    /// Tokens of a block, where memory is given in blocks.
    pub block_tokens: Option<u64>,
    /// Bytes.
    pub bytes: Option<u64>,
    /// Bytes of a token in all layers, by the model's shape.
    pub bytes_per_token: Option<f64>,
}

impl KvCapacity {
    /// That of an engine, as far as its own words and its model's shape tell.
    #[must_use]
    pub fn of(info: &EngineInfo) -> Self {
        let Capacity { kv_tokens, kv_bytes, kv_block_tokens, .. } = info.capacity;
        let bytes_per_token = info.shape.as_ref().and_then(ModelShape::kv_bytes_per_token).filter(|bytes| *bytes > 0.0);
        let in_bytes = Option::zip(kv_bytes, bytes_per_token).map(|(all, one)| (all as f64 / one).floor() as u64);
        let capacity = Self {
            tokens: kv_tokens.or(in_bytes),
            block_tokens: kv_block_tokens.map(u64::from),
            bytes: kv_bytes,
            bytes_per_token,
        };
        Self { bytes: kv_bytes.or_else(|| capacity.bytes_of(capacity.tokens?)), ..capacity }
    }

    /// What so many tokens take, bytes.
    #[must_use]
    pub fn bytes_of(&self, tokens: u64) -> Option<u64> {
        self.bytes_per_token.map(|bytes| (bytes * tokens as f64).round() as u64)
    }
}

/// The fullest moment of a KV cache.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KvPeak {
    /// Middle of the read, ns of run time.
    pub at_ns: u64,
    /// Used share by the engine's own account, 0 to 1.
    pub share: Option<f64>,
    /// Tokens that this stands for: share × capacity.
    pub tokens: Option<u64>,
    /// Bytes that this stands for.
    pub bytes: Option<u64>,
    /// Bytes that the engine measured of its own tensors, padding included.
    pub measured_bytes: Option<u64>,
    /// Requests that it worked on.
    pub running: Option<u64>,
    /// Requests that waited in it.
    pub waiting: Option<u64>,
    /// What it must hold at that moment, by our own records of the requests in flight.
    pub theory: Option<KvTheory>,
}

/// What requests in flight hold by arithmetic: prompt, and what has come of the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KvTheory {
    /// Requests in flight of which output had come.
    pub requests: u64,
    /// Tokens of their prompts and of the output that had come, but for each one's last, which enters the cache with the
    /// next step.
    pub tokens: u64,
    /// The same in bytes.
    pub bytes: Option<u64>,
    /// Most that memory in blocks adds: a block a request. Absent where blocks are unknown.
    pub rounding_tokens: Option<u64>,
    /// Requests in flight without output: whether they wait or their prompts are in the cache, nobody can say from outside.
    pub starting: u64,
    /// Tokens of their prompts.
    pub starting_tokens: u64,
    /// Some of the output was credited in shares, since the server does not say how many tokens a chunk holds.
    pub estimated: bool,
    /// Whether the engine's own account lies within a block a request of these tokens, prompts of requests without output
    /// granted. Absent where it has none, or blocks are unknown.
    pub agrees: Option<bool>,
}

/// How many requests fill the cache, by what was seen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum KvFill {
    /// It was full.
    At {
        /// Requests that the engine worked on when it was so first; of several trials the least.
        running: u64,
        /// When, ns of run time.
        at_ns: u64,
        /// By what that was seen.
        sign: FillSign,
    },
    /// It never was.
    Not {
        /// Used share at the fullest moment, 0 to 1.
        share: f64,
        /// Requests that the engine worked on then.
        running: Option<u64>,
    },
}

/// By what a full cache was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FillSign {
    /// At least 99 % were in use.
    Used,
    /// The engine took memory away from a request.
    Preempted,
    /// A request waited though fewer ran than may, and what was left was less than its prompt needs.
    NoRoom,
    /// A sign that this version does not know.
    #[serde(other)]
    Unknown,
}

/// How many requests fill the cache, by capacity and the tokens of a request.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KvPrediction {
    /// Tokens of a request at its end, rounded up to blocks where there are any; the mean over requests that ended well.
    pub request_tokens: f64,
    /// Requests that fill it when each is at its end, as those are that began together.
    pub at_end: f64,
    /// Requests that fill it when each is somewhere on its way: half of its output has come.
    pub on_average: f64,
}

/// Device memory above what was held when the engine was ready and idle, bytes over all of its GPUs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MemoryAboveIdle {
    /// In use when the engine was ready and idle.
    pub idle_bytes: u64,
    /// Most in use within the window; of several GPUs the sum of each one's most.
    pub peak_bytes: u64,
    /// GPUs that this is of.
    pub gpus: u32,
}

impl MemoryAboveIdle {
    /// The peak less what was held when idle; absent where it was less.
    #[must_use]
    pub fn bytes(&self) -> Option<u64> {
        self.peak_bytes.checked_sub(self.idle_bytes)
    }
}

impl KvPrediction {
    /// What follows from a capacity and a request, both in tokens; absent without either.
    #[must_use]
    pub fn of(capacity: u64, request_tokens: f64, mean_tokens: f64) -> Option<Self> {
        let (at_end, on_average) = (capacity as f64 / request_tokens, capacity as f64 / mean_tokens);
        Some(Self { request_tokens, at_end: finite(at_end)?, on_average: finite(on_average)? })
    }
}

impl KvFigures {
    /// Two trials of a point together: the fuller moment, sums and mosts. What one of them lacks is unknown where it
    /// would be a sum.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let most = |a: Option<u64>, b: Option<u64>| a.max(b);
        Self {
            capacity: self.capacity,
            peak: fuller(self.peak, other.peak),
            preemptions: Option::zip(self.preemptions, other.preemptions).map(|(a, b)| a + b),
            running_most: most(self.running_most, other.running_most),
            waiting_most: most(self.waiting_most, other.waiting_most),
            fill: fill_of_both(self.fill, other.fill),
            predicted: self.predicted.or(other.predicted),
            memory: Option::zip(self.memory, other.memory)
                .map(|(a, b)| if a.peak_bytes < b.peak_bytes { b } else { a }),
        }
    }

    /// The concurrency at which the cache fills, measured and predicted, as a sentence; absent where neither is known.
    #[must_use]
    pub fn fill_sentence(&self) -> Option<String> {
        let measured = match self.fill {
            Some(KvFill::At { running, sign, .. }) => {
                let sign = match sign {
                    FillSign::Used => "99 % or more in use",
                    FillSign::Preempted => "a request lost its memory",
                    FillSign::NoRoom => "a request waited for room",
                    FillSign::Unknown => "by a sign that this version does not know",
                };
                Some(format!("The KV cache was full with {running} requests running ({sign})"))
            }
            Some(KvFill::Not { share, running }) => {
                let running = running.map(|n| format!(", with {n} requests running")).unwrap_or_default();
                Some(format!("The KV cache was never full: at most {:.1} %{running}", share * 100.0))
            }
            None => None,
        };
        let predicted = self.predicted.map(|of| {
            format!(
                "{:.0} requests of {:.0} tokens fill it at their end, {:.0} on their way",
                of.at_end.ceil(),
                of.request_tokens,
                of.on_average.ceil()
            )
        });
        match (measured, predicted) {
            (Some(measured), Some(predicted)) => Some(format!("{measured}; by arithmetic {predicted}.")),
            (Some(measured), None) => Some(format!("{measured}.")),
            (None, Some(predicted)) => Some(format!("By arithmetic {predicted} of the KV cache.")),
            (None, None) => None,
        }
    }
}

/// The fuller of two moments: by share, else by measured bytes.
fn fuller(a: Option<KvPeak>, b: Option<KvPeak>) -> Option<KvPeak> {
    let (a, b) = match (a, b) {
        (Some(a), Some(b)) => (a, b),
        (a, b) => return a.or(b),
    };
    let key = |peak: &KvPeak| (peak.share, peak.measured_bytes);
    Some(if key(&a) < key(&b) { b } else { a })
}

fn fill_of_both(a: Option<KvFill>, b: Option<KvFill>) -> Option<KvFill> {
    use KvFill::{At, Not};
    let is_first = match (a?, b?) {
        (At { running: a, .. }, At { running: b, .. }) => a <= b,
        (At { .. }, Not { .. }) => true,
        (Not { .. }, At { .. }) => false,
        (Not { share: a, .. }, Not { share: b, .. }) => a >= b,
    };
    if is_first { a } else { b }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(running: u64) -> KvFill {
        KvFill::At { running, at_ns: 7, sign: FillSign::Used }
    }

    #[test]
    fn trials_together_are_as_full_as_the_fuller_and_as_unknown_as_the_less_known() {
        let peak = |share: f64| Some(KvPeak { share: Some(share), ..KvPeak::default() });
        let memory = |peak_bytes| Some(MemoryAboveIdle { idle_bytes: 5, peak_bytes, gpus: 1 });
        let of = |share, preemptions, fill, bytes| KvFigures {
            peak: peak(share),
            preemptions,
            fill,
            memory: memory(bytes),
            running_most: Some(bytes),
            ..KvFigures::default()
        };
        let not = KvFill::Not { share: 0.5, running: Some(9) };
        let both = of(0.5, Some(1), Some(not), 7).and(of(1.0, Some(2), Some(at(96)), 9));
        assert_eq!((both.peak, both.preemptions, both.fill), (peak(1.0), Some(3), Some(at(96))));
        assert_eq!((both.memory.and_then(|of| of.bytes()), both.running_most), (Some(4), Some(9)));
        let both = of(1.0, None, Some(at(96)), 7).and(of(1.0, Some(2), Some(at(90)), 9));
        assert_eq!((both.preemptions, both.fill), (None, Some(at(90))));
        assert_eq!(of(0.5, None, Some(not), 7).and(of(0.5, None, None, 9)).fill, None);
        assert_eq!(MemoryAboveIdle { idle_bytes: 5, peak_bytes: 4, gpus: 1 }.bytes(), None);
    }

    #[test]
    fn the_sentence_says_what_was_seen_and_what_follows() {
        let check = |fill: Option<KvFill>, predicted: Option<KvPrediction>, expect: Option<&str>| {
            let figures = KvFigures { fill, predicted, ..KvFigures::default() };
            assert_eq!(figures.fill_sentence().as_deref(), expect);
        };
        let predicted = KvPrediction::of(121_424, 400.0, 330.0);
        check(
            Some(at(303)),
            predicted,
            Some(
                "The KV cache was full with 303 requests running (99 % or more in use); by arithmetic 304 requests of 400 \
                 tokens fill it at their end, 368 on their way.",
            ),
        );
        check(
            Some(KvFill::Not { share: 0.4025, running: Some(128) }),
            None,
            Some("The KV cache was never full: at most 40.2 %, with 128 requests running."),
        );
        check(None, None, None);
        assert_eq!(KvPrediction::of(121_424, 0.0, 0.0), None);
    }
}
