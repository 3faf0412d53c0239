//! Owns one HTTP/1.1 connection: whether it is fit for a request, and its progress inside the task that uses it.
//! Must not know what is asked or answered.

use super::clock::Clock;
use super::dial::{DialError, Dialer, Socket};
use super::outcome::Cut;
use super::relay::Relay;
use super::stamped::{Stamped, Stamps};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv};
use std::error::Error as _;
use std::future::Future;
use std::io::ErrorKind;
use std::os::fd::RawFd;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// Idle time after which a connection is not trusted: vLLM closes at 5 s, and the close can be under way.
const IDLE_LIMIT_NS: u64 = 4_000_000_000;

/// An open connection. It is driven by the task that waits for the answer: one wake-up for each read.
pub(super) struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    driver: Option<http1::Connection<TokioIo<Stamped<Socket>>, Full<Bytes>>>,
    stamps: Rc<Stamps>,
    fd: RawFd,
    is_tls: bool,
    used_ns: u64,
    connect_ns: Option<u64>,
    relay: Option<Relay>,
}

impl Connection {
    /// Opens a connection.
    pub async fn open(dialer: &Dialer, clock: Clock) -> Result<Self, DialError> {
        let (socket, connect_ns) = dialer.dial().await?;
        let (fd, is_tls) = (socket.raw_fd(), matches!(socket, Socket::Tls(_)));
        let stamps = Stamps::new(clock);
        let io = TokioIo::new(Stamped::new(socket, Rc::clone(&stamps)));
        let (sender, driver) = http1::handshake(io)
            .await
            .map_err(|error| DialError::Failed(format!("HTTP could not be set up on the connection: {error}.")))?;
        let (driver, connect_ns, used_ns) = (Some(driver), Some(connect_ns), clock.now_ns());
        Ok(Self { sender, driver, stamps, fd, is_tls, used_ns, connect_ns, relay: None })
    }

    /// Time that opening took, ns, once: for the first request on the connection.
    pub fn take_connect_ns(&mut self) -> Option<u64> {
        self.connect_ns.take()
    }

    pub fn stamps(&self) -> &Rc<Stamps> {
        &self.stamps
    }

    /// True where a request can be sent now: not idle for long, not closed by the server, last answer read to its end.
    pub fn is_fit(&mut self, now_ns: u64, cx: &mut Context<'_>) -> bool {
        if now_ns.saturating_sub(self.used_ns) > IDLE_LIMIT_NS || self.is_closed_by_peer() {
            return false;
        }
        for _ in 0..3 {
            match self.sender.poll_ready(cx) {
                Poll::Ready(ready) => return ready.is_ok() && self.driver.is_some(),
                Poll::Pending => self.drive(cx),
            }
        }
        false
    }

    /// Asks the socket itself: the runtime may not have heard of a close yet.
    fn is_closed_by_peer(&self) -> bool {
        let mut byte = [0u8; 1];
        match recv(self.fd, &mut byte, MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT) {
            Ok(0) => true,
            // TLS may have session tickets waiting; on a plain connection nobody asked for these bytes.
            Ok(_) => !self.is_tls,
            Err(Errno::EAGAIN | Errno::EINTR) => false,
            Err(_) => true,
        }
    }

    /// Hands over a request; nothing is written until the connection is driven.
    pub fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> impl Future<Output = hyper::Result<Response<Incoming>>> + use<> {
        self.stamps.arm();
        self.sender.send_request(request)
    }

    /// Drives the connection, then polls what waits for it, until nothing more is to be had from either.
    pub fn poll<T>(&mut self, cx: &Context<'_>, mut waiting: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        let known = self.relay.take().filter(|relay| relay.leads_to(cx.waker()));
        let relay = known.unwrap_or_else(|| Relay::to(cx.waker()));
        let polled = relay.poll(|cx| {
            self.drive(cx);
            waiting(cx)
        });
        self.relay = Some(relay);
        polled
    }

    /// Reads and writes as far as the socket allows. What it comes to shows in the answer's futures.
    pub fn drive(&mut self, cx: &mut Context<'_>) {
        if let Some(driver) = &mut self.driver
            && Pin::new(driver).poll(cx).is_ready()
        {
            self.driver = None;
        }
    }

    /// The answer was read to its end at `t_ns`.
    pub fn rest(&mut self, t_ns: u64) {
        self.used_ns = t_ns;
    }
}

/// What an error of hyper's says about the stream that it cut.
pub(super) fn cut_of(error: &hyper::Error) -> Cut {
    let (mut io, mut root) = (None, None);
    let mut next = error.source();
    while let Some(cause) = next {
        io = io.or(cause.downcast_ref::<std::io::Error>());
        root = Some(cause);
        next = cause.source();
    }
    let sentence = root.map_or_else(|| error.to_string(), |root| format!("{error}: {root}"));
    let kind = io.map(std::io::Error::kind);
    if error.is_parse() || matches!(kind, Some(ErrorKind::InvalidData | ErrorKind::InvalidInput)) {
        Cut::Garbled(sentence)
    } else if error.is_incomplete_message() || error.is_canceled() || kind == Some(ErrorKind::UnexpectedEof) {
        Cut::Closed
    } else {
        Cut::Broken(sentence)
    }
}
