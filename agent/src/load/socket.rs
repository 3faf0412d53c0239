//! Owns one byte stream to the server, never blocking: TCP, and TLS over it where asked for.
//! Must not know HTTP.

use super::dial::Tls;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, SockaddrIn6, connect, recv, socket,
};
use rustls::ClientConnection;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// A byte stream.
pub(super) struct Socket {
    tcp: TcpStream,
    tls: Option<Box<ClientConnection>>,
}

impl Socket {
    /// Begins to connect; the socket can be written once it is connected.
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let fd = socket(family, SockType::Stream, flags, Some(SockProtocol::Tcp))?;
        let begun = match address {
            SocketAddr::V4(address) => connect(fd.as_raw_fd(), &SockaddrIn::from(address)),
            SocketAddr::V6(address) => connect(fd.as_raw_fd(), &SockaddrIn6::from(address)),
        };
        match begun {
            Ok(()) | Err(Errno::EINPROGRESS) => {}
            Err(error) => return Err(error.into()),
        }
        let tcp = TcpStream::from(fd);
        // Without it the last piece of a request can wait for an acknowledgement.
        tcp.set_nodelay(true)?;
        Ok(Self { tcp, tls: None })
    }

    /// Whether TCP has connected, after the socket said that it can be written.
    pub fn connected(&self) -> io::Result<()> {
        self.tcp.take_error()?.map_or(Ok(()), Err)
    }

    /// Begins TLS.
    pub fn secure(&mut self, tls: &Tls) -> io::Result<()> {
        self.tls = Some(Box::new(tls.begin().map_err(io::Error::other)?));
        Ok(())
    }

    /// Goes on with TLS' handshake; true once it is over.
    pub fn handshake(&mut self) -> io::Result<bool> {
        let Self { tcp, tls: Some(tls) } = self else { return Ok(true) };
        while tls.is_handshaking() {
            if tls.wants_write() {
                match tls.write_tls(tcp) {
                    Ok(_) => continue,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                    Err(error) => return Err(error),
                }
            }
            match tls.read_tls(tcp) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(_) => {
                    tls.process_new_packets().map_err(io::Error::other)?;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        // What ends the handshake may still wait to be sent.
        self.flush().map(|_| true)
    }

    /// Reads what is there; 0 where the server has closed, `WouldBlock` where nothing is there.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return (&self.tcp).read(buffer) };
        loop {
            match tls.reader().read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // A close without TLS' own farewell: the framing of HTTP says whether something is missing.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(0),
                done => return done,
            }
            if tls.read_tls(&mut self.tcp)? == 0 {
                return Ok(0);
            }
            tls.process_new_packets().map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        }
    }

    /// Writes what there is room for.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return (&self.tcp).write(bytes) };
        let taken = tls.writer().write(bytes)?;
        self.flush()?;
        if taken == 0 { Err(ErrorKind::WouldBlock.into()) } else { Ok(taken) }
    }

    /// True where TLS holds something back that is to be sent.
    pub fn wants_room(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.wants_write())
    }

    /// True where a read may have left something behind that the system does not know of.
    pub fn holds_back(&self) -> bool {
        self.tls.is_some()
    }

    /// Sends what TLS holds back; true once nothing is left.
    pub fn flush(&mut self) -> io::Result<bool> {
        let Self { tcp, tls: Some(tls) } = self else { return Ok(true) };
        while tls.wants_write() {
            match tls.write_tls(tcp) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Asks the system itself whether the server closed the idle connection, or said something that nobody asked for.
    pub fn is_sound(&self) -> bool {
        let mut byte = [0u8; 1];
        match recv(self.tcp.as_raw_fd(), &mut byte, MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT) {
            Ok(0) => false,
            // TLS may have session tickets waiting; on a plain connection nobody asked for these bytes.
            Ok(_) => self.tls.is_some(),
            Err(errno) => matches!(errno, Errno::EAGAIN | Errno::EINTR),
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.tcp.as_fd()
    }
}
