//! Owns pieces of work ready to be sent, written in order on a thread of their own, ahead of need.
//! Must not know when they are sent.

use super::{LoadError, Offsets, Place, Target, WorkFn};
use bytes::{BufMut, Bytes, BytesMut};
use http::header::{ACCEPT, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// Most pieces written ahead.
const AHEAD: u32 = 1024;
/// Most bytes of them; one piece may be longer.
const AHEAD_BYTES: u64 = 64 << 20;

/// One request ready to be sent.
#[derive(Debug)]
pub(super) struct Turn {
    pub id: u64,
    /// Head and body.
    pub bytes: Bytes,
    /// Output tokens that it asks for; 0 where nothing is known.
    pub expect_output_tokens: u32,
}

/// A piece of work: requests that follow one another.
#[derive(Debug)]
pub(super) struct Prepared {
    /// When it is due, ns from the start of load; open loop only.
    pub offset_ns: Option<u64>,
    /// At least one.
    pub turns: Vec<Turn>,
    /// Pause before each turn but the first, ns.
    pub think_ns: u64,
}

impl Prepared {
    fn bytes(&self) -> u64 {
        self.turns.iter().map(|turn| turn.bytes.len() as u64).sum()
    }
}

/// What all requests of a trial have in common: everything of the head before the length of the body. Secrets stand in
/// it, so that it is never printed.
#[derive(Clone)]
pub(super) struct Template {
    head: Bytes,
}

impl Template {
    /// Checks the target's path and headers.
    pub fn of(target: &Target) -> Result<Self, LoadError> {
        let uri = Uri::try_from(target.path.as_str()).ok().filter(|_| target.path.starts_with('/'));
        let uri = uri.ok_or_else(|| LoadError::Path(target.path.clone()))?;
        let mut headers = HeaderMap::new();
        headers.insert(HOST, value("host", &authority(target))?);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        for (name, text) in &target.headers {
            let parsed = HeaderName::try_from(name.as_str()).map_err(|_| LoadError::Header(name.clone()))?;
            headers.insert(parsed, value(name, text.expose())?);
        }
        let mut head = BytesMut::new();
        head.put_slice(format!("POST {uri} HTTP/1.1\r\n").as_bytes());
        for (name, value) in &headers {
            head.put_slice(name.as_str().as_bytes());
            head.put_slice(b": ");
            head.put_slice(value.as_bytes());
            head.put_slice(b"\r\n");
        }
        Ok(Self { head: head.freeze() })
    }

    fn request(&self, body: &[u8]) -> Bytes {
        let length = format!("content-length: {}\r\n\r\n", body.len());
        let mut bytes = BytesMut::with_capacity(self.head.len() + length.len() + body.len());
        bytes.put_slice(&self.head);
        bytes.put_slice(length.as_bytes());
        bytes.put_slice(body);
        bytes.freeze()
    }
}

fn value(name: &str, text: &str) -> Result<HeaderValue, LoadError> {
    HeaderValue::from_str(text).map_err(|_| LoadError::Header(name.to_owned()))
}

/// Host and, unless it is the scheme's own, port.
fn authority(target: &Target) -> String {
    let host = match target.host.contains(':') && !target.host.starts_with('[') {
        true => format!("[{}]", target.host),
        false => target.host.clone(),
    };
    let default = if target.tls { 443 } else { 80 };
    if target.port == default { host } else { format!("{host}:{}", target.port) }
}

/// Pieces in order. Dropping it ends the thread that writes them.
pub(super) struct Works {
    ready: Receiver<Prepared>,
    held: Arc<Held>,
    first_fill: u64,
    writer: JoinHandle<()>,
}

/// What the writer and its reader know of each other.
#[derive(Debug, Default)]
struct Held {
    pieces: AtomicU64,
    bytes: AtomicU64,
    /// As many bytes as may be held.
    is_full: AtomicBool,
    /// The last one is written.
    is_complete: AtomicBool,
}

impl Works {
    /// Starts to write; `at_once` pieces are needed when load starts. Pieces end with the offsets, where there are any.
    pub fn start(
        template: Template,
        work: WorkFn,
        first_id: u64,
        at_once: u32,
        offsets: Option<Offsets>,
    ) -> Result<Self, LoadError> {
        let first_fill = at_once.clamp(4, AHEAD);
        let (filled, ready) = sync_channel(first_fill as usize);
        let held: Arc<Held> = Arc::default();
        let known = Arc::clone(&held);
        let writer = Builder::new()
            .name("load-work".to_owned())
            .spawn(move || write(&template, &work, first_id, offsets, &filled, &known))?;
        Ok(Self { ready, held, first_fill: u64::from(first_fill), writer })
    }

    /// Whether what the first moment needs is written, or there is no more.
    pub fn is_filled(&self) -> bool {
        let held = &self.held;
        held.pieces.load(Ordering::Relaxed) >= self.first_fill
            || held.is_full.load(Ordering::Relaxed)
            || self.writer.is_finished()
    }

    /// The next piece; waits only where the writer is behind. Absent where there are no more, or the writer has died.
    pub fn take(&self) -> Option<Prepared> {
        let piece = self.ready.recv().ok()?;
        self.held.bytes.fetch_sub(piece.bytes(), Ordering::Relaxed);
        Some(piece)
    }

    /// Whether there are no more pieces because all have been written.
    pub fn is_complete(&self) -> bool {
        self.held.is_complete.load(Ordering::Acquire)
    }
}

fn write(
    template: &Template,
    work: &WorkFn,
    first_id: u64,
    offsets: Option<Offsets>,
    filled: &SyncSender<Prepared>,
    held: &Arc<Held>,
) {
    let mut offsets = offsets;
    let mut id = first_id;
    for index in 0u64.. {
        let offset_ns = match &mut offsets {
            None => None,
            Some(offsets) => match offsets.next() {
                None => return held.is_complete.store(true, Ordering::Release),
                due => due,
            },
        };
        let made = work(Place { index, id });
        let turn = |(request, id): (super::Request, u64)| Turn {
            id,
            bytes: template.request(&request.body),
            expect_output_tokens: request.expect_output_tokens,
        };
        let turns: Vec<Turn> = made.requests.into_iter().zip(id..).map(turn).collect();
        id += turns.len() as u64;
        let piece = Prepared { offset_ns, turns, think_ns: made.think_ns };
        // Counted before it is handed over: the last one of the first fill may have to wait for its place.
        held.pieces.fetch_add(1, Ordering::Relaxed);
        let bytes = held.bytes.fetch_add(piece.bytes(), Ordering::Relaxed) + piece.bytes();
        if filled.send(piece).is_err() {
            return;
        }
        if bytes > AHEAD_BYTES {
            held.is_full.store(true, Ordering::Relaxed);
            // The other holder is the reader; without it there is nobody to wait for.
            while held.bytes.load(Ordering::Relaxed) > AHEAD_BYTES && Arc::strong_count(held) > 1 {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
}
