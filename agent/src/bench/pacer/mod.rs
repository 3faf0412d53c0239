//! Owns the pacing server: it answers with known times and keeps its own account of what it did when.
//! Must not know the load generator that it is compared with.

mod account;
mod config;
mod connection;
mod request;
mod server;
mod wire;

pub use account::{Account, Ending, Served, Written};

pub use config::{PacerArgs, PacerConfig};
pub(super) use wire::{MODEL, TOKEN_TEXT};

use crate::cores;
use crate::descriptors::make_room;
use crate::poller::Poller;
use anyhow::Context;
use nix::sys::eventfd::EventFd;
use nix::sys::socket::{self, Backlog};
use server::Server;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// Why the pacing server could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum PacerError {
    /// It could not listen.
    #[error("the pacing server cannot listen on {addr}: {source}; name another address or free this one")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Its loop failed.
    #[error("the pacing server's loop failed: {0}; look at the limits on open files and memory")]
    Loop(#[from] io::Error),
    /// Its account could not be had.
    #[error("the pacing server at {addr} gave no account: {why}; the figures cannot be compared with the truth")]
    NoAccount {
        /// The server.
        addr: SocketAddr,
        /// Why.
        why: String,
    },
}

/// A pacing server on a thread of this process. Dropping it ends it.
#[derive(Debug)]
pub struct PacerHandle {
    /// Where it listens.
    pub addr: SocketAddr,
    stop: Arc<EventFd>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl PacerHandle {
    /// Its account so far.
    ///
    /// # Errors
    /// Where it does not answer.
    pub fn account(&self) -> Result<Account, PacerError> {
        fetch_account(self.addr)
    }
}

impl Drop for PacerHandle {
    fn drop(&mut self) {
        if let Err(error) = self.stop.write(1) {
            tracing::warn!(%error, "the pacing server could not be told to stop");
            return;
        }
        if let Some(Ok(Err(error))) = self.thread.take().map(JoinHandle::join) {
            tracing::warn!(%error, "the pacing server's loop failed");
        }
    }
}

/// Starts a pacing server on a thread of this process.
///
/// # Errors
/// Where it cannot listen or start its thread.
pub fn spawn_pacer_in_process(config: PacerConfig) -> Result<PacerHandle, PacerError> {
    let core = config.core;
    let (addr, stop, server) = prepare(config)?;
    let thread = std::thread::Builder::new().name("pacer".into()).spawn(move || {
        if let Some(core) = core {
            cores::bind(core)?;
        }
        server.serve()
    })?;
    Ok(PacerHandle { addr, stop, thread: Some(thread) })
}

/// Serves in this process until standard input closes or a signal ends it; prints its address first.
///
/// # Errors
/// Where it cannot listen, or its loop fails.
pub fn run_pacer(args: PacerArgs) -> anyhow::Result<()> {
    let config = args.config().context("the page of metrics cannot be read")?;
    if let Some(core) = config.core {
        cores::bind(core)?;
    }
    let (addr, stop, server) = prepare(config)?;
    println!("{addr}");
    io::stdout().flush()?;
    if args.until_stdin_closes {
        std::thread::spawn(move || {
            let mut byte = [0];
            while matches!(io::stdin().read(&mut byte), Ok(n) if n > 0) {}
            // Where even this fails there is no way left to end in order.
            if stop.write(1).is_err() {
                std::process::exit(1);
            }
        });
    }
    Ok(server.serve()?)
}

fn prepare(config: PacerConfig) -> Result<(SocketAddr, Arc<EventFd>, Server), PacerError> {
    make_room(server::MAX_CONNECTIONS);
    let listener = listen(config.listen).map_err(|source| PacerError::Listen { addr: config.listen, source })?;
    let addr = listener.local_addr()?;
    let poller = Poller::new()?;
    let stop = poller.stopper();
    Ok((addr, stop, Server::new(config, listener, poller)?))
}

/// Listens with the longest backlog: a thousand clients that connect at once must not wait for retransmissions.
fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(addr)?;
    listener.set_nonblocking(true)?;
    // The standard library's backlog is short; on Linux a second call changes it.
    socket::listen(&listener, Backlog::MAXCONN)?;
    Ok(listener)
}

/// Fetches the account of a pacing server.
///
/// # Errors
/// Where it does not answer, or not with an account.
pub fn fetch_account(addr: SocketAddr) -> Result<Account, PacerError> {
    let failed = |why: String| PacerError::NoAccount { addr, why };
    let read = || -> io::Result<Vec<u8>> {
        let mut socket = TcpStream::connect_timeout(&addr, Duration::from_secs(5))?;
        socket.set_read_timeout(Some(Duration::from_secs(30)))?;
        socket.write_all(format!("GET /pacer/account HTTP/1.1\r\nhost: {addr}\r\n\r\n").as_bytes())?;
        let mut bytes = Vec::new();
        let mut buffer = vec![0; 256 * 1024];
        loop {
            let head = bytes.windows(4).position(|w: &[u8]| w == b"\r\n\r\n");
            if let Some(head) = head {
                let length = content_length(&bytes[..head]).ok_or_else(|| io::Error::other("no length"))?;
                if bytes.len() >= head + 4 + length {
                    return Ok(bytes.split_off(head + 4));
                }
            }
            match socket.read(&mut buffer)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => bytes.extend_from_slice(&buffer[..n]),
            }
        }
    };
    let body = read().map_err(|error| failed(error.to_string()))?;
    rmp_serde::from_slice(&body).map_err(|error| failed(error.to_string()))
}

fn content_length(head: &[u8]) -> Option<usize> {
    let head = std::str::from_utf8(head).ok()?;
    let line = head.split("\r\n").find_map(|line| line.strip_prefix("content-length: "))?;
    line.trim().parse().ok()
}
