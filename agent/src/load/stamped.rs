//! Owns the stamps of a connection: when its last read returned, and when the first byte of a request was written.
//! Must not know HTTP.

use super::clock::Clock;
use std::cell::Cell;
use std::io::{IoSlice, Result};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Stamps shared by a stream and whoever reads its frames. hyper hands over one frame at a time and reads on only
/// when it was taken, so at that moment the last read is the one that completed the frame.
#[derive(Debug)]
pub(super) struct Stamps {
    clock: Clock,
    read_ns: Cell<u64>,
    sent_ns: Cell<Option<u64>>,
    armed: Cell<bool>,
}

impl Stamps {
    pub fn new(clock: Clock) -> Rc<Self> {
        Rc::new(Self { clock, read_ns: Cell::new(0), sent_ns: Cell::new(None), armed: Cell::new(false) })
    }

    /// The next byte written is the first of a request.
    pub fn arm(&self) {
        self.sent_ns.set(None);
        self.armed.set(true);
    }

    /// When the first byte of the request was handed over, ns of run time.
    pub fn sent_ns(&self) -> Option<u64> {
        self.sent_ns.get()
    }

    /// Stamps a write from before it began: the system call itself can already wake the server.
    fn write(&self, write: impl FnOnce() -> Poll<Result<usize>>) -> Poll<Result<usize>> {
        // Every write but the first of a request passes without a look at the clock.
        if !self.armed.get() {
            return write();
        }
        let began_ns = self.clock.now_ns();
        let done = write();
        if matches!(done, Poll::Ready(Ok(n)) if n > 0) {
            self.armed.set(false);
            self.sent_ns.set(Some(began_ns));
        }
        done
    }

    /// When the last read returned, ns of run time.
    pub fn read_ns(&self) -> u64 {
        self.read_ns.get()
    }
}

/// A byte stream that stamps its reads and the first write of each request. TLS, where used, lies below it.
#[derive(Debug)]
pub(super) struct Stamped<S> {
    inner: S,
    stamps: Rc<Stamps>,
}

impl<S> Stamped<S> {
    pub fn new(inner: S, stamps: Rc<Stamps>) -> Self {
        Self { inner, stamps }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stamped<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let this = self.get_mut();
        let done = Pin::new(&mut this.inner).poll_read(cx, buf);
        if done.is_ready() {
            this.stamps.read_ns.set(this.stamps.clock.now_ns());
        }
        done
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Stamped<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        let Self { inner, stamps } = self.get_mut();
        stamps.write(|| Pin::new(inner).poll_write(cx, buf))
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<Result<usize>> {
        let Self { inner, stamps } = self.get_mut();
        stamps.write(|| Pin::new(inner).poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}
