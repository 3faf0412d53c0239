//! Owns the loop of a trial: what is ready is read and written, what is due is begun, what has ended is recorded.
//! Must not know how requests are chosen (`dispatch` does) or when they are stopped (`control` does).

use super::LoadError;
use super::clock::Clock;
use super::core::Core;
use super::dial::DialError;
use super::dispatch::Dispatch;
use super::exchange::Exchange;
use super::io::{Io, Opened};
use super::lane::{Line, WakesFor};
use super::limits::{Abort, Deadline, Limit};
use super::outcome::{Cut, Verdict};
use super::timers::Timers;
use super::work::{Turn, Works};
use crate::record::RequestRecord;
use crate::stream::Protocol;
use shared::outcome::Outcome;
use std::io::ErrorKind;
use std::time::Duration;

/// Bytes of one read at most.
const READ_BYTES: usize = 64 * 1024;
/// Sockets ready in a tick above which the loop rests between two looks: 20,000 a second.
const REST_FROM: u32 = 100;
/// Sockets ready at the last look from which there is nothing to gain by a rest: work is waiting.
const REST_BELOW: usize = 32;
/// How long it rests, ns. Woken for each token, a core spends most of its time on waking up; resting it reads several
/// at a time, and their stamps are late by half of this on average.
const REST_NS: u64 = 200_000;
/// Least time from one failed request of a lane to its next one: an error storm stays bounded.
const FAILURE_PAUSE_NS: u64 = 50_000_000;

/// A trial under way.
pub(super) struct Engine {
    pub io: Io,
    pub core: Core,
    pub works: Works,
    pub dispatch: Dispatch,
    pub timers: Timers,
    pub clock: Clock,
    /// The first request number that is free.
    pub next_id: u64,
    protocol: Protocol,
    buffer: Box<[u8]>,
    /// Sockets that were ready since the last tick.
    readied: u32,
    /// Rests before it waits, so that more than one socket is ready at a time.
    rests: bool,
}

impl Engine {
    pub fn new(io: Io, core: Core, works: Works, dispatch: Dispatch, protocol: Protocol, first_id: u64) -> Self {
        let (clock, timers) = (io.clock, Timers::default());
        let buffer = vec![0; READ_BYTES].into_boxed_slice();
        Self { io, core, works, dispatch, timers, clock, next_id: first_id, protocol, buffer, readied: 0, rests: false }
    }

    /// Waits until `until_ns` or until a socket is ready, and takes care of every socket that is.
    pub fn turn(&mut self, until_ns: u64, ready: &mut Vec<crate::poller::Ready>) -> Result<(), LoadError> {
        let now_ns = self.clock.now_ns();
        if self.rests && ready.len() < REST_BELOW && until_ns > now_ns + REST_NS {
            std::thread::sleep(Duration::from_nanos(REST_NS));
            self.io.poller.look(ready)?;
        } else if until_ns > now_ns {
            self.io.poller.wait_until(self.clock.instant(until_ns), ready)?;
        } else {
            self.io.poller.look(ready)?;
        }
        self.readied += ready.len() as u32;
        for event in ready.iter() {
            let place = event.key as usize;
            match self.io.lanes[place].line {
                Line::Closed => {}
                Line::Opening(_) => {
                    let opened = self.io.go_on(place);
                    self.opened(place, opened);
                }
                Line::Open(_) => {
                    if event.writable {
                        self.write(place);
                    }
                    if event.readable {
                        self.read(place, event.closed);
                    }
                }
            }
            // A schedule does not wait for the rest of a long batch; slots have nothing that is due within it.
            if self.dispatch.due_ns().is_some() {
                self.dispatch_due();
            }
        }
        Ok(())
    }

    /// Looks at how much was ready in the last tick.
    pub fn pace(&mut self) {
        self.rests = std::mem::take(&mut self.readied) > REST_FROM;
    }

    /// Begins a request on a lane: it was due at `sched_ns`, and there was room for it since `room_ns`.
    pub fn begin(&mut self, place: usize, turn: Turn, sched_ns: u64, room_ns: u64) {
        let mut exchange = Exchange::new(turn, self.protocol, sched_ns);
        exchange.ready_ns = room_ns;
        let lane = &mut self.io.lanes[place];
        lane.exchange = Some(exchange);
        if let Some(error) = lane.failed.take() {
            self.not_connected(place, error);
        } else if lane.is_fit(self.clock.now_ns()) {
            self.write(place);
        } else {
            self.io.close(place);
            let opened = self.io.open(place);
            self.opened(place, opened);
        }
    }

    fn opened(&mut self, place: usize, opened: Opened) {
        match opened {
            Opened::NotYet => {}
            Opened::Yes => {
                let now_ns = self.clock.now_ns();
                match &mut self.io.lanes[place].exchange {
                    Some(exchange) => {
                        exchange.ready_ns = exchange.ready_ns.max(now_ns);
                        self.write(place);
                    }
                    None => self.lane_ready(place),
                }
            }
            Opened::Failed(error) => self.not_connected(place, error),
        }
    }

    fn not_connected(&mut self, place: usize, error: DialError) {
        let verdict = match error {
            DialError::Failed(sentence) => (Outcome::ConnectFailed, Some(sentence)),
            DialError::Client(sentence) => (Outcome::ClientError, Some(sentence)),
            DialError::TimedOut => (Outcome::TimedOut, Some(Abort::Limit(Limit::Connect).sentence(&self.io.limits))),
        };
        self.unconnected(place, verdict);
    }

    fn unconnected(&mut self, place: usize, verdict: Verdict) {
        match self.io.lanes[place].exchange.take() {
            Some(exchange) => {
                let record = exchange.unconnected(verdict, self.clock.now_ns());
                self.ended(place, record);
            }
            None => self.lane_ready(place),
        }
    }

    /// Writes what the connection takes of the request.
    fn write(&mut self, place: usize) {
        loop {
            let lane = &mut self.io.lanes[place];
            let Line::Open(open) = &mut lane.line else { return };
            let Some(exchange) = &mut lane.exchange else { return };
            if exchange.unwritten().is_empty() {
                return self.watch_room(place, false);
            }
            // From before the write: the system call itself can already wake the server.
            let began_ns = self.clock.now_ns();
            match open.socket.write(exchange.unwritten()) {
                Ok(n) => {
                    open.used_ns = began_ns;
                    if exchange.wrote(n, began_ns) {
                        exchange.record.connect_ns = lane.connect_ns.take();
                        self.sent(place, began_ns);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return self.watch_room(place, true),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return self.end(place, &broken(&error)),
            }
        }
    }

    /// Watches a socket for room to write, or no longer.
    fn watch_room(&mut self, place: usize, wanted: bool) {
        let lane = &mut self.io.lanes[place];
        let Line::Open(open) = &mut lane.line else { return };
        // What TLS holds back goes out with the next room, too.
        let wanted = wanted || open.socket.flush().is_ok_and(|is_done| !is_done);
        if open.watches_room == wanted {
            return;
        }
        open.watches_room = wanted;
        if let Err(error) = self.io.poller.watch_writes(&open.socket, place as u64, wanted) {
            self.end(place, &broken(&error));
        }
    }

    fn sent(&mut self, place: usize, t_ns: u64) {
        let lane = &mut self.io.lanes[place];
        let late_ns = lane.exchange.as_ref().map_or(0, |exchange| t_ns.saturating_sub(exchange.ready_ns));
        let is_first = !std::mem::replace(&mut lane.is_taken, true);
        self.core.sent(t_ns, late_ns, is_first);
        self.io.deadlines[place] = Deadline::sent(t_ns, &self.io.limits);
        self.dispatch.has_changed();
    }

    /// Reads what is there: after a read that does not fill the buffer nothing is, but for the closing.
    fn read(&mut self, place: usize, is_closed: bool) {
        loop {
            let lane = &mut self.io.lanes[place];
            let Line::Open(open) = &mut lane.line else { return };
            let n = match open.socket.read(&mut self.buffer) {
                Ok(0) => return self.closed(place),
                Ok(n) => n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return self.end(place, &broken(&error)),
            };
            let t_ns = self.clock.now_ns();
            open.used_ns = t_ns;
            let more = is_closed || n == self.buffer.len() || open.socket.holds_back();
            let Some(exchange) = &mut lane.exchange else {
                // Nobody asked for these bytes.
                return self.io.close(place);
            };
            let first = exchange.record.chunks.len();
            match exchange.read(&self.buffer[..n], t_ns) {
                Ok(0) => {}
                Ok(_) => {
                    let chunks = &exchange.record.chunks;
                    for (i, chunk) in chunks.iter().enumerate().skip(first) {
                        let gap_ns = i.checked_sub(1).map(|before| chunk.t_ns - chunks[before].t_ns);
                        self.core.output(chunk.t_ns, chunk.tokens, gap_ns);
                    }
                    let deadline = &mut self.io.deadlines[place];
                    *deadline = deadline.output(t_ns, &self.io.limits);
                }
                Err(cut) => return self.end(place, &cut),
            }
            if exchange.is_over() {
                if is_closed {
                    exchange.closed();
                }
                return self.end(place, &Cut::Clean);
            }
            if exchange.is_done() {
                let deadline = &mut self.io.deadlines[place];
                *deadline = deadline.done(t_ns);
            }
            if !more {
                return;
            }
        }
    }

    /// The server closed a lane's connection.
    fn closed(&mut self, place: usize) {
        match &mut self.io.lanes[place].exchange {
            Some(exchange) => {
                let cut = if exchange.closed() { Cut::Clean } else { Cut::Closed };
                self.end(place, &cut);
            }
            None => self.io.close(place),
        }
    }

    /// The bytes of a lane's request have ended.
    fn end(&mut self, place: usize, cut: &Cut) {
        let Some(exchange) = self.io.lanes[place].exchange.take() else { return self.io.close(place) };
        if !exchange.keeps_connection() {
            self.io.close(place);
        }
        let record = exchange.end(cut, self.clock.now_ns());
        self.ended(place, record);
    }

    /// A limit of a lane has passed.
    pub fn limit_passed(&mut self, place: usize, limit: Limit) {
        self.io.deadlines[place] = Deadline::NONE;
        if limit == Limit::Connect {
            self.io.close(place);
            return self.not_connected(place, DialError::TimedOut);
        }
        self.stop(place, Abort::Limit(limit));
    }

    /// Stops a lane's request from our side.
    pub fn stop(&mut self, place: usize, why: Abort) {
        self.io.close(place);
        let Some(exchange) = self.io.lanes[place].exchange.take() else { return };
        if why == Abort::Limit(Limit::Linger) {
            // The stream was complete, only its end did not come.
            let record = exchange.end(&Cut::Clean, self.clock.now_ns());
            return self.ended(place, record);
        }
        let record = exchange.stop(why, &self.io.limits, self.clock.now_ns());
        self.ended(place, record);
    }

    /// A request has ended: the next one of its piece follows, or the lane is free.
    fn ended(&mut self, place: usize, record: RequestRecord) {
        self.io.deadlines[place] = Deadline::NONE;
        let now_ns = self.clock.now_ns();
        let is_ok = record.outcome.is_ok();
        let pause_ns = match is_ok {
            true => 0,
            false => record.key_ns().saturating_add(FAILURE_PAUSE_NS).saturating_sub(now_ns),
        };
        let lane = &mut self.io.lanes[place];
        let follows = is_ok && !lane.turns.is_empty() && !self.core.is_halted();
        let is_first = !lane.is_taken;
        if !follows {
            lane.turns.clear();
            lane.is_taken = false;
        }
        self.core.ended(record, is_first, !follows);
        self.dispatch.has_changed();
        if follows {
            let due_ns = now_ns.saturating_add(self.io.lanes[place].think_ns);
            self.wake(place, due_ns, WakesFor::Turn);
        } else {
            self.lane_free(place, now_ns, pause_ns);
        }
    }

    /// Has a lane woken at a time.
    pub fn wake(&mut self, place: usize, at_ns: u64, wakes_for: WakesFor) {
        self.io.lanes[place].wakes_for = wakes_for;
        self.timers.set(at_ns, place);
    }
}

fn broken(error: &std::io::Error) -> Cut {
    match error.kind() {
        ErrorKind::InvalidData => Cut::Garbled(error.to_string()),
        ErrorKind::UnexpectedEof => Cut::Closed,
        _ => Cut::Broken(error.to_string()),
    }
}
