//! Owns one lane: a connection to the server, and the piece of work that it carries.
//! Must not know other lanes, or when the next piece comes.

use super::dial::{DialError, Dialer, io_error};
use super::exchange::Exchange;
use super::socket::Socket;
use super::work::Turn;
use std::collections::VecDeque;
use std::io;

/// Idle time after which a connection is not trusted: a common limit of servers is 5 s, and the close can be under way.
const IDLE_LIMIT_NS: u64 = 4_000_000_000;

/// A lane.
#[derive(Default)]
pub(super) struct Lane {
    pub line: Line,
    /// The request under way; it may still wait for the connection.
    pub exchange: Option<Exchange>,
    /// Requests of the piece that come after it.
    pub turns: VecDeque<Turn>,
    /// Pause before each of them, ns.
    pub think_ns: u64,
    /// What a timer of the lane means.
    pub wakes_for: WakesFor,
    /// True while the lane works on a piece whose first request was sent.
    pub is_taken: bool,
    /// Its connection is being opened ahead of need.
    pub is_ahead: bool,
    /// Opening it ahead failed, which is the first request's failure.
    pub failed: Option<DialError>,
    /// Time that opening the connection took, ns, until its first request tells it.
    pub connect_ns: Option<u64>,
}

/// What a timer of a lane means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum WakesFor {
    /// The lane may take a piece.
    #[default]
    Piece,
    /// The next request of its piece is due.
    Turn,
}

/// The connection.
#[derive(Default)]
pub(super) enum Line {
    #[default]
    Closed,
    /// TCP or TLS is being set up.
    Opening(Box<Opening>),
    Open(Open),
}

/// A connection that is being opened.
pub(super) struct Opening {
    socket: Socket,
    began_ns: u64,
    /// Addresses tried before this one.
    tried: usize,
    is_connected: bool,
}

/// An open connection.
pub(super) struct Open {
    pub socket: Socket,
    /// When it last carried anything.
    pub used_ns: u64,
    /// The socket is watched for room to write.
    pub watches_room: bool,
}

/// Where opening a connection stands.
pub(super) enum Progress {
    /// The socket will tell.
    Waits(Box<Opening>),
    /// It is open after this many ns.
    Opened(Open, u64),
    /// It failed; another address may be tried.
    Failed(Box<Opening>, io::Error),
}

impl Opening {
    /// Begins with the `tried`-th address; `began_ns` is when the first one was begun with.
    pub fn begin(dialer: &Dialer, mut tried: usize, began_ns: u64) -> Result<Self, DialError> {
        loop {
            let address = dialer.address(tried)?;
            match Socket::connect(address) {
                Ok(socket) => return Ok(Self { socket, began_ns, tried, is_connected: false }),
                Err(error) if tried + 1 < dialer.count() => {
                    tracing::debug!(%address, %error, "tries the next address");
                    tried += 1;
                }
                Err(error) => return Err(io_error(&error, Some(address))),
            }
        }
    }

    pub fn socket(&self) -> &Socket {
        &self.socket
    }

    /// True while the socket is watched for room to write.
    pub fn wants_room(&self) -> bool {
        !self.is_connected || self.socket.wants_room()
    }

    /// Goes on after the socket had something to tell.
    pub fn go_on(mut self: Box<Self>, dialer: &Dialer, now_ns: u64) -> Progress {
        match self.step(dialer) {
            Ok(true) => {
                dialer.prefer(self.tried);
                let took_ns = now_ns.saturating_sub(self.began_ns);
                Progress::Opened(Open { socket: self.socket, used_ns: now_ns, watches_room: false }, took_ns)
            }
            Ok(false) => Progress::Waits(self),
            Err(error) => Progress::Failed(self, error),
        }
    }

    fn step(&mut self, dialer: &Dialer) -> io::Result<bool> {
        if !self.is_connected {
            self.socket.connected()?;
            self.is_connected = true;
            if let Some(tls) = dialer.tls() {
                self.socket.secure(tls)?;
            }
        }
        self.socket.handshake()
    }

    /// What to do after a failure: the next address, or what to say.
    pub fn after(self, error: &io::Error, dialer: &Dialer) -> Result<Self, DialError> {
        if self.is_connected {
            return Err(DialError::Failed(format!("TLS with the server failed: {error}.")));
        }
        if self.tried + 1 < dialer.count() {
            return Self::begin(dialer, self.tried + 1, self.began_ns);
        }
        Err(io_error(error, dialer.address(self.tried).ok()))
    }
}

impl Lane {
    /// True where a request can be sent now: open, not idle for long, not closed by the server.
    pub fn is_fit(&self, now_ns: u64) -> bool {
        let Line::Open(open) = &self.line else { return false };
        now_ns.saturating_sub(open.used_ns) <= IDLE_LIMIT_NS && open.socket.is_sound()
    }

    /// True where it has been idle for so long that its connection is of no use.
    pub fn is_stale(&self, now_ns: u64) -> bool {
        matches!(&self.line, Line::Open(open) if now_ns.saturating_sub(open.used_ns) > IDLE_LIMIT_NS)
    }
}
