//! Owns what a search for a load level came to, and the sentence that says it.
//! Must not know how the next level is chosen (the agent's `orchestrate` does that).

use crate::plan::Level;
use serde::{Deserialize, Serialize};

/// The end of a search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SearchEnd {
    /// The answer: the knee of a sweep, or the highest level that kept the limits; absent where there is none.
    pub answer: Option<Level>,
    /// The lowest level that did not keep the limits, or the one that showed saturation; absent where none was met.
    pub beyond: Option<Level>,
    /// Why it ended.
    pub stop: SearchStop,
}

/// Why a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SearchStop {
    /// Throughput grew by less than the limit from the answer to the level beyond it.
    ThroughputFlat {
        /// Growth, as a share of the answer's throughput.
        growth: f64,
    },
    /// Latency grew over the trial at the level beyond: the queue only gets longer.
    LatencyUnbounded {
        /// Drift of TTFT over the window, as a share of its median.
        drift: f64,
    },
    /// The plan's highest level was reached without either.
    BoundReached,
    /// Answer and the level beyond it are as close as the search goes.
    Bracketed,
    /// Between answer and beyond, repeats did not tell which side a level is on.
    WithinNoise,
    /// Not even the first level kept the limits.
    NothingHolds,
}

impl SearchEnd {
    /// What the search found, as a sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let words = |level: Option<Level>| level.map_or_else(|| "no level".to_owned(), Level::words);
        let (answer, beyond) = (words(self.answer), words(self.beyond));
        match self.stop {
            SearchStop::ThroughputFlat { growth } if growth < 0.0 => {
                format!("Saturated at {answer}: at {beyond} throughput fell by {:.1} %.", -growth * 100.0)
            }
            SearchStop::ThroughputFlat { growth } => {
                format!("Saturated at {answer}: {beyond} raised throughput by only {:.1} %.", growth * 100.0)
            }
            SearchStop::LatencyUnbounded { drift } => format!(
                "Saturated at {answer}: at {beyond} TTFT rose by {:.0} % of its median over the trial, so the queue only \
                 grows.",
                drift * 100.0
            ),
            SearchStop::BoundReached => {
                format!("Not saturated up to {answer}, the plan's highest level: raise load.search.to to go on.")
            }
            SearchStop::Bracketed => match self.beyond {
                Some(_) => format!("The limits hold at {answer} and no longer at {beyond}."),
                None => format!("The limits hold up to {answer}, the plan's highest level."),
            },
            SearchStop::WithinNoise => format!(
                "The limits hold at {answer} and not at {beyond}; between them repeats did not tell, so take longer \
                 trials to know more."
            ),
            SearchStop::NothingHolds => {
                format!("The limits do not hold even at {beyond}: start lower, or loosen them.")
            }
        }
    }
}
