//! Owns one connection of the pacing server: its bytes in, its bytes out, and its open stream.
//! Must not know when anything is due.

use super::request::Work;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

/// Bytes that a connection may send ahead.
const MAX_RECEIVED_BYTES: usize = 8 * 1024 * 1024;

/// One stream that is being paced.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    /// Its number, never reused: what is due for an older stream of the same connection is void.
    pub number: u64,
    /// What was asked for.
    pub work: Work,
    /// Its place in the account.
    pub place: usize,
    /// Its head is out.
    pub begun: bool,
    /// Tokens written.
    pub sent_tokens: u32,
    /// When the next write is due, ns.
    pub due_ns: u64,
}

/// One connection.
pub(super) struct Connection {
    /// The socket, non-blocking.
    pub socket: TcpStream,
    /// Bytes read and not yet understood.
    pub received: Vec<u8>,
    /// The open stream.
    pub stream: Option<Stream>,
    /// What the socket did not take yet.
    unsent: Vec<u8>,
    unsent_at: usize,
}

impl Connection {
    /// Takes over a socket that is already non-blocking.
    pub fn new(socket: TcpStream) -> Self {
        Self { socket, received: Vec::new(), stream: None, unsent: Vec::new(), unsent_at: 0 }
    }

    /// Reads once; false where the peer has closed.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        match self.socket.read(buffer) {
            Ok(0) => Ok(false),
            Ok(n) if self.received.len() + n > MAX_RECEIVED_BYTES => Err(ErrorKind::OutOfMemory.into()),
            Ok(n) => {
                self.received.extend_from_slice(&buffer[..n]);
                Ok(true)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Writes, or keeps what the socket does not take; true where all is out.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<bool> {
        if self.is_blocked() {
            self.unsent.extend_from_slice(bytes);
            return Ok(false);
        }
        let taken = once(&self.socket, bytes)?;
        if taken < bytes.len() {
            self.unsent.extend_from_slice(&bytes[taken..]);
        }
        Ok(taken == bytes.len())
    }

    /// Tries to write what was kept; true where all is out.
    pub fn flush(&mut self) -> io::Result<bool> {
        while self.is_blocked() {
            match once(&self.socket, &self.unsent[self.unsent_at..])? {
                0 => return Ok(false),
                taken => self.unsent_at += taken,
            }
        }
        self.unsent.clear();
        self.unsent_at = 0;
        Ok(true)
    }

    /// Whether bytes wait for the peer to read.
    pub fn is_blocked(&self) -> bool {
        self.unsent_at < self.unsent.len()
    }
}

/// Bytes taken; 0 where the socket's buffer is full.
fn once(mut socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    match socket.write(bytes) {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(0),
        other => other,
    }
}
