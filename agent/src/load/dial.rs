//! Owns the way to an open byte stream: addresses, TCP, TLS, the time it took, and why it failed.
//! Must not know HTTP or what is sent.

use super::clock::Clock;
use super::{LoadError, Target};
use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

/// Why no connection was opened, with a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum DialError {
    /// The server or the way to it.
    Failed(String),
    /// The connect limit passed.
    TimedOut,
    /// This host: descriptors, ports, memory.
    Client(String),
}

/// An open byte stream.
pub(super) enum Socket {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Socket {
    pub fn raw_fd(&self) -> RawFd {
        match self {
            Socket::Plain(tcp) => tcp.as_raw_fd(),
            Socket::Tls(tls) => tls.get_ref().0.as_raw_fd(),
        }
    }
}

/// What TLS needs, checked before load.
#[derive(Clone)]
pub(super) struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl Tls {
    /// TLS with the system's and Mozilla's roots, for a target that asks for it.
    pub fn of(target: &Target) -> Result<Option<Self>, LoadError> {
        if !target.tls {
            return Ok(None);
        }
        let failed = |reason: String| LoadError::Tls { host: target.host.clone(), reason };
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let mut config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|e| failed(e.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let name = ServerName::try_from(bare(&target.host).to_owned()).map_err(|e| failed(e.to_string()))?;
        Ok(Some(Self { connector: TlsConnector::from(Arc::new(config)), name }))
    }
}

/// Opens connections to one target.
pub(super) struct Dialer {
    clock: Clock,
    limit: Duration,
    addresses: Result<Vec<SocketAddr>, String>,
    /// The address that answered last, so that a dead one is not tried again and again.
    preferred: Cell<usize>,
    tls: Option<Tls>,
}

impl Dialer {
    /// Resolves the target's name once, within the connect limit; a failure is every connection's failure.
    pub async fn resolve(clock: Clock, target: &Target, tls: Option<Tls>, limit_ns: u64) -> Self {
        let limit = Duration::from_nanos(limit_ns);
        let host = bare(&target.host);
        let found = tokio::time::timeout(limit, tokio::net::lookup_host((host, target.port))).await;
        let addresses = match found {
            Ok(Ok(found)) => Ok(found.collect::<Vec<_>>()),
            Ok(Err(error)) => Err(format!("The host name {host} could not be resolved: {error}.")),
            Err(_) => Err(format!("The host name {host} was not resolved within the connect limit.")),
        };
        let addresses = addresses.and_then(|found| match found.is_empty() {
            true => Err(format!("The host name {host} has no address.")),
            false => Ok(found),
        });
        Self { clock, limit, addresses, preferred: Cell::new(0), tls }
    }

    /// Opens a connection and says how long it took, ns.
    pub async fn dial(&self) -> Result<(Socket, u64), DialError> {
        let began_ns = self.clock.now_ns();
        let socket = match tokio::time::timeout(self.limit, self.open()).await {
            Ok(opened) => opened?,
            Err(_) => return Err(DialError::TimedOut),
        };
        Ok((socket, self.clock.now_ns().saturating_sub(began_ns)))
    }

    async fn open(&self) -> Result<Socket, DialError> {
        let tcp = self.tcp().await?;
        // Without it the last piece of a request can wait for an acknowledgement.
        tcp.set_nodelay(true).map_err(|e| io_error(&e, tcp.peer_addr().ok()))?;
        let Some(tls) = &self.tls else { return Ok(Socket::Plain(tcp)) };
        match tls.connector.connect(tls.name.clone(), tcp).await {
            Ok(stream) => Ok(Socket::Tls(Box::new(stream))),
            Err(error) => Err(DialError::Failed(format!("TLS with the server failed: {error}."))),
        }
    }

    async fn tcp(&self) -> Result<TcpStream, DialError> {
        let addresses = self.addresses.as_ref().map_err(|sentence| DialError::Failed(sentence.clone()))?;
        let first = self.preferred.get();
        let mut last = DialError::Failed("The target has no address.".to_owned());
        for place in (0..addresses.len()).map(|i| (first + i) % addresses.len()) {
            match TcpStream::connect(addresses[place]).await {
                Ok(tcp) => {
                    self.preferred.set(place);
                    return Ok(tcp);
                }
                Err(error) => last = io_error(&error, Some(addresses[place])),
            }
        }
        Err(last)
    }
}

fn io_error(error: &io::Error, address: Option<SocketAddr>) -> DialError {
    use nix::errno::Errno;
    let code = error.raw_os_error().map(Errno::from_raw);
    match code {
        Some(Errno::EMFILE | Errno::ENFILE) => DialError::Client(format!(
            "This host has no file descriptor left for a connection ({error}). Raise its limit (ulimit -n)."
        )),
        Some(Errno::EADDRNOTAVAIL) if address.is_some_and(|a| !a.ip().is_unspecified()) => DialError::Client(format!(
            "This host has no free port or address for a connection ({error}). Lower the concurrency, or wait."
        )),
        Some(Errno::ENOBUFS | Errno::ENOMEM) => DialError::Client(format!(
            "This host has no memory left for a connection ({error}). Lower the concurrency."
        )),
        _ => match address {
            Some(address) => DialError::Failed(format!("No connection to {address}: {error}.")),
            None => DialError::Failed(format!("The connection failed: {error}.")),
        },
    }
}

/// A host without the brackets that a URL puts around an IPv6 address.
fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Socket::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Socket::Tls(tls) => Pin::new(tls).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Socket::Plain(tcp) => Pin::new(tcp).poll_write(cx, buf),
            Socket::Tls(tls) => Pin::new(tls).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Socket::Plain(tcp) => Pin::new(tcp).poll_write_vectored(cx, bufs),
            Socket::Tls(tls) => Pin::new(tls).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Socket::Plain(tcp) => tcp.is_write_vectored(),
            Socket::Tls(tls) => tls.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Socket::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Socket::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Socket::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Socket::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}
