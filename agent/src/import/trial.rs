//! Owns what every format comes to: trials, each with what makes it belong to a run, a level, a time and its figures.
//! Must not know any format, nor how runs are logged.

use super::tool::Tool;
use super::when::When;
use crate::record::Samples;
use serde::Serialize;
use shared::engine::{EngineKind, ParamValue};
use shared::plan::{Arrival, Level};
use shared::summary::{Distribution, Percentile, Summary, TokenSource};
use shared::telemetry::{GpuFacts, Samples as Reads};
use std::collections::BTreeMap;

/// What the trials of one run have in common.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Kin {
    /// The tool that measured.
    #[serde(skip)]
    pub tool: &'static Tool,
    /// Its name, by which it is told from others.
    pub tool_name: &'static str,
    /// Its version, where the file says.
    pub version: Option<String>,
    /// Folder that the files of one sweep are in.
    pub folder: String,
    /// What tells several sets of trials of one folder apart, in words; empty where there is one.
    pub part: String,
    /// The kind of engine.
    pub engine: EngineKind,
    /// What the file calls the engine.
    pub engine_word: Option<String>,
    /// The model.
    pub model: Option<String>,
    /// Parameters of the engine.
    pub params: BTreeMap<String, ParamValue>,
    /// Prompt tokens that were asked for.
    pub input_tokens: Option<u32>,
    /// Output tokens that were asked for.
    pub output_tokens: Option<u32>,
    /// How requests arrived.
    pub arrival: Arrival,
    /// Shape of gamma arrivals.
    pub burstiness: Option<f64>,
    /// Most requests in flight of an open loop.
    pub max_in_flight: Option<u32>,
}

impl Kin {
    /// Of a tool and an engine, in a closed loop; nothing else is known.
    pub(super) fn of(tool: &'static Tool, engine: EngineKind) -> Self {
        Self {
            tool,
            tool_name: tool.name,
            version: None,
            folder: String::new(),
            part: String::new(),
            engine,
            engine_word: None,
            model: None,
            params: BTreeMap::new(),
            input_tokens: None,
            output_tokens: None,
            arrival: Arrival::Closed,
            burstiness: None,
            max_in_flight: None,
        }
    }
}

/// One trial of a file.
#[derive(Clone, Debug)]
pub(super) struct Trial {
    /// What it has in common with others.
    pub kin: Kin,
    /// How hard it asked; absent where the file does not say, so that there is no point.
    pub level: Option<Level>,
    /// Which repeat it is by the file's own number.
    pub repeat: Option<u32>,
    /// Requests that were asked for.
    pub requests: Option<u32>,
    /// When it began.
    pub begun: When,
    /// Its figures.
    pub summary: Summary,
    /// Every request's latencies, where the file has them.
    pub samples: Option<Box<Latencies>>,
    /// Lengths that all its prompts, and all its outputs, seem to have.
    pub alike: bool,
    /// Its file repeats what others say first.
    pub is_copy: bool,
    /// What was read of the machine meanwhile, on the trial's own time.
    pub watched: Option<Box<Watched>>,
}

impl Trial {
    /// A trial at a level with these figures.
    pub(super) fn of(kin: Kin, level: Option<Level>, summary: Summary) -> Self {
        Self {
            kin,
            level,
            repeat: None,
            requests: None,
            begun: When::default(),
            summary,
            samples: None,
            alike: false,
            is_copy: false,
            watched: None,
        }
    }
}

/// Latencies request by request.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Latencies {
    pub ttft: Samples,
    pub e2e: Samples,
}

/// What was read of the machine.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Watched {
    /// The GPU that was read.
    pub gpu: Option<GpuFacts>,
    /// Reads a second, as far as the times of the reads tell.
    pub rate_hz: f64,
    /// The reads.
    pub reads: Vec<Reads>,
    /// The KV cache was full at times.
    pub is_full: bool,
}

/// Figures of a tool that counted tokens in its own way.
pub(super) fn told() -> Summary {
    Summary { token_source: TokenSource::Told, ..Summary::default() }
}

/// A latency in ms that a tool says: one of exactly 0 was never measured.
pub(super) fn latency_ms(ms: Option<f64>) -> Option<f64> {
    ms.filter(|ms| ms.is_finite() && *ms > 0.0)
}

/// A rate or another figure that a tool says, where it can be one.
pub(super) fn figure(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite() && *value >= 0.0)
}

/// A count that a tool writes as a number.
pub(super) fn count(value: Option<f64>) -> Option<u64> {
    // Beyond 2^53 a double no longer counts one by one.
    figure(value).filter(|value| value.fract() == 0.0 && *value < 9e15).map(|value| value as u64)
}

/// A percentile that a tool says.
pub(super) fn percentile(ms: Option<f64>) -> Percentile {
    latency_ms(ms).map_or(Percentile::Unknown, Percentile::Ms)
}

/// A distribution of which nothing is known but what a tool says.
pub(super) struct Said {
    pub n: Option<u64>,
    pub mean: Option<f64>,
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub p50: Option<f64>,
    pub p90: Option<f64>,
    pub p95: Option<f64>,
    pub p99: Option<f64>,
}

impl Said {
    /// The distribution, every value times `ms`, the length of its unit.
    pub(super) fn times(&self, ms: f64) -> Distribution {
        let value = |value: Option<f64>| latency_ms(value.map(|value| value * ms));
        let mean_ms = value(self.mean);
        Distribution {
            n: self.n.filter(|_| mean_ms.is_some()),
            absent: None,
            mean_ms,
            min_ms: value(self.min),
            max_ms: value(self.max),
            p50: percentile(value(self.p50)),
            p90: percentile(value(self.p90)),
            p95: percentile(value(self.p95)),
            p99: percentile(value(self.p99)),
        }
    }
}
