//! Owns the pacing loop: one thread that reads requests and writes each chunk when it is due.
//! Must not know how requests and chunks are spelled.

use super::account::{Account, Ending, Written};
use super::config::PacerConfig;
use super::connection::{Connection, Stream};
use super::request::{Asked, Parsed, Work, parse};
use super::wire;
use crate::bench::clock::SharedClock;
use crate::poller::{Poller, Ready};
use crate::stream::Protocol;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::net::TcpListener;
use std::time::Duration;

const LISTENER: u64 = u64::MAX - 2;
/// Connections at most; those beyond wait in the backlog.
pub(super) const MAX_CONNECTIONS: u32 = 20_000;
/// Chunks written between two looks at the sockets: a request's read stamp must not wait behind a burst of writes.
const WRITES_PER_LOOK: usize = 16;
/// Nearer than this the loop looks instead of sleeping: waking up takes about as long.
const SPIN_NS: u64 = 60_000;

/// The server's state.
pub(super) struct Server {
    config: PacerConfig,
    clock: SharedClock,
    listener: TcpListener,
    poller: Poller,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    /// When something is due, the stream's number, and the place of its connection.
    due: BinaryHeap<Reverse<(u64, u64, usize)>>,
    next_number: u64,
    account: Account,
    scratch: Vec<u8>,
    buffer: Vec<u8>,
    /// The usual chunk of each protocol, spelled once.
    spelled: Vec<(Protocol, bool, Vec<u8>)>,
}

/// What became of a connection.
enum Fate {
    Stays,
    Closed,
}

impl Server {
    /// A server on a non-blocking listener.
    pub fn new(config: PacerConfig, listener: TcpListener, poller: Poller) -> io::Result<Self> {
        poller.add(&listener, LISTENER, false)?;
        Ok(Self {
            config,
            clock: SharedClock::new()?,
            listener,
            poller,
            connections: Vec::new(),
            free: Vec::new(),
            due: BinaryHeap::new(),
            next_number: 0,
            account: Account::default(),
            scratch: Vec::new(),
            buffer: vec![0; 64 * 1024],
            spelled: Vec::new(),
        })
    }

    /// Serves until told to stop.
    pub fn serve(mut self) -> io::Result<()> {
        let mut ready = Vec::new();
        while !self.poller.stopped() {
            self.write_due();
            match self.next_due_ns().map(|due| due.saturating_sub(self.clock.now_ns())) {
                Some(left) if left <= SPIN_NS => self.poller.look(&mut ready)?,
                Some(left) => self.poller.wait(Some(Duration::from_nanos(left - SPIN_NS / 2)), &mut ready)?,
                None => self.poller.wait(None, &mut ready)?,
            }
            self.handle(&ready)?;
        }
        Ok(())
    }

    fn next_due_ns(&self) -> Option<u64> {
        self.due.peek().map(|Reverse((due_ns, _, _))| *due_ns)
    }

    fn write_due(&mut self) {
        for _ in 0..WRITES_PER_LOOK {
            match self.due.peek() {
                Some(Reverse((due_ns, _, _))) if *due_ns <= self.clock.now_ns() => {}
                _ => return,
            }
            if let Some(Reverse((_, number, place))) = self.due.pop() {
                self.advance(place, number);
            }
        }
    }

    fn handle(&mut self, ready: &[Ready]) -> io::Result<()> {
        for event in ready {
            if event.key == LISTENER {
                self.accept()?;
                continue;
            }
            let place = event.key as usize;
            if event.writable {
                self.drained(place);
            }
            if event.readable {
                self.readable(place);
            }
        }
        Ok(())
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let socket = match self.listener.accept() {
                Ok((socket, _)) => socket,
                // Nobody waits, the caller gave up, or no descriptor is free: the next look tries again.
                Err(_) => return Ok(()),
            };
            if self.connections.len() - self.free.len() >= MAX_CONNECTIONS as usize {
                continue;
            }
            socket.set_nonblocking(true)?;
            socket.set_nodelay(true)?;
            let place = self.free.pop().unwrap_or(self.connections.len());
            self.poller.add(&socket, place as u64, false)?;
            let connection = Some(Connection::new(socket));
            match self.connections.get_mut(place) {
                Some(slot) => *slot = connection,
                None => self.connections.push(connection),
            }
        }
    }

    fn close(&mut self, place: usize, end: Ending) {
        if let Some(connection) = self.connections.get_mut(place).and_then(Option::take) {
            if let Some(stream) = connection.stream {
                self.account.close(stream.place, end);
            }
            self.free.push(place);
        }
    }

    fn readable(&mut self, place: usize) {
        let Some(Some(connection)) = self.connections.get_mut(place) else { return };
        let open = connection.read(&mut self.buffer);
        let read_ns = self.clock.now_ns();
        match open {
            Ok(true) => self.understand(place, read_ns),
            Ok(false) | Err(_) => self.close(place, Ending::ClientGone),
        }
    }

    /// Answers the requests that the connection's bytes hold, until one is being streamed.
    fn understand(&mut self, place: usize, read_ns: u64) {
        loop {
            let Some(Some(connection)) = self.connections.get_mut(place) else { return };
            if connection.stream.is_some() || connection.received.is_empty() {
                return;
            }
            let asked = match parse(&connection.received) {
                Parsed::Partial => return,
                Parsed::Unreadable(status, why) => {
                    self.answer(place, |out| wire::refusal(out, status, why));
                    self.close(place, Ending::ClientGone);
                    return;
                }
                Parsed::Whole(asked, taken) => {
                    connection.received.drain(..taken);
                    asked
                }
            };
            match asked {
                Asked::Work(work) => self.begin(place, work, read_ns),
                Asked::Account => match rmp_serde::to_vec(&self.account) {
                    Ok(body) => self.answer(place, |out| wire::plain(out, 200, "application/msgpack", &body)),
                    Err(_) => self.answer(place, |out| wire::refusal(out, 500, "the account cannot be written")),
                },
                Asked::Models => self.answer(place, wire::models),
                Asked::Health => self.answer(place, |out| wire::plain(out, 200, "text/plain", b"")),
                Asked::Metrics => match self.config.metrics_page.take() {
                    Some(page) => {
                        self.answer(place, |out| wire::plain(out, 200, "text/plain", page.as_bytes()));
                        self.config.metrics_page = Some(page);
                    }
                    None => self.nothing(place),
                },
                Asked::Unknown => self.nothing(place),
            }
        }
    }

    fn nothing(&mut self, place: usize) {
        self.answer(place, |out| wire::refusal(out, 404, "there is nothing at this path"));
    }

    fn answer(&mut self, place: usize, spell: impl FnOnce(&mut Vec<u8>)) {
        self.scratch.clear();
        spell(&mut self.scratch);
        self.put(place);
    }

    /// Writes the scratch bytes; true where the socket took them all.
    fn put(&mut self, place: usize) -> bool {
        let Some(Some(connection)) = self.connections.get_mut(place) else { return false };
        let written = connection.write(&self.scratch);
        let watched = match written {
            Ok(false) => self.poller.watch_writes(&connection.socket, place as u64, true).map(|()| false),
            other => other,
        };
        match watched {
            Ok(true) => true,
            Ok(false) => {
                self.account.blocked_writes += 1;
                false
            }
            Err(_) => {
                self.close(place, Ending::ClientGone);
                false
            }
        }
    }

    fn begin(&mut self, place: usize, work: Work, read_ns: u64) {
        let entry = self.account.open(work.client_id, read_ns, work.tokens);
        if let Some(status) = self.config.fail_with_status {
            self.account.close(entry, Ending::AsTold);
            self.answer(place, |out| wire::refusal(out, status, "told to fail"));
            return;
        }
        self.next_number += 1;
        let number = self.next_number;
        let Some(Some(connection)) = self.connections.get_mut(place) else { return };
        // The head is due at once, but after the reads that are waiting: it must not delay their stamps.
        connection.stream = Some(Stream { number, work, place: entry, begun: false, sent_tokens: 0, due_ns: read_ns });
        if !self.config.never_answer {
            self.due.push(Reverse((read_ns, number, place)));
        }
    }

    /// Writes what is due for a stream and enters its next time.
    fn advance(&mut self, place: usize, number: u64) {
        let Some(Some(connection)) = self.connections.get_mut(place) else { return };
        let Some(stream) = connection.stream.as_mut().filter(|s| s.number == number) else { return };
        let fate = if stream.begun { self.token(place) } else { self.head(place) };
        let Some(Some(connection)) = self.connections.get_mut(place) else { return };
        if matches!(fate, Fate::Stays)
            && let Some(stream) = &connection.stream
            // A stream whose client does not read is entered again when it has read.
            && !connection.is_blocked()
        {
            self.due.push(Reverse((stream.due_ns, stream.number, place)));
        }
    }

    fn head(&mut self, place: usize) -> Fate {
        let Some(stream) = self.stream(place) else { return Fate::Closed };
        stream.begun = true;
        let work = stream.work;
        if work.streamed {
            self.answer(place, |out| wire::stream_head(out, &work));
        }
        let (ttft_ns, gap_ns) = (self.config.ttft_ns, self.config.gap_ns);
        if let Some(stream) = self.stream(place) {
            stream.due_ns += ttft_ns;
            if !work.streamed {
                stream.due_ns += gap_ns.saturating_mul(u64::from(work.tokens - 1));
            }
        }
        Fate::Stays
    }

    fn token(&mut self, place: usize) -> Fate {
        let (now_ns, gap_ns) = (self.clock.now_ns(), self.config.gap_ns);
        let Some(stream) = self.stream(place) else { return Fate::Closed };
        let (Work { tokens: asked, streamed, .. }, before, entry, due_ns) =
            (stream.work, stream.sent_tokens, stream.place, stream.due_ns);
        let work = stream.work;
        let cut = self.config.die_after_tokens.or(self.config.error_mid_stream).unwrap_or(u32::MAX);
        if before >= cut {
            return self.misbehave(place, &work);
        }
        self.scratch.clear();
        let mut sent = before;
        for _ in 0..self.config.chunks_per_write.max(1) {
            let left = (asked - sent).min(cut - sent);
            let tokens = if streamed { self.config.tokens_per_chunk.max(1).min(left) } else { asked };
            self.spell(&work, sent, tokens, sent + tokens == asked);
            self.account.wrote(entry, Written { due_ns, sent_ns: self.clock.now_ns(), tokens });
            sent += tokens;
            if sent >= asked.min(cut) {
                break;
            }
        }
        let last = sent == asked;
        self.put(place);
        let Some(stream) = self.stream(place) else { return Fate::Closed };
        stream.sent_tokens = sent;
        // At full speed streams take turns: what is due "now" queues behind what was due before.
        stream.due_ns = if gap_ns == 0 { now_ns } else { due_ns + gap_ns };
        if last {
            self.account.close(entry, Ending::Complete);
            if let Some(Some(connection)) = self.connections.get_mut(place) {
                connection.stream = None;
            }
            let now_ns = self.clock.now_ns();
            self.understand(place, now_ns);
        }
        Fate::Stays
    }

    /// Appends a chunk to the scratch bytes.
    fn spell(&mut self, work: &Work, before: u32, tokens: u32, last: bool) {
        if !work.streamed {
            wire::whole(&mut self.scratch, work);
        } else if last {
            wire::chunk(&mut self.scratch, work, before, tokens, true);
            wire::stream_end(&mut self.scratch, work, before + tokens);
        } else if tokens != self.config.tokens_per_chunk || work.protocol == Protocol::TgiGenerateStream {
            wire::chunk(&mut self.scratch, work, before, tokens, false);
        } else {
            let same = |s: &&(Protocol, bool, Vec<u8>)| s.0 == work.protocol && s.1 == work.token_ids;
            match self.spelled.iter().find(same) {
                Some((_, _, bytes)) => self.scratch.extend_from_slice(bytes),
                None => {
                    let start = self.scratch.len();
                    wire::chunk(&mut self.scratch, work, before, tokens, false);
                    self.spelled.push((work.protocol, work.token_ids, self.scratch[start..].to_vec()));
                }
            }
        }
    }

    fn misbehave(&mut self, place: usize, work: &Work) -> Fate {
        if self.config.die_after_tokens.is_none() {
            self.answer(place, |out| wire::stream_error(out, work));
        }
        self.close(place, Ending::AsTold);
        Fate::Closed
    }

    fn drained(&mut self, place: usize) {
        let Some(Some(connection)) = self.connections.get_mut(place) else { return };
        let out = match connection.flush() {
            Ok(false) => return,
            Ok(true) => self.poller.watch_writes(&connection.socket, place as u64, false),
            Err(error) => Err(error),
        };
        match (out, &connection.stream) {
            (Err(_), _) => self.close(place, Ending::ClientGone),
            (Ok(()), Some(stream)) => self.due.push(Reverse((stream.due_ns, stream.number, place))),
            (Ok(()), None) => {}
        }
    }

    fn stream(&mut self, place: usize) -> Option<&mut Stream> {
        self.connections.get_mut(place)?.as_mut()?.stream.as_mut()
    }
}
