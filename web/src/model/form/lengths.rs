//! Owns lengths while they are written: one number, or a distribution and its parameters.
//! Must not know whether prompts or outputs are meant.

use super::FormError;
use super::parse::{number, pairs, whole};
use shared::plan::{Lengths, Spread};

/// How lengths are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Fixed,
    Uniform,
    Normal,
    LogNormal,
    Histogram,
}

/// Lengths as texts. What another shape needs is kept while one is chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct LengthsForm {
    pub shape: Shape,
    pub tokens: String,
    pub min: String,
    pub max: String,
    /// Mean of the normal, median of the log-normal distribution.
    pub middle: String,
    /// Standard deviation: tokens of the normal, of the logarithm for the log-normal distribution.
    pub width: String,
    pub bins: String,
}

impl LengthsForm {
    /// The form of these lengths; of `tokens` each where there are none.
    pub fn of(lengths: Option<&Lengths>, tokens: u32) -> Self {
        let mut form = Self {
            shape: Shape::Fixed,
            tokens: tokens.to_string(),
            min: (tokens / 4).max(1).to_string(),
            max: (tokens * 4).to_string(),
            middle: tokens.to_string(),
            width: "0.5".to_owned(),
            bins: format!("{tokens}: 1, {}: 0.5", tokens * 4),
        };
        let mut range = |min: &u32, max: &u32| (form.min, form.max) = (min.to_string(), max.to_string());
        match lengths {
            None => {}
            Some(Lengths::Fixed(n)) => form.tokens = n.to_string(),
            Some(Lengths::Spread(spread)) => match spread {
                Spread::Uniform { min, max } => {
                    range(min, max);
                    form.shape = Shape::Uniform;
                }
                Spread::Normal { mean, sd, min, max } => {
                    range(min, max);
                    (form.shape, form.middle, form.width) = (Shape::Normal, mean.to_string(), sd.to_string());
                }
                Spread::LogNormal { median, sigma, min, max } => {
                    range(min, max);
                    (form.shape, form.middle, form.width) = (Shape::LogNormal, median.to_string(), sigma.to_string());
                }
                Spread::Histogram { bins } => {
                    let bins = bins.iter().map(|(length, weight)| format!("{length}: {weight}"));
                    (form.shape, form.bins) = (Shape::Histogram, bins.collect::<Vec<_>>().join(", "));
                }
            },
        }
        form
    }

    /// The lengths that the texts amount to.
    ///
    /// # Errors
    /// The first text at fault.
    pub fn lengths(&self, field: &str) -> Result<Lengths, FormError> {
        let of = |part: &str, value: &str| whole::<u32>(&format!("{field}.{part}"), value);
        let measure = |part: &str, value: &str| number(&format!("{field}.{part}"), value);
        let (min, max) = (|| of("min", &self.min), || of("max", &self.max));
        Ok(Lengths::Spread(match self.shape {
            Shape::Fixed => return Ok(Lengths::Fixed(whole(field, &self.tokens)?)),
            Shape::Uniform => Spread::Uniform { min: min()?, max: max()? },
            Shape::Normal => Spread::Normal {
                mean: measure("mean", &self.middle)?,
                sd: measure("sd", &self.width)?,
                min: min()?,
                max: max()?,
            },
            Shape::LogNormal => Spread::LogNormal {
                median: measure("median", &self.middle)?,
                sigma: measure("sigma", &self.width)?,
                min: min()?,
                max: max()?,
            },
            Shape::Histogram => Spread::Histogram { bins: pairs(&format!("{field}.bins"), &self.bins)? },
        }))
    }
}
