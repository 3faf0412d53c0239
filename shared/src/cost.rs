//! Owns money: unit types and the one formula that turns GPU time into cost per token.
//! Must not know where a price comes from.

use crate::units::finite;
use serde::{Deserialize, Serialize};

/// US dollars for one GPU for one hour.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UsdPerGpuHour(pub f64);

/// US dollars for a million tokens.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UsdPerMTok(pub f64);

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
    fn four_gpus_for_a_quarter_hour() {
        let cost = cost_per_mtok(4, UsdPerGpuHour(2.5), 900.0, 3_600_000).map(|c| (c.0 * 1000.0).round());
        assert_eq!(cost, Some(694.0));
        assert_eq!(cost_per_mtok(4, UsdPerGpuHour(2.5), 900.0, 0), None);
    }
}
