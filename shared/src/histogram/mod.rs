//! Owns the mergeable histograms of the live view; merging is addition, so they depend only on the multiset of samples.
//! Must not know which metric they hold.

mod gaps;
mod log;

pub use gaps::GapHistogram;
pub use log::LogHistogram;
