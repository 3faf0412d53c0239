//! Owns money: unit types, prices with their origin, and the formulas that turn GPU time into cost.
//! Must not know how a price is looked up.

use crate::units::finite;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// US dollars for one GPU for one hour.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct UsdPerGpuHour(pub f64);

/// US dollars for an engine with all that it runs on for one hour: what somebody gives for costs that no run has of its own.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct UsdPerHour(f64);

impl UsdPerHour {
    /// The amount, USD an hour.
    #[must_use]
    pub fn usd(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for UsdPerHour {
    type Error = String;

    fn try_from(usd: f64) -> Result<Self, String> {
        let is_price = usd.is_finite() && usd > 0.0;
        let refused = || format!("The price is {usd}, but must be US dollars an hour above zero, such as 2.5.");
        is_price.then_some(Self(usd)).ok_or_else(refused)
    }
}

impl FromStr for UsdPerHour {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::try_from(text.trim().parse().unwrap_or(f64::NAN))
    }
}

/// US dollars for a million tokens.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct UsdPerMTok(pub f64);

/// A price, and where it comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Price {
    /// Of one GPU.
    pub usd_per_gpu_hour: UsdPerGpuHour,
    /// Where it comes from.
    pub origin: PriceOrigin,
}

/// Where a price comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PriceOrigin {
    /// The plan's `[cost]`.
    Plan,
    /// Somebody gave it to the agent.
    Edited(PriceSource),
    /// The table that comes with the agent.
    Table(PriceSource),
    /// One that this version does not know.
    #[serde(other)]
    Unknown,
}

/// What stands beside a price in a table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PriceSource {
    /// The GPUs that it is for: words of their names.
    pub gpu: String,
    /// Who says so, in words; one that somebody gave to the agent need not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// When it held, or was given: `2025-12-02`.
    pub date: String,
}

impl PriceOrigin {
    /// Where it comes from, in words: "L4 in the table, 2025-12-02: a study".
    #[must_use]
    pub fn words(&self) -> String {
        let (of, where_it_stands) = match self {
            PriceOrigin::Plan => return "of the plan".to_owned(),
            PriceOrigin::Unknown => return "from elsewhere".to_owned(),
            PriceOrigin::Edited(of) => (of, "given to the agent"),
            PriceOrigin::Table(of) => (of, "in its table"),
        };
        let source = of.source.as_ref().map(|source| format!(": {source}")).unwrap_or_default();
        format!("{} {where_it_stands}, {}{source}", of.gpu, of.date)
    }
}

/// What an engine's time is priced at, as it was settled when the engine was ready: what is edited later changes no
/// run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Pricing {
    /// GPUs that are paid for.
    pub gpus: Option<u32>,
    /// The price of one.
    pub price: Option<Price>,
    /// Why one of them is unknown, as a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Pricing {
    /// GPUs × price per hour × hours, USD; nothing where one of them is unknown.
    #[must_use]
    pub fn usd(&self, seconds: f64) -> Option<f64> {
        finite(f64::from(self.gpus?) * self.price.as_ref()?.usd_per_gpu_hour.0 * seconds / 3600.0)
    }
}

/// `GPUs × USD per GPU-hour × window hours / tokens × 10⁶` (METRICS.md, `cost_per_mtok`); nothing without tokens.
#[must_use]
pub fn cost_per_mtok(gpus: u32, price: UsdPerGpuHour, window_s: f64, tokens: u64) -> Option<UsdPerMTok> {
    if tokens == 0 || gpus == 0 {
        return None;
    }
    finite(f64::from(gpus) * price.0 * (window_s / 3600.0) / tokens as f64 * 1e6).map(UsdPerMTok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_of_two_gpus_and_where_their_price_comes_from() {
        let source = PriceSource { gpu: "L4".into(), source: Some("a study".into()), date: "2025-12-02".into() };
        let origin = PriceOrigin::Table(source.clone());
        assert_eq!(origin.words(), "L4 in its table, 2025-12-02: a study");
        let edited = PriceOrigin::Edited(PriceSource { source: None, ..source });
        assert_eq!(edited.words(), "L4 given to the agent, 2025-12-02");
        let price = Some(Price { usd_per_gpu_hour: UsdPerGpuHour(2.93), origin });
        let pricing = Pricing { gpus: Some(2), price, reason: None };
        assert_eq!(pricing.usd(1800.0), Some(2.93));
        assert_eq!(Pricing { gpus: None, ..pricing }.usd(1800.0), None);
        let later: PriceOrigin = serde_json::from_str("\"auction\"").unwrap();
        assert_eq!(later, PriceOrigin::Unknown);
    }

    #[test]
    fn four_gpus_for_a_quarter_hour() {
        let cost = cost_per_mtok(4, UsdPerGpuHour(2.5), 900.0, 3_600_000).map(|c| (c.0 * 1000.0).round());
        assert_eq!(cost, Some(694.0));
        assert_eq!(cost_per_mtok(4, UsdPerGpuHour(2.5), 900.0, 0), None);
    }
}
