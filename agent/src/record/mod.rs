//! Owns what a request was and what a set of them amounts to: records, windows, percentiles, verdict.
//! Must not know sockets or time sources.

mod request;

pub use request::{Chunk, RequestRecord};
