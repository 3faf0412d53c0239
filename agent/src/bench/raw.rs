//! Owns the raw reader: sockets read by one loop that counts event ends and decodes nothing.
//! Must not know the load generator; it says what this machine allows at best, and checks the pacing server's account.

use super::clock::SharedClock;
use super::scenario::Load;
use super::trial::{Order, Seen, SeenRequest, body};
use crate::descriptors::make_room;
use crate::poller::Poller;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Requests sent between two looks at the sockets.
const SENDS_PER_LOOK: usize = 16;
/// How long nothing may arrive.
const PATIENCE: Duration = Duration::from_secs(30);
/// How the body of a streamed answer ends.
const BODY_END: &[u8] = b"0\r\n\r\n";

struct Lane {
    socket: TcpStream,
    request: Option<SeenRequest>,
    tail: Tail,
}

/// Counts ends of events over the bytes of one answer, wherever reads cut them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Tail {
    last: Vec<u8>,
    events: u32,
}

impl Tail {
    /// Takes bytes; the answer is how many events they complete.
    fn take(&mut self, bytes: &[u8]) -> u32 {
        let mut ended = 0;
        let mut before = self.last.last().copied();
        for byte in bytes {
            if *byte == b'\n' && before == Some(b'\n') {
                ended += 1;
                before = None;
            } else {
                before = Some(*byte);
            }
        }
        self.last.extend_from_slice(&bytes[bytes.len().saturating_sub(BODY_END.len())..]);
        let surplus = self.last.len().saturating_sub(BODY_END.len());
        self.last.drain(..surplus);
        self.events += ended;
        ended
    }

    /// Whether the answer is over: all its tokens, `[DONE]`, and the end of its body.
    fn is_over(&self, tokens: u32) -> bool {
        self.events == tokens + 1 && self.last == BODY_END
    }
}

/// Keeps the streams open until all requests have been answered.
pub(super) fn read(order: &Order, clock: SharedClock) -> io::Result<Seen> {
    let Load::Streams { streams, requests } = order.scenario.load else {
        return Err(ErrorKind::Unsupported.into());
    };
    make_room(streams);
    let mut poller = Poller::new()?;
    let mut lanes = Vec::new();
    for key in 0..u64::from(streams) {
        let socket = TcpStream::connect(order.server)?;
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        poller.add(&socket, key, false)?;
        lanes.push(Lane { socket, request: None, tail: Tail::default() });
    }
    let total = u64::from(requests) + u64::from(streams);
    let (mut sent, mut in_flight, mut seen) = (0u64, 0u32, Seen { attempted: total, ..Seen::default() });
    let mut idle: VecDeque<usize> = (0..lanes.len()).collect();
    let (mut ready, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
    while (seen.requests.len() as u64) < total {
        for _ in 0..SENDS_PER_LOOK {
            if sent == total {
                break;
            }
            let Some(lane) = idle.pop_front().and_then(|i| lanes.get_mut(i)) else { break };
            send(lane, order, sent, clock)?;
            sent += 1;
            in_flight += 1;
            seen.in_flight_peak = seen.in_flight_peak.max(in_flight);
        }
        if idle.is_empty() || sent == total {
            poller.wait(Some(PATIENCE), &mut ready)?;
            if ready.is_empty() {
                return Err(ErrorKind::TimedOut.into());
            }
        } else {
            poller.look(&mut ready)?;
        }
        for event in &ready {
            let place = event.key as usize;
            if let Some(lane) = lanes.get_mut(place)
                && let Some(request) = receive(lane, order.scenario.tokens, &mut buffer, clock)?
            {
                seen.requests.push(request);
                in_flight -= 1;
                idle.push_back(place);
            }
        }
    }
    Ok(seen)
}

fn send(lane: &mut Lane, order: &Order, id: u64, clock: SharedClock) -> io::Result<()> {
    let text = http(order.server, &body(id, &order.scenario));
    lane.tail = Tail::default();
    let now_ns = clock.now_ns();
    lane.request = Some(SeenRequest { id, due_ns: now_ns, sent_ns: now_ns, chunks_ns: Vec::new() });
    // A request is far smaller than an empty socket buffer, so it is taken whole.
    lane.socket.write_all(text.as_bytes())
}

fn http(server: SocketAddr, body: &str) -> String {
    format!(
        "POST /v1/completions HTTP/1.1\r\nhost: {server}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn receive(lane: &mut Lane, tokens: u32, buffer: &mut [u8], clock: SharedClock) -> io::Result<Option<SeenRequest>> {
    let n = match lane.socket.read(buffer) {
        Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
        Ok(n) => n,
        Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
        Err(error) => return Err(error),
    };
    let now_ns = clock.now_ns();
    let before = lane.tail.events;
    let ended = lane.tail.take(&buffer[..n]);
    let Some(request) = &mut lane.request else { return Ok(None) };
    // The last event is `[DONE]`, which is no token.
    let arrived = ended.min(tokens.saturating_sub(before)) as usize;
    request.chunks_ns.extend(std::iter::repeat_n(now_ns, arrived));
    Ok(if lane.tail.is_over(tokens) { lane.request.take() } else { None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_counted_wherever_reads_cut_them() {
        let bytes =
            b"HTTP/1.1 200 OK\r\n\r\n9\r\ndata: a\n\n\r\n9\r\ndata: b\n\n\r\nf\r\ndata: [DONE]\n\n\r\n0\r\n\r\n";
        for first in 0..bytes.len() {
            for second in first..bytes.len() {
                let mut tail = Tail::default();
                assert!(!tail.is_over(2));
                let parts = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                let ended: u32 = parts.iter().map(|part| tail.take(part)).sum();
                assert_eq!((ended, tail.is_over(2)), (3, true), "cut at {first} and {second}");
            }
        }
    }
}
