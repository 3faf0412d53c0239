//! Owns the way to the agent: the socket that reconnects, and requests to the API.
//! Must not know what messages mean or how they are shown.

mod backoff;
mod decode;
pub mod http;
mod socket;
mod tree;
pub mod upload;

pub use decode::tree;
pub use socket::{Link, LinkEvent, Message};
