//! Owns how long prompts and outputs are: one number, or a distribution of whole tokens.
//! Must not know how a length is drawn.

use serde::{Deserialize, Serialize};

/// Lengths in tokens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(
    untagged,
    expecting = "a length is a number of tokens, or a table such as { distribution = \"uniform\", min = 64, max = 512 }; \
                 distributions are uniform, normal, log_normal and histogram"
)]
pub enum Lengths {
    /// Every one the same.
    Fixed(u32),
    /// Drawn for each request.
    Spread(Spread),
}

/// A distribution of lengths. Draws are rounded to whole tokens and held between `min` and `max`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "distribution", rename_all = "snake_case", try_from = "Table")]
pub enum Spread {
    /// Every length from `min` to `max` is as likely.
    Uniform {
        /// Least, tokens.
        min: u32,
        /// Most, tokens.
        max: u32,
    },
    /// Normal.
    Normal {
        /// Mean, tokens.
        mean: f64,
        /// Standard deviation, tokens.
        sd: f64,
        /// Least, tokens.
        min: u32,
        /// Most, tokens.
        max: u32,
    },
    /// Log-normal.
    LogNormal {
        /// Median, tokens: e to the mean of the logarithm.
        median: f64,
        /// Standard deviation of the natural logarithm.
        sigma: f64,
        /// Least, tokens.
        min: u32,
        /// Most, tokens.
        max: u32,
    },
    /// As often as the weights say.
    Histogram {
        /// Pairs of a length in tokens and its weight.
        bins: Vec<(u32, f64)>,
    },
}

/// What stands in a plan: the fields of all distributions, of which each has its own. A variant each, as serde would
/// tell them apart, is four times as much for the page to load.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct Table {
    distribution: String,
    min: Option<u32>,
    max: Option<u32>,
    mean: Option<f64>,
    sd: Option<f64>,
    median: Option<f64>,
    sigma: Option<f64>,
    bins: Option<Vec<(u32, f64)>>,
}

impl TryFrom<Table> for Spread {
    type Error = &'static str;

    fn try_from(table: Table) -> Result<Self, &'static str> {
        let Table { distribution, min, max, mean, sd, median, sigma, bins } = table;
        Ok(match (distribution.as_str(), min, max, mean, sd, median, sigma, bins) {
            ("uniform", Some(min), Some(max), None, None, None, None, None) => Spread::Uniform { min, max },
            ("normal", Some(min), Some(max), Some(mean), Some(sd), None, None, None) => {
                Spread::Normal { mean, sd, min, max }
            }
            ("log_normal", Some(min), Some(max), None, None, Some(median), Some(sigma), None) => {
                Spread::LogNormal { median, sigma, min, max }
            }
            ("histogram", None, None, None, None, None, None, Some(bins)) => Spread::Histogram { bins },
            _ => return Err("a distribution has its own fields, all of them, and no other's"),
        })
    }
}

impl Lengths {
    /// The greatest length that can come, tokens.
    #[must_use]
    pub fn most(&self) -> u32 {
        match self {
            Lengths::Fixed(n) => *n,
            Lengths::Spread(
                Spread::Uniform { max, .. } | Spread::Normal { max, .. } | Spread::LogNormal { max, .. },
            ) => *max,
            Lengths::Spread(Spread::Histogram { bins }) => bins.iter().map(|(n, _)| *n).max().unwrap_or(0),
        }
    }

    /// The one length, where there is only one.
    #[must_use]
    pub fn fixed(&self) -> Option<u32> {
        if let Lengths::Fixed(n) = self { Some(*n) } else { None }
    }

    /// What is wrong with it, to follow the field's name.
    pub(super) fn problem(&self) -> Option<String> {
        let range =
            |min: u32, max: u32| (min == 0 || min > max).then(|| "needs min from 1 and max not below it.".into());
        let scale = |value: f64, name: &str| {
            (!value.is_finite() || value < 0.0).then(|| format!("has a {name} that is no number from 0."))
        };
        let problem = match self {
            Lengths::Fixed(_) => None,
            Lengths::Spread(Spread::Uniform { min, max }) => range(*min, *max),
            Lengths::Spread(Spread::Normal { mean, sd, min, max }) => {
                range(*min, *max).or_else(|| scale(*mean, "mean")).or_else(|| scale(*sd, "sd"))
            }
            Lengths::Spread(Spread::LogNormal { median, sigma, min, max }) => range(*min, *max)
                .or_else(|| (!median.is_finite() || *median <= 0.0).then(|| "needs a median above 0.".into()))
                .or_else(|| scale(*sigma, "sigma")),
            Lengths::Spread(Spread::Histogram { bins }) => {
                let weights_fit = bins.iter().all(|(_, w)| w.is_finite() && *w >= 0.0);
                let any = bins.iter().any(|(_, w)| *w > 0.0);
                (bins.len() > 1000 || !weights_fit || !any || bins.iter().any(|(n, _)| *n == 0)).then(|| {
                    "needs 1 to 1,000 pairs of a length from 1 and a weight from 0, one of them above 0.".into()
                })
            }
        };
        problem
            .or_else(|| (!(1..=1_000_000).contains(&self.most())).then(|| "must be from 1 to 1,000,000 tokens.".into()))
    }
}
