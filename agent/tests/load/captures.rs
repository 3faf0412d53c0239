//! Owns the check that recorded bytes of real servers decode to the counts that their requests imply.
//! Must not know fixtures of our own making; `stream_fixtures` has those.

// Helpers of a test may fail it; clippy exempts only the test functions themselves.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use tokenprism::stream::{Arrival, Channel, CountSource, Decoder, FinishReason, Protocol, StreamSummary};

/// One recorded response that is an event stream.
struct Capture {
    /// `FOLDER/NAME`.
    name: String,
    protocol: Protocol,
    request: Value,
    body: Vec<u8>,
}

struct Decoded {
    name: String,
    request: Value,
    arrivals: Vec<Arrival>,
    summary: StreamSummary,
}

impl Decoded {
    /// Output tokens that the server accounted for, by either of its accounts.
    fn output_tokens(&self) -> Option<u32> {
        self.summary.usage.and_then(|usage| usage.completion_tokens).or(self.summary.token_ids_total)
    }

    /// Output tokens that the request allows.
    fn limit(&self) -> Option<u32> {
        let body = &self.request;
        let limit = body.get("max_tokens").or_else(|| body.get("max_completion_tokens"));
        let limit = limit.or_else(|| body.pointer("/parameters/max_new_tokens"))?;
        u32::try_from(limit.as_u64()?).ok()
    }
}

fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("TOKENPRISM_CAPTURES")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/captures"), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: no captures at {}; name the folder in TOKENPRISM_CAPTURES", folder.display());
    None
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Head and body of a recorded response, the body freed of its chunked coding.
fn response(raw: &[u8]) -> Option<(String, Vec<u8>)> {
    let end = raw.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&raw[..end]).to_ascii_lowercase();
    let mut rest = &raw[end + 4..];
    if !head.contains("transfer-encoding: chunked") {
        return Some((head, rest.to_vec()));
    }
    let mut body = Vec::new();
    while let Some(line) = rest.windows(2).position(|window| window == b"\r\n") {
        let size = String::from_utf8_lossy(&rest[..line]).into_owned();
        let size = usize::from_str_radix(size.split(';').next().unwrap_or("").trim(), 16).unwrap();
        if size == 0 {
            break;
        }
        rest = &rest[line + 2..];
        body.extend_from_slice(&rest[..size.min(rest.len())]);
        rest = rest.get(size + 2..).unwrap_or(&[]);
    }
    Some((head, body))
}

fn protocol(path: &str) -> Option<Protocol> {
    match path {
        "/v1/completions" => Some(Protocol::OpenAiCompletions),
        "/v1/chat/completions" => Some(Protocol::OpenAiChat),
        // TGI answers its root like `/generate_stream` when the body asks for a stream.
        "/generate_stream" | "/" => Some(Protocol::TgiGenerateStream),
        _ => None,
    }
}

fn captures(folder: &Path) -> Vec<Capture> {
    let mut captures = Vec::new();
    for path in files(folder, ".raw") {
        let Ok(meta) = fs::read(format!("{}.meta.json", path.display())) else { continue };
        let meta: Value = serde_json::from_slice(&meta).unwrap();
        let Some(protocol) = meta["request_path"].as_str().and_then(protocol) else { continue };
        let Some((head, body)) = response(&fs::read(&path).unwrap()) else { continue };
        if !head.starts_with("http/1.1 200") && !head.starts_with("http/1.0 200") || !head.contains("text/event-stream")
        {
            continue;
        }
        let name = path.strip_prefix(folder).unwrap().with_extension("").to_string_lossy().into_owned();
        captures.push(Capture { name, protocol, request: meta["request_body"].clone(), body });
    }
    captures
}

fn decode<'a>(protocol: Protocol, pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Arrival>, StreamSummary) {
    let mut arrivals = Vec::new();
    let mut decoder = Decoder::new(protocol);
    for piece in pieces {
        decoder.feed(piece, 1, &mut |arrival| arrivals.push(arrival));
    }
    let summary = decoder.finish(1, &mut |arrival| arrivals.push(arrival));
    (arrivals, summary)
}

/// Checks that one stream is what its request implies.
fn check(decoded: &Decoded, protocol: Protocol) {
    let Decoded { name, request, arrivals, summary } = decoded;
    assert_eq!(summary.malformed, None, "{name}");
    let several_prompts = request["prompt"].as_array().is_some_and(|prompts| prompts.iter().any(Value::is_string));
    if !several_prompts {
        assert_eq!(summary.anomalies, [], "{name}");
    }
    assert_eq!(summary.output_chunks as usize, arrivals.len(), "{name}");
    if protocol == Protocol::TgiGenerateStream {
        assert!(arrivals.iter().all(|arrival| arrival.tokens == Some(1)), "{name}: one event, one token");
        assert_eq!(summary.token_ids_total, (!arrivals.is_empty()).then_some(summary.output_chunks), "{name}");
    }
    if summary.error.is_some() {
        // Of two prompts one may fail and the other end well.
        assert!(several_prompts || !summary.finished, "{name}: a failed stream has no finish reason");
        return;
    }
    if !summary.finished {
        assert!(!summary.done_seen, "{name}: cut off, so without a last event");
        assert!(Some(summary.output_chunks) < decoded.limit(), "{name}: cut off before all tokens came");
        return;
    }
    let asked_usage = request.pointer("/stream_options/include_usage").and_then(Value::as_bool) == Some(true);
    let expect = OTHER_THAN_ASKED.iter().find(|(other, _)| *other == name.as_str()).map(|&(_, tokens)| tokens);
    let expect = expect.or(decoded.limit());
    match (decoded.output_tokens(), &summary.finish_reason) {
        (Some(tokens), Some(FinishReason::Stop)) => {
            assert!(decoded.limit().is_none_or(|limit| tokens < limit), "{name}")
        }
        (Some(tokens), _) => assert_eq!(Some(tokens), expect, "{name}"),
        (None, _) => {
            assert!(!asked_usage, "{name}: usage was asked for");
            assert!(Some(summary.output_chunks) <= expect, "{name}: no more chunks than tokens");
        }
    }
    if !several_prompts {
        assert!(decoded.output_tokens().is_none_or(|tokens| summary.output_chunks <= tokens), "{name}");
    }
}

/// Streams whose length is not the one asked for, by the server's own rules.
const OTHER_THAN_ASKED: [(&str, u32); 5] = [
    // TGI generates in runs of 1,024 tokens.
    ("tgi-3.3.7-router/chat_1500_requeue", 2048),
    ("tgi-3.3.7-router/gs_1500_tokens_requeue", 2048),
    // Clamped to what the context holds; the second asked for no limit.
    ("tgi-3.3.7-router/gs_20000_over_total", 4096),
    ("tgi-3.3.7-router/gs_nomax_8192", 4096),
    // An end-of-sequence token; without details there is no finish reason to say so.
    ("tgi-3.3.7-router/gs_eos_nodetails", 5),
];

/// Streams whose chunks are not their tokens: tokens, output chunks, chunks without text, source of the counts.
const CHUNKS_AND_TOKENS: [(&str, u32, u32, usize, CountSource); 7] = [
    ("llama-server/conc_0", 400, 192, 0, CountSource::Unknown),
    ("vllm-0.32-cpu/completions_stream_interval", 8, 3, 0, CountSource::Unknown),
    ("vllm-0.32-cpu/sigterm_shutdown_timeout3", 500, 250, 0, CountSource::Unknown),
    ("vllm-0.32-cpu/chat_stream_cont_usage", 3, 3, 0, CountSource::ContinuousUsage),
    ("vllm-0.32-cpu/completions_ids_token_ids", 3, 3, 0, CountSource::TokenIds),
    ("transformers-serve/sigterm_inflight", 900, 899, 0, CountSource::Unknown),
    ("tgi-3.3.7-router/gs_utf_split", 8, 8, 1, CountSource::TokenIds),
];

#[test]
fn recorded_streams_decode_to_what_was_asked() {
    let Some(folder) = folder() else { return };
    let captures = captures(&folder);
    assert!(!captures.is_empty(), "no recorded stream in {}", folder.display());
    for Capture { name, protocol, request, body } in captures {
        let whole = decode(protocol, [body.as_slice()].into_iter());
        assert_eq!(whole, decode(protocol, body.chunks(1)), "{name}: whole and byte by byte");
        let (arrivals, summary) = whole;
        let decoded = Decoded { name, request, arrivals, summary };
        check(&decoded, protocol);
        for (name, tokens, chunks, without_text, source) in CHUNKS_AND_TOKENS {
            if name == decoded.name {
                assert_eq!(decoded.output_tokens(), Some(tokens), "{name}");
                assert_eq!(decoded.summary.output_chunks, chunks, "{name}");
                let empty = decoded.arrivals.iter().filter(|arrival| arrival.channel == Channel::CountOnly);
                assert_eq!(empty.count(), without_text, "{name}");
                assert_eq!(decoded.summary.count_source, source, "{name}");
            }
        }
    }
}

/// The H100's responses stand in one text file, their transfer coding already taken off.
#[test]
fn recorded_vllm_on_a_gpu_decodes_to_its_usage() {
    let Some(folder) = folder() else { return };
    let Ok(wire) = fs::read_to_string(folder.join("vllm-0.25.1-h100/wire.txt")) else {
        eprintln!("skipped: no vllm-0.25.1-h100/wire.txt among the captures");
        return;
    };
    let wire = wire.replace('\r', "");
    let mut totals = Vec::new();
    for section in wire.split("### ").skip(1) {
        let Some((head, body)) = section.split_once("\n\n") else { continue };
        if !head.contains("text/event-stream") {
            continue;
        }
        let protocol = if head.starts_with("chat") { Protocol::OpenAiChat } else { Protocol::OpenAiCompletions };
        let (arrivals, summary) = decode(protocol, [body.as_bytes()].into_iter());
        assert_eq!((summary.malformed, summary.error, summary.anomalies), (None, None, vec![]), "{head}");
        assert_eq!(summary.finish_reason, Some(FinishReason::Length), "{head}");
        totals.push(summary.usage.and_then(|usage| usage.completion_tokens));
        if head.contains("continuous usage") {
            let tokens: Vec<_> = arrivals.iter().map(|arrival| arrival.tokens).collect();
            assert_eq!(tokens, [Some(1); 4], "{head}");
        }
    }
    assert_eq!(totals, [Some(6), Some(4), Some(6)]);
}

/// SGLang's chunks are given without a response head.
#[test]
fn sglangs_own_formatter_decodes_to_its_one_token() {
    let Some(folder) = folder() else { return };
    let Ok(body) = fs::read(folder.join("sglang-0.5.23-synthesised/chat_chunks_from_sse_utils.raw")) else {
        eprintln!("skipped: no sglang-0.5.23-synthesised among the captures");
        return;
    };
    let (arrivals, summary) = decode(Protocol::OpenAiChat, [body.as_slice()].into_iter());
    let arrivals: Vec<_> = arrivals.iter().map(|arrival| (arrival.channel, arrival.text_bytes)).collect();
    assert_eq!(arrivals, [(Channel::Content, 3)]);
    assert_eq!(summary.finish_reason, Some(FinishReason::Length));
    assert_eq!(summary.anomalies, []);
}
