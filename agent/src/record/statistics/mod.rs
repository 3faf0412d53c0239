//! Owns the statistics of samples, each by a method that is named with its source; `shared` has those of repeats.
//! Must not know which latency or rate a number is.

mod autocorrelation;
mod ranked;
mod resample;
mod samples;
mod trend;

pub use autocorrelation::effective_n;
pub use ranked::{Pool, Ranked, needed};
pub use resample::percentile_interval;
pub use samples::Samples;
pub use trend::{Kendall, median, sen_slopes};

#[cfg(test)]
mod fixtures;
