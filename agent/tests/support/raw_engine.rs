//! Owns small raw TCP servers on loopback that play the engine, and one trial of load against them.
//! Must not know what is tested.
#![allow(dead_code, missing_docs, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "test support fails by panicking")]

use bytes::Bytes;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokenprism::load::{self, Arrivals, Clock, Limits, LoadEvent, Request, Stop, Target, TrialEnd, TrialSpec, Work};
use tokenprism::record::RequestRecord;
use tokenprism::stream::Protocol;

pub const MS: u64 = 1_000_000;
pub const S: u64 = 1_000 * MS;

/// What a server has seen.
#[derive(Default)]
pub struct Seen {
    pub posts: AtomicU32,
    pub connections: AtomicU32,
    in_flight: AtomicU32,
    pub peak: AtomicU32,
}

/// Answers one request, whose number counts from 0; true to keep the connection.
type Answer = Arc<dyn Fn(u32, &mut TcpStream) -> std::io::Result<bool> + Send + Sync>;

pub fn serve(
    answer: impl Fn(u32, &mut TcpStream) -> std::io::Result<bool> + Send + Sync + 'static,
) -> (u16, Arc<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (seen, answer): (Arc<Seen>, Answer) = (Arc::default(), Arc::new(answer));
    let shared = Arc::clone(&seen);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (seen, answer) = (Arc::clone(&shared), Arc::clone(&answer));
            seen.connections.fetch_add(1, Ordering::SeqCst);
            let talk = move || drop(converse(stream, &seen, &answer));
            std::thread::Builder::new().stack_size(128 * 1024).spawn(talk).unwrap();
        }
    });
    (port, seen)
}

fn converse(mut stream: TcpStream, seen: &Seen, answer: &Answer) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let mut length = 0;
        let mut line = String::new();
        loop {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if let Some(n) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = n.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        reader.read_exact(&mut vec![0; length])?;
        let number = seen.posts.fetch_add(1, Ordering::SeqCst);
        seen.peak.fetch_max(seen.in_flight.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let keep = answer(number, &mut stream);
        seen.in_flight.fetch_sub(1, Ordering::SeqCst);
        if !keep? {
            return Ok(());
        }
    }
}

pub const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
pub const TEXT: &str = "data: {\"choices\":[{\"index\":0,\"text\":\"a\",\"finish_reason\":null}]}\n\n";
pub const LAST: &str = "data: {\"choices\":[{\"index\":0,\"text\":\"b\",\"finish_reason\":\"length\"}]}\n\n";
pub const DONE: &str = "data: [DONE]\n\n";

pub fn chunk(stream: &mut TcpStream, text: &str) -> std::io::Result<()> {
    stream.write_all(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes())
}

/// A whole answer of `n` tokens with usage.
pub fn whole(stream: &mut TcpStream, n: u32, gap: Duration) -> std::io::Result<bool> {
    stream.write_all(HEAD.as_bytes())?;
    for _ in 1..n {
        chunk(stream, TEXT)?;
        std::thread::sleep(gap);
    }
    chunk(stream, LAST)?;
    let usage = format!("data: {{\"choices\":[],\"usage\":{{\"prompt_tokens\":7,\"completion_tokens\":{n}}}}}\n\n");
    chunk(stream, &usage)?;
    chunk(stream, DONE)?;
    stream.write_all(b"0\r\n\r\n")?;
    Ok(true)
}

pub fn spec(port: u16, concurrency: u32, stop: Stop) -> TrialSpec {
    let (host, path) = ("127.0.0.1".to_owned(), "/v1/completions".to_owned());
    TrialSpec {
        target: Target { tls: false, host, port, path, headers: vec![], protocol: Protocol::OpenAiCompletions },
        arrivals: Arrivals::Closed(concurrency),
        stop,
        warmup_ns: 0,
        limits: Limits {
            connect_ns: 20 * S,
            first_token_ns: 20 * S,
            idle_ns: 20 * S,
            total_ns: 20 * S,
            drain_ns: 20 * S,
        },
        first_id: 100,
        work: Arc::new(|place| one(format!("{{\"prompt\":\"{}\"}}", place.id))),
    }
}

/// A piece of work of one request that asks for four tokens.
pub fn one(body: impl Into<Bytes>) -> Work {
    Work { requests: vec![Request { body: body.into(), expect_output_tokens: 4 }], think_ns: 0 }
}

pub struct Trial {
    pub records: Vec<RequestRecord>,
    pub end: TrialEnd,
    pub millitokens: u64,
    pub in_flight_ns: u64,
    pub opened: Option<u64>,
}

pub fn run(spec: TrialSpec) -> Trial {
    let mut handle = load::start(spec, Clock::starting_now()).unwrap();
    let (mut records, mut millitokens, mut in_flight_ns, mut opened) = (Vec::new(), 0, 0, None);
    while let Some(event) = handle.events.blocking_recv() {
        match event {
            LoadEvent::WindowOpened { t_ns } => assert_eq!(opened.replace(t_ns), None, "opened twice"),
            LoadEvent::Progress(progress) => {
                millitokens += progress.bins.iter().map(|b| b.millitokens).sum::<u64>();
                in_flight_ns += progress.bins.iter().map(|b| b.in_flight_ns).sum::<u64>();
                records.extend(progress.ended);
            }
            LoadEvent::Done(end) => {
                assert_eq!(handle.events.blocking_recv(), None, "something after the end");
                records.sort_by_key(|r| r.id);
                let ids: Vec<u64> = records.iter().map(|r| r.id).collect();
                assert_eq!(ids, (100..100 + ids.len() as u64).collect::<Vec<_>>(), "each number once, without gaps");
                return Trial { records, end, millitokens, in_flight_ns, opened };
            }
        }
    }
    panic!("the load generator ended without a result");
}
