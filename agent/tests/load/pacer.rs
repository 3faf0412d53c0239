//! Owns the proof that the pacing server speaks its protocols, counts exactly, and misbehaves only as told.
//! Must not know the load generator.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use tokenprism::bench::{Ending, PacerConfig, spawn_pacer_in_process};
use tokenprism::stream::{Decoder, FinishReason, Protocol, StreamSummary};

const PROTOCOLS: [Protocol; 3] = [Protocol::OpenAiCompletions, Protocol::OpenAiChat, Protocol::TgiGenerateStream];

fn request(protocol: Protocol, id: u64, tokens: u32) -> Vec<u8> {
    let openai = format!(
        r#""max_tokens":{tokens},"stream":true,"return_token_ids":true,"stream_options":{{"include_usage":true}}"#
    );
    let (path, body) = match protocol {
        Protocol::OpenAiCompletions => ("/v1/completions", format!(r#"{{"prompt":"request-{id} go",{openai}}}"#)),
        Protocol::OpenAiChat => (
            "/v1/chat/completions",
            format!(r#"{{"messages":[{{"role":"user","content":"request-{id} go"}}],{openai}}}"#),
        ),
        Protocol::TgiGenerateStream => (
            "/generate_stream",
            format!(r#"{{"inputs":"request-{id} go","parameters":{{"max_new_tokens":{tokens},"details":true}}}}"#),
        ),
    };
    format!("POST {path} HTTP/1.1\r\nhost: pacer\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn connect(addr: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(addr).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    socket
}

/// Reads one answer: its status, its body without the transfer encoding, and whether the body was ended in order.
fn answer(socket: &mut TcpStream) -> (u16, Vec<u8>, bool) {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break at;
        }
        let mut byte = [0];
        assert_eq!(socket.read(&mut byte).unwrap(), 1, "closed within the head");
        bytes.push(byte[0]);
    };
    let head = std::str::from_utf8(&bytes[..head]).unwrap();
    let status = head[9..12].parse().unwrap();
    if let Some(length) = head.lines().find_map(|l| l.strip_prefix("content-length: ")) {
        let mut body = vec![0; length.parse().unwrap()];
        socket.read_exact(&mut body).unwrap();
        return (status, body, true);
    }
    let mut body = Vec::new();
    loop {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            let mut byte = [0];
            match socket.read(&mut byte) {
                Ok(1) => line.push(byte[0]),
                _ => return (status, body, false),
            }
        }
        let length = usize::from_str_radix(std::str::from_utf8(&line).unwrap().trim(), 16).unwrap();
        let mut chunk = vec![0; length + 2];
        socket.read_exact(&mut chunk).unwrap();
        if length == 0 {
            return (status, body, true);
        }
        body.extend_from_slice(&chunk[..length]);
    }
}

fn decode(protocol: Protocol, body: &[u8]) -> (Vec<Option<u32>>, StreamSummary) {
    let mut counts = Vec::new();
    let mut decoder = Decoder::new(protocol);
    decoder.feed(body, 1, &mut |arrival| counts.push(arrival.tokens));
    let summary = decoder.finish(2, &mut |arrival| counts.push(arrival.tokens));
    (counts, summary)
}

#[test]
fn every_protocol_has_exactly_the_tokens_asked_for_and_the_account_says_the_same() {
    for (tokens, tokens_per_chunk, chunks_per_write) in
        [(1, 1, 1), (5, 1, 1), (7, 3, 1), (64, 1, 1), (64, 1, 10), (7, 3, 2)]
    {
        let config = PacerConfig { tokens_per_chunk, chunks_per_write, ..PacerConfig::default() };
        let pacer = spawn_pacer_in_process(config).unwrap();
        // One connection for all: it is kept open between answers.
        let mut socket = connect(pacer.addr);
        for (id, protocol) in PROTOCOLS.into_iter().enumerate() {
            socket.write_all(&request(protocol, id as u64, tokens)).unwrap();
            let (status, body, ended) = answer(&mut socket);
            assert_eq!((status, ended), (200, true));
            let (counts, summary) = decode(protocol, &body);
            let told: u32 = counts.iter().map(|n| n.expect("each chunk says its tokens")).sum();
            assert_eq!(told, tokens, "{protocol:?}");
            assert_eq!(summary.usage.unwrap().completion_tokens, Some(tokens), "{protocol:?}");
            assert_eq!(summary.finish_reason, Some(FinishReason::Length), "{protocol:?}");
            assert!(summary.done_seen && summary.error.is_none() && summary.malformed.is_none(), "{summary:?}");
            assert!(summary.anomalies.is_empty(), "{summary:?}");
        }
        let account = pacer.account().unwrap();
        assert_eq!(account.requests.len(), PROTOCOLS.len());
        for (id, served) in account.requests.iter().enumerate() {
            assert_eq!(served.client_id, Some(id as u64));
            assert_eq!((served.asked_tokens, served.tokens()), (tokens, u64::from(tokens)));
            assert_eq!(served.chunks.len() as u32, tokens.div_ceil(tokens_per_chunk));
            assert_eq!(served.end, Some(Ending::Complete));
            assert!(served.chunks.iter().all(|c| c.sent_ns >= c.due_ns && c.sent_ns >= served.read_ns));
        }
    }
}

#[test]
fn what_is_due_later_is_never_sent_earlier() {
    let (ttft_ns, gap_ns) = (3_000_000, 1_000_000);
    let pacer = spawn_pacer_in_process(PacerConfig { ttft_ns, gap_ns, ..PacerConfig::default() }).unwrap();
    let mut socket = connect(pacer.addr);
    socket.write_all(&request(Protocol::OpenAiCompletions, 1, 8)).unwrap();
    answer(&mut socket);
    let account = pacer.account().unwrap();
    let served = &account.requests[0];
    for (i, chunk) in served.chunks.iter().enumerate() {
        assert_eq!(chunk.due_ns, served.read_ns + ttft_ns + i as u64 * gap_ns);
        assert!(chunk.sent_ns >= chunk.due_ns);
    }
}

#[test]
fn many_streams_at_once_are_all_accounted_for() {
    let pacer = spawn_pacer_in_process(PacerConfig { gap_ns: 1_000_000, ..PacerConfig::default() }).unwrap();
    let mut sockets: Vec<TcpStream> = (0..100).map(|_| connect(pacer.addr)).collect();
    for (id, socket) in sockets.iter_mut().enumerate() {
        socket.write_all(&request(Protocol::OpenAiCompletions, id as u64, 20)).unwrap();
    }
    for socket in &mut sockets {
        let (_, body, _) = answer(socket);
        assert_eq!(decode(Protocol::OpenAiCompletions, &body).0.len(), 20);
    }
    let account = pacer.account().unwrap();
    let mut ids: Vec<u64> = account.requests.iter().map(|r| r.client_id.unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..100).collect::<Vec<u64>>());
    assert!(account.requests.iter().all(|r| r.tokens() == 20 && r.end == Some(Ending::Complete)));
    assert!((1..=100).contains(&account.in_flight_peak));
}

#[test]
fn a_status_that_it_is_told_to_give() {
    let pacer = spawn_pacer_in_process(PacerConfig { fail_with_status: Some(503), ..PacerConfig::default() }).unwrap();
    let mut socket = connect(pacer.addr);
    socket.write_all(&request(Protocol::OpenAiChat, 1, 4)).unwrap();
    let (status, body, _) = answer(&mut socket);
    assert_eq!(status, 503);
    assert!(String::from_utf8(body).unwrap().contains("told to fail"));
    assert_eq!(pacer.account().unwrap().requests[0].end, Some(Ending::AsTold));
}

#[test]
fn a_connection_that_dies_after_some_tokens() {
    let pacer = spawn_pacer_in_process(PacerConfig { die_after_tokens: Some(3), ..PacerConfig::default() }).unwrap();
    for protocol in PROTOCOLS {
        let mut socket = connect(pacer.addr);
        socket.write_all(&request(protocol, 1, 8)).unwrap();
        let (status, body, ended) = answer(&mut socket);
        assert_eq!((status, ended), (200, false));
        let (counts, summary) = decode(protocol, &body);
        assert_eq!((counts.len(), summary.done_seen), (3, false), "{protocol:?}");
    }
    assert!(pacer.account().unwrap().requests.iter().all(|r| r.tokens() == 3 && r.end == Some(Ending::AsTold)));
}

#[test]
fn an_error_in_the_middle_of_a_stream() {
    let pacer = spawn_pacer_in_process(PacerConfig { error_mid_stream: Some(2), ..PacerConfig::default() }).unwrap();
    for protocol in PROTOCOLS {
        let mut socket = connect(pacer.addr);
        socket.write_all(&request(protocol, 1, 8)).unwrap();
        let (status, body, ended) = answer(&mut socket);
        assert_eq!((status, ended), (200, true));
        let (counts, summary) = decode(protocol, &body);
        assert_eq!(counts.len(), 2);
        assert!(summary.error.is_some_and(|e| e.message.contains("told to")), "{protocol:?}");
    }
}

#[test]
fn a_request_that_is_never_answered_and_a_client_that_gives_up() {
    let pacer = spawn_pacer_in_process(PacerConfig { never_answer: true, ..PacerConfig::default() }).unwrap();
    let mut socket = connect(pacer.addr);
    socket.write_all(&request(Protocol::OpenAiCompletions, 1, 4)).unwrap();
    socket.shutdown(std::net::Shutdown::Write).unwrap();
    let mut bytes = Vec::new();
    socket.read_to_end(&mut bytes).unwrap();
    assert!(bytes.is_empty());
    let account = pacer.account().unwrap();
    assert_eq!(account.requests[0].chunks.len(), 0);
    assert_eq!(account.requests[0].end, Some(Ending::ClientGone));
}

#[test]
fn small_questions_and_whole_answers() {
    let pacer = spawn_pacer_in_process(PacerConfig::default()).unwrap();
    let mut socket = connect(pacer.addr);
    socket.write_all(b"GET /v1/models HTTP/1.1\r\n\r\nGET /health HTTP/1.1\r\n\r\nGET /no HTTP/1.1\r\n\r\n").unwrap();
    let (status, body, _) = answer(&mut socket);
    assert!(status == 200 && String::from_utf8(body).unwrap().contains(r#""id":"pacer""#));
    assert_eq!(answer(&mut socket).0, 200);
    assert_eq!(answer(&mut socket).0, 404);
    let body = r#"{"prompt":"x","max_tokens":3}"#;
    socket
        .write_all(format!("POST /v1/completions HTTP/1.1\r\ncontent-length: {}\r\n\r\n{body}", body.len()).as_bytes())
        .unwrap();
    let (status, body, _) = answer(&mut socket);
    assert_eq!((status, String::from_utf8(body).unwrap().matches(" tick").count()), (200, 3));
}
