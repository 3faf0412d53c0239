//! Owns the judgement of one answer: how it ended (METRICS.md, "Outcomes"), with a sentence, and its token count.
//! Must not know sockets or time.

use crate::stream::StreamSummary;
use http::StatusCode;
use shared::outcome::Outcome;
use shared::summary::TokenSource;

/// Longest excerpt of a server's error message, characters.
const MESSAGE_CHARS: usize = 400;

/// How the bytes of an answer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// As HTTP says.
    Clean,
    /// The server closed the connection too early.
    Closed,
    /// The connection failed: why.
    Broken(String),
    /// The bytes were no HTTP: why.
    Garbled(String),
}

/// An outcome, and what went wrong.
pub(super) type Verdict = (Outcome, Option<String>);

/// Judges a stream that began with status 200.
pub(super) fn of_stream(summary: &StreamSummary, cut: &Cut, expect_output_tokens: u32) -> Verdict {
    if let Some(error) = &summary.error {
        return (Outcome::FailedMidStream, Some(format!("The server failed mid-stream: {}", sentence(&error.message))));
    }
    if let Some(reason) = &summary.malformed {
        return (Outcome::Malformed, Some(reason.clone()));
    }
    let complete = summary.finished && summary.done_seen;
    match cut {
        Cut::Garbled(reason) => return (Outcome::Malformed, Some(format!("The answer is no valid HTTP: {reason}."))),
        Cut::Broken(reason) if !complete => {
            return (Outcome::FailedMidStream, Some(format!("The connection failed mid-stream: {reason}.")));
        }
        Cut::Closed if !complete => {
            return (Outcome::Truncated, Some("The server closed the connection before the stream's end.".to_owned()));
        }
        _ => {}
    }
    if summary.output_chunks == 0 {
        return (Outcome::Empty, Some("The stream ended without any output.".to_owned()));
    }
    if !summary.finished {
        return (Outcome::Truncated, Some("The stream ended without a finish reason.".to_owned()));
    }
    match tokens(summary).0 {
        Some(n) if n < expect_output_tokens => (Outcome::OkShort, None),
        _ => (Outcome::Ok, None),
    }
}

/// Judges a request that was never answered.
pub(super) fn of_silence(cut: &Cut, was_sent: bool) -> Verdict {
    match cut {
        _ if !was_sent => {
            (Outcome::ConnectFailed, Some("The connection was lost before the request was sent.".to_owned()))
        }
        Cut::Garbled(reason) => (Outcome::Malformed, Some(format!("The answer is no valid HTTP: {reason}."))),
        Cut::Broken(reason) => {
            (Outcome::FailedMidStream, Some(format!("The connection failed before the answer: {reason}.")))
        }
        Cut::Closed | Cut::Clean => {
            (Outcome::Truncated, Some("The server closed the connection without an answer.".to_owned()))
        }
    }
}

/// Judges an answer with another status than 200.
pub(super) fn of_refusal(status: StatusCode, body: &[u8]) -> Verdict {
    let said = message(body);
    let said = if said.is_empty() { "without a message.".to_owned() } else { sentence(&said) };
    let colon = if said.starts_with("without a message") { "" } else { ":" };
    (Outcome::Refused, Some(format!("The server answered {}{colon} {said}", status.as_u16())))
}

/// Output tokens by the server's usage, else by token ids, and which.
pub(super) fn tokens(summary: &StreamSummary) -> (Option<u32>, TokenSource) {
    if let Some(n) = summary.usage.and_then(|usage| usage.completion_tokens) {
        (Some(n), TokenSource::ServerUsage)
    } else if let Some(n) = summary.token_ids_total {
        (Some(n), TokenSource::TokenIds)
    } else {
        (None, TokenSource::Unknown)
    }
}

/// The message in an error body: of the usual JSON shapes, else its text.
fn message(body: &[u8]) -> String {
    let json: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let found = json.as_ref().and_then(|json| {
        ["/error/message", "/message", "/error", "/detail"].iter().find_map(|at| json.pointer(at)?.as_str())
    });
    match found {
        Some(text) => text.to_owned(),
        None => String::from_utf8_lossy(body).into_owned(),
    }
}

/// Bounded, on one line, with a full stop.
fn sentence(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut line: String = words.join(" ").chars().take(MESSAGE_CHARS).collect();
    if !line.ends_with(['.', '!', '?', '…']) {
        line.push('.');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::{Decoder, Protocol};

    fn check(body: &str, cut: Cut, expect: Outcome) {
        let mut decoder = Decoder::new(Protocol::OpenAiCompletions);
        decoder.feed(body.as_bytes(), 1, &mut |_| {});
        let (outcome, sentence) = of_stream(&decoder.finish(2, &mut |_| {}), &cut, 2);
        assert_eq!(outcome, expect, "{body:?} {cut:?} {sentence:?}");
        assert_eq!(sentence.is_none(), outcome.is_ok(), "a failure has a sentence: {sentence:?}");
    }

    const TEXT: &str = "data: {\"choices\":[{\"index\":0,\"text\":\"a\",\"finish_reason\":null}]}\n\n";
    const LAST: &str = "data: {\"choices\":[{\"index\":0,\"text\":\"b\",\"finish_reason\":\"length\"}]}\n\n";
    const ONE: &str = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1}}\n\n";
    const DONE: &str = "data: [DONE]\n\n";

    #[test]
    fn streams() {
        check(&[TEXT, LAST, DONE].concat(), Cut::Clean, Outcome::Ok);
        check(&[LAST, ONE, DONE].concat(), Cut::Clean, Outcome::OkShort);
        check(&[TEXT, LAST].concat(), Cut::Clean, Outcome::Ok);
        check(&[TEXT, DONE].concat(), Cut::Clean, Outcome::Truncated);
        check(&[TEXT, TEXT].concat(), Cut::Closed, Outcome::Truncated);
        check(&[TEXT, LAST, DONE].concat(), Cut::Closed, Outcome::Ok);
        check(DONE, Cut::Clean, Outcome::Empty);
        check(TEXT, Cut::Broken("reset".into()), Outcome::FailedMidStream);
        check(TEXT, Cut::Garbled("chunk size".into()), Outcome::Malformed);
        check("data: {oops\n\n", Cut::Clean, Outcome::Malformed);
        check(&[TEXT, "data: {\"error\":{\"message\":\"boom\"}}\n\n"].concat(), Cut::Clean, Outcome::FailedMidStream);
    }

    #[test]
    fn refusals() {
        let said = |body: &str| of_refusal(StatusCode::SERVICE_UNAVAILABLE, body.as_bytes()).1.unwrap();
        assert_eq!(said("{\"error\":{\"message\":\"full\"}}"), "The server answered 503: full.");
        assert_eq!(said("{\"detail\":\"no\\nroom.\"}"), "The server answered 503: no room.");
        assert_eq!(said("busy"), "The server answered 503: busy.");
        assert_eq!(said(""), "The server answered 503 without a message.");
        assert!(said(&"x".repeat(9_000)).len() < 500);
    }
}
