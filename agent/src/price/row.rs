//! Owns a row of a price table: which GPUs it is for, and what must hold of it.
//! Must not know files.

use super::PriceError;
use serde::{Deserialize, Serialize};
use shared::cost::{Price, PriceOrigin, PriceSource, UsdPerGpuHour};

/// Longest text of a row, characters.
const MAX_TEXT: usize = 200;
/// More than any GPU costs, USD an hour.
const MAX_PRICE: f64 = 100_000.0;

/// Stands in the name of a slice of a GPU.
const SLICE: &str = "mig";

/// A row of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Row {
    /// Words that all stand in the name of a GPU.
    pub gpu: String,
    /// Of one.
    pub usd_per_gpu_hour: f64,
    /// Who says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// When it held, or was given.
    pub date: String,
}

impl Row {
    /// The row where it can be one.
    pub fn checked(self) -> Result<Self, PriceError> {
        let is_text = |text: &str| text.chars().count() <= MAX_TEXT && !text.contains(char::is_control);
        if !is_text(&self.gpu) || words(&self.gpu).next().is_none() {
            return Err(PriceError::Gpu(self.gpu.chars().take(MAX_TEXT).collect()));
        }
        if !(self.usd_per_gpu_hour > 0.0 && self.usd_per_gpu_hour <= MAX_PRICE) {
            return Err(PriceError::Price { gpu: self.gpu, usd: self.usd_per_gpu_hour });
        }
        match self.source.as_deref().map(str::trim) {
            Some(source) if !is_text(source) => Err(PriceError::Source(self.gpu)),
            Some("") => Ok(Self { source: None, ..self }),
            _ => Ok(self),
        }
    }

    /// How many words it has, where all of them stand in the name. A slice has the words of the whole in its name, and not its
    /// price: only a row for slices fits it.
    pub fn fits(&self, name: &str) -> Option<usize> {
        let of_name: Vec<String> = words(name).collect();
        let own: Vec<String> = words(&self.gpu).collect();
        let is_of_slices = |words: &[String]| words.iter().any(|word| word == SLICE);
        if is_of_slices(&of_name) != is_of_slices(&own) {
            return None;
        }
        let is_there = own.iter().all(|word| of_name.contains(word));
        is_there.then_some(own.len())
    }

    /// True where it is for the same words.
    pub fn is_for(&self, gpu: &str) -> bool {
        words(&self.gpu).eq(words(gpu))
    }

    /// As a price.
    pub fn price(self, origin: fn(PriceSource) -> PriceOrigin) -> Price {
        let usd_per_gpu_hour = UsdPerGpuHour(self.usd_per_gpu_hour);
        Price { usd_per_gpu_hour, origin: origin(PriceSource { gpu: self.gpu, source: self.source, date: self.date }) }
    }
}

/// The words of a name, whatever stands between them.
fn words(name: &str) -> impl Iterator<Item = String> {
    name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(gpu: &str) -> Row {
        Row { gpu: gpu.into(), usd_per_gpu_hour: 1.0, source: None, date: "2026-01-01".into() }
    }

    #[test]
    fn a_row_is_for_the_gpus_whose_names_have_its_words() {
        let check =
            |gpu: &str, name: &str, expect: Option<usize>| assert_eq!(row(gpu).fits(name), expect, "{gpu} {name}");
        check("L4", "NVIDIA L4", Some(1));
        check("l4", "NVIDIA L4", Some(1));
        check("L4", "NVIDIA L40S", None);
        check("A100 80GB", "NVIDIA A100-SXM4-80GB", Some(2));
        check("A100 40GB", "NVIDIA A100-SXM4-80GB", None);
        check("H100", "NVIDIA H100 80GB HBM3", Some(1));
        check("H100", "NVIDIA H100 80GB HBM3 MIG 1g.10gb", None);
        check("H100 MIG 1g.10gb", "NVIDIA H100 80GB HBM3 MIG 1g.10gb", Some(4));
        check("H100 MIG 1g.10gb", "NVIDIA H100 80GB HBM3", None);
        assert!(row("nvidia  l4").is_for("NVIDIA L4") && !row("L4").is_for("NVIDIA L4"));
    }

    #[test]
    fn what_cannot_be_a_row_is_refused() {
        let check = |row: Row, words: &str| {
            let why = row.checked().unwrap_err().to_string();
            assert!(why.contains(words), "{why}");
        };
        check(row(" - "), "names no GPU");
        check(row(&"x".repeat(201)), "names no GPU");
        for usd in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9] {
            check(Row { usd_per_gpu_hour: usd, ..row("L4") }, "price of L4");
        }
        check(Row { source: Some("a\nb".into()), ..row("L4") }, "source");
        let blank = Row { source: Some(" ".into()), ..row("L4") }.checked().unwrap();
        assert_eq!(blank.source, None);
    }
}
