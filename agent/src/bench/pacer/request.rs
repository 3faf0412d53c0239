//! Owns reading one HTTP/1.1 request out of a connection's bytes, and what work it asks for.
//! Must not know sockets or time.

use crate::stream::Protocol;
use serde::Deserialize;

const MAX_HEAD_BYTES: usize = 16 * 1024;
/// Largest body.
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;
/// Most tokens that a request gets.
const MAX_TOKENS: u32 = 100_000;
/// Tokens of a request that does not say.
const DEFAULT_TOKENS: u32 = 16;

/// What the bytes of a connection hold.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    /// Not yet a whole request.
    Partial,
    /// A request, and how many bytes it took.
    Whole(Asked, usize),
    /// Not a request that this server can read: the status to refuse it with, and why.
    Unreadable(u16, &'static str),
}

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// Generated tokens.
    Work(Work),
    /// The account.
    Account,
    /// The list of models.
    Models,
    /// The page of metrics.
    Metrics,
    /// A sign of life.
    Health,
    /// Anything else.
    Unknown,
}

/// A request for generated tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Work {
    /// Which protocol it speaks.
    pub protocol: Protocol,
    /// The client's number for it.
    pub client_id: Option<u64>,
    /// Tokens.
    pub tokens: u32,
    /// False where one JSON body is wanted.
    pub streamed: bool,
    /// A usage event at the end.
    pub usage: bool,
    /// Token ids in each chunk.
    pub token_ids: bool,
}

/// Reads the request at the beginning of the bytes.
pub(super) fn parse(bytes: &[u8]) -> Parsed {
    let Some(head_bytes) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else {
        return if bytes.len() > MAX_HEAD_BYTES {
            Parsed::Unreadable(431, "the head is too long")
        } else {
            Parsed::Partial
        };
    };
    let Ok(head) = std::str::from_utf8(&bytes[..head_bytes]) else {
        return Parsed::Unreadable(400, "the head is not text");
    };
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(target)) = (first.next(), first.next()) else {
        return Parsed::Unreadable(400, "the request line has no path");
    };
    let (mut body_bytes, mut client_id) = (0usize, None);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            match value.parse() {
                Ok(n) if n <= MAX_BODY_BYTES => body_bytes = n,
                _ => return Parsed::Unreadable(413, "the body is too long"),
            }
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            return Parsed::Unreadable(411, "a body needs a content-length");
        } else if name.eq_ignore_ascii_case("x-request-id") {
            client_id = value.parse().ok();
        }
    }
    let end = head_bytes + 4 + body_bytes;
    let Some(body) = bytes.get(head_bytes + 4..end) else {
        return Parsed::Partial;
    };
    let path = target.split('?').next().unwrap_or_default();
    match (method, path) {
        ("GET", "/pacer/account") => Parsed::Whole(Asked::Account, end),
        ("GET", "/v1/models") => Parsed::Whole(Asked::Models, end),
        ("GET", "/metrics") => Parsed::Whole(Asked::Metrics, end),
        ("GET", "/health" | "/ping") => Parsed::Whole(Asked::Health, end),
        ("POST", path) => match protocol(path) {
            Some(protocol) => work(protocol, client_id, body, end),
            None => Parsed::Whole(Asked::Unknown, end),
        },
        _ => Parsed::Whole(Asked::Unknown, end),
    }
}

fn protocol(path: &str) -> Option<Protocol> {
    match path {
        "/v1/completions" => Some(Protocol::OpenAiCompletions),
        "/v1/chat/completions" => Some(Protocol::OpenAiChat),
        "/generate_stream" => Some(Protocol::TgiGenerateStream),
        _ => None,
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    max_tokens: Option<u32>,
    max_completion_tokens: Option<u32>,
    stream: bool,
    return_token_ids: bool,
    stream_options: StreamOptions,
    parameters: Parameters,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Parameters {
    max_new_tokens: Option<u32>,
}

fn work(protocol: Protocol, header_id: Option<u64>, body: &[u8], end: usize) -> Parsed {
    let Ok(said) = serde_json::from_slice::<Body>(body) else {
        return Parsed::Unreadable(400, "the body is not the JSON of a request");
    };
    let tokens = said.parameters.max_new_tokens.or(said.max_completion_tokens).or(said.max_tokens);
    Parsed::Whole(
        Asked::Work(Work {
            protocol,
            client_id: header_id.or_else(|| marked_id(body)),
            tokens: tokens.unwrap_or(DEFAULT_TOKENS).clamp(1, MAX_TOKENS),
            streamed: said.stream || protocol == Protocol::TgiGenerateStream,
            usage: said.stream_options.include_usage,
            token_ids: said.return_token_ids,
        }),
        end,
    )
}

/// The digits after `request-` in a body: the number that the bench writes into each prompt.
fn marked_id(body: &[u8]) -> Option<u64> {
    const MARK: &[u8] = b"request-";
    let at = body.windows(MARK.len()).position(|w| w == MARK)? + MARK.len();
    let digits = body[at..].iter().take_while(|b| b.is_ascii_digit()).count();
    std::str::from_utf8(&body[at..at + digits]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(path: &str, head: &str, body: &str) -> Vec<u8> {
        format!("POST {path} HTTP/1.1\r\nHost: x\r\n{head}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
    }

    fn check(bytes: &[u8], expect: Parsed) {
        assert_eq!(parse(bytes), expect);
        if let Parsed::Whole(_, end) = expect {
            for cut in 0..end {
                assert_eq!(parse(&bytes[..cut]), Parsed::Partial, "cut at {cut}");
            }
        }
    }

    fn whole(protocol: Protocol, client_id: Option<u64>, tokens: u32, flags: [bool; 3], bytes: &[u8]) -> Parsed {
        let [streamed, usage, token_ids] = flags;
        Parsed::Whole(Asked::Work(Work { protocol, client_id, tokens, streamed, usage, token_ids }), bytes.len())
    }

    #[test]
    fn requests_for_work() {
        let body = r#"{"prompt":"request-41 x","max_tokens":7,"stream":true,"stream_options":{"include_usage":true}}"#;
        let bytes = post("/v1/completions", "", body);
        check(&bytes, whole(Protocol::OpenAiCompletions, Some(41), 7, [true, true, false], &bytes));
        let body = r#"{"messages":[],"max_completion_tokens":3,"stream":true,"return_token_ids":true}"#;
        let bytes = post("/v1/chat/completions", "X-Request-Id: 9\r\n", body);
        check(&bytes, whole(Protocol::OpenAiChat, Some(9), 3, [true, false, true], &bytes));
        let bytes = post("/generate_stream", "", r#"{"inputs":"a","parameters":{"max_new_tokens":5}}"#);
        check(&bytes, whole(Protocol::TgiGenerateStream, None, 5, [true, false, false], &bytes));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        check(&post("/v1/completions", "", "{"), Parsed::Unreadable(400, "the body is not the JSON of a request"));
        check(b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", Parsed::Unreadable(413, "the body is too long"));
        check(&vec![b'a'; MAX_HEAD_BYTES + 1], Parsed::Unreadable(431, "the head is too long"));
        check(b"GET /nothing HTTP/1.1\r\n\r\n", Parsed::Whole(Asked::Unknown, 25));
    }
}
