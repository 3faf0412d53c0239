//! Owns the answers of HTTP/1.1 as bytes arrive: heads, and bodies by any framing.
//! Must not know sockets, time or what a body means.

mod chunked;
mod head;
mod response;

pub(super) use response::{Piece, Response};
