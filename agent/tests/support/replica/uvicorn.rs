//! Owns the heads that uvicorn writes, which serves vLLM, SGLang and Transformers.
//! Must not know bodies.

use super::out::{Body, Out};
use std::io;

/// A head; `more` are the application's own headers, each with its line's end.
pub fn head(status: &str, body: &Body<'_>, more: &str, closes: bool) -> String {
    let (length, kind, coding) = match body {
        Body::Whole(kind, length) => {
            (format!("content-length: {length}\r\n"), kind.map(|kind| format!("content-type: {kind}\r\n")), "")
        }
        Body::Stream => {
            let kind = "content-type: text/event-stream; charset=utf-8\r\n";
            (String::new(), Some(kind.to_owned()), "transfer-encoding: chunked\r\n")
        }
    };
    let (kind, close) = (kind.unwrap_or_default(), if closes { "connection: close\r\n" } else { "" });
    format!(
        "HTTP/1.1 {status}\r\ndate: Wed, 25 Nov 2026 02:20:26 GMT\r\nserver: uvicorn\r\n{length}{kind}{more}{close}{coding}\r\n"
    )
}

/// A whole answer in JSON.
pub fn json(out: &mut Out, status: &str, body: &str, more: &str) -> io::Result<()> {
    let head = head(status, &Body::Whole(Some("application/json"), body.len()), more, out.closes);
    out.text(&format!("{head}{body}"))
}
