//! Owns what a request was and what a set of them amounts to: records, windows, percentiles, verdict.
//! Must not know sockets or time sources.

mod request;
mod statistics;
mod tally;
mod verdict;

pub use request::{Chunk, RequestRecord};
pub use statistics::{Samples, needed};
pub use tally::{ClientSide, Tally, Terms, Window};
pub use verdict::{CLIENT_LATE_LIMIT_MS, judge};
