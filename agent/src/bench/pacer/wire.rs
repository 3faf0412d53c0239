//! Owns how heads, chunks and ends of an answer are spelled in each protocol.
//! Must not know sockets or time.

use super::request::Work;
use crate::stream::Protocol;

/// Text of one token.
pub(in crate::bench) const TOKEN_TEXT: &str = " tick";
/// Id of one token.
const TOKEN_ID: u32 = 7;
/// The one model.
pub(in crate::bench) const MODEL: &str = "pacer";
/// Prompt tokens that usage states: the server does not tokenise.
const PROMPT_TOKENS: u32 = 8;

/// Appends the head of a streamed answer, and the role event where the protocol has one.
pub(super) fn stream_head(out: &mut Vec<u8>, work: &Work) {
    out.extend_from_slice(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n\
          transfer-encoding: chunked\r\n\r\n",
    );
    if work.protocol == Protocol::OpenAiChat {
        openai_event(out, work, r#""delta":{"role":"assistant","content":""}"#, 0, false);
    }
}

/// Appends one chunk of `tokens` tokens, of which `before` were sent; `last` where they complete the request.
/// TGI has one event a token, so there a chunk is several events in one write.
pub(super) fn chunk(out: &mut Vec<u8>, work: &Work, before: u32, tokens: u32, last: bool) {
    match work.protocol {
        Protocol::OpenAiCompletions => {
            let text = TOKEN_TEXT.repeat(tokens as usize);
            openai_event(out, work, &format!(r#""text":"{text}""#), tokens, last);
        }
        Protocol::OpenAiChat => {
            let text = TOKEN_TEXT.repeat(tokens as usize);
            openai_event(out, work, &format!(r#""delta":{{"content":"{text}"}}"#), tokens, last);
        }
        Protocol::TgiGenerateStream => {
            for n in 1..=tokens {
                let index = before + n;
                let (text, details) = match last && n == tokens {
                    true => (
                        format!(r#""{}""#, TOKEN_TEXT.repeat(index as usize)),
                        format!(r#"{{"finish_reason":"length","generated_tokens":{index},"seed":null}}"#),
                    ),
                    false => ("null".to_owned(), "null".to_owned()),
                };
                event(
                    out,
                    &format!(
                        r#"{{"index":{index},"token":{{"id":{TOKEN_ID},"text":"{TOKEN_TEXT}","logprob":-1.5,"special":false}},"generated_text":{text},"details":{details}}}"#
                    ),
                );
            }
        }
    }
}

/// Appends what follows the last token: usage where asked for, `[DONE]`, and the end of the body.
pub(super) fn stream_end(out: &mut Vec<u8>, work: &Work, tokens: u32) {
    if work.protocol != Protocol::TgiGenerateStream {
        if work.usage {
            event(out, &format!(r#"{{{},"choices":[],"usage":{}}}"#, opening(work), usage(tokens)));
        }
        event(out, "[DONE]");
    }
    out.extend_from_slice(b"0\r\n\r\n");
}

/// Appends an error inside the stream in the protocol's own shape, and the end of the body.
pub(super) fn stream_error(out: &mut Vec<u8>, work: &Work) {
    match work.protocol {
        Protocol::TgiGenerateStream => {
            event(out, r#"{"error":"Request failed during generation: told to","error_type":"generation"}"#);
        }
        _ => {
            event(out, r#"{"error":{"message":"told to fail","type":"InternalServerError","param":null,"code":500}}"#);
            event(out, "[DONE]");
        }
    }
    out.extend_from_slice(b"0\r\n\r\n");
}

/// Appends a whole answer that is not a stream.
pub(super) fn whole(out: &mut Vec<u8>, work: &Work) {
    let text = TOKEN_TEXT.repeat(work.tokens as usize);
    let answer = match work.protocol {
        Protocol::OpenAiChat => format!(r#""message":{{"role":"assistant","content":"{text}"}}"#),
        _ => format!(r#""text":"{text}""#),
    };
    let body = format!(
        r#"{{{},"choices":[{{"index":0,{answer},"logprobs":null,"finish_reason":"length"}}],"usage":{}}}"#,
        opening(work).replace(".chunk", ""),
        usage(work.tokens)
    );
    plain(out, 200, "application/json", body.as_bytes());
}

/// Appends an error with its own status.
pub(super) fn refusal(out: &mut Vec<u8>, status: u16, message: &str) {
    let body = format!(r#"{{"error":{{"message":"{message}","type":"pacer","param":null,"code":{status}}}}}"#);
    plain(out, status, "application/json", body.as_bytes());
}

/// Appends the list of models.
pub(super) fn models(out: &mut Vec<u8>) {
    let body = format!(r#"{{"object":"list","data":[{{"id":"{MODEL}","object":"model","owned_by":"tokenprism"}}]}}"#);
    plain(out, 200, "application/json", body.as_bytes());
}

/// Appends an answer of known length.
pub(super) fn plain(out: &mut Vec<u8>, status: u16, content_type: &str, body: &[u8]) {
    let head =
        format!("HTTP/1.1 {status} Pacer\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\r\n", body.len());
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(body);
}

fn openai_event(out: &mut Vec<u8>, work: &Work, payload: &str, tokens: u32, last: bool) {
    let finish = if last { r#""length""# } else { "null" };
    let ids = match work.token_ids && tokens > 0 {
        true => format!(r#","token_ids":{:?}"#, vec![TOKEN_ID; tokens as usize]),
        false => String::new(),
    };
    let choice = format!(r#"{{"index":0,{payload},"logprobs":null,"finish_reason":{finish}{ids}}}"#);
    event(out, &format!(r#"{{{},"choices":[{choice}]}}"#, opening(work)));
}

fn opening(work: &Work) -> String {
    let (id, object) = match work.protocol {
        Protocol::OpenAiChat => ("chatcmpl-pacer", "chat.completion.chunk"),
        _ => ("cmpl-pacer", "text_completion"),
    };
    format!(r#""id":"{id}","object":"{object}","created":1700000000,"model":"{MODEL}""#)
}

fn usage(tokens: u32) -> String {
    let total = PROMPT_TOKENS + tokens;
    format!(r#"{{"prompt_tokens":{PROMPT_TOKENS},"total_tokens":{total},"completion_tokens":{tokens}}}"#)
}

/// One SSE event in one HTTP chunk.
fn event(out: &mut Vec<u8>, data: &str) {
    let bytes = "data: ".len() + data.len() + "\n\n".len();
    out.extend_from_slice(format!("{bytes:x}\r\ndata: {data}\n\n\r\n").as_bytes());
}
