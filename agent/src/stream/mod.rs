//! Owns the way from response bytes to token arrivals; pure, takes time as a parameter.
//! Must not know sockets, plans or statistics.

mod alike;
mod counts;
mod decoder;
mod errors;
mod facts;
mod json;
mod openai;
mod sse;
mod tgi;
mod types;

pub use decoder::Decoder;
pub use sse::MAX_EVENT_BYTES;
pub use types::{Anomaly, Arrival, Channel, CountSource, FinishReason, Protocol, StreamError, StreamSummary, Usage};
