//! Owns the thresholds of the rules: from where a number is doubted, and from where it is invalid.
//! Must not know how the figures are measured.

/// The client's lateness in sending, and in reading, that latencies are doubted from (99th percentile, ms): a tenth of
/// the least time to first token that a served model usually has.
pub const CLIENT_LATE_MS: f64 = 5.0;
/// Invalid from this many times [`CLIENT_LATE_MS`]: then the client is half of such a time to first token.
pub const CLIENT_LATE_INVALID: f64 = 5.0;
/// Share of its time that the load generator's thread may work: beyond it, what it waits for is itself.
pub const CLIENT_BUSY: f64 = 0.9;
/// Share of the offered rate that must be sent, else latencies belong to another load.
pub const RATE_KEPT: f64 = 0.99;
/// Share of the offered rate below which the point is not the one that was asked for.
pub const RATE_KEPT_INVALID: f64 = 0.9;
/// Share of requests from which failures, or requests never sent, make a result invalid: one in a hundred is where a
/// 99th percentile begins to be made of them.
pub const FAILED_INVALID: f64 = 0.01;
/// Share of prompt tokens found in a prefix cache that nobody asked to help.
pub const CACHE_HITS: f64 = 0.01;
/// Share of such hits from which prefill is another work than the plan's.
pub const CACHE_HITS_INVALID: f64 = 0.1;
/// Probability of as clear a trend by chance below which there is one.
pub const TREND_P: f64 = 0.01;
/// Change over the window, as a share of the median, below which a trend does not matter.
pub const DRIFT: f64 = 0.1;
/// The percentile that tables show and that samples must carry.
pub const SHOWN_PERCENTILE: u64 = 99;
