//! Owns the way to the server: its addresses, TLS' settings, and why no connection was opened.
//! Must not know HTTP or what is sent.

use super::{LoadError, Target};
use nix::errno::Errno;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, crypto};
use std::cell::Cell;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

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

/// What TLS needs, checked before load.
#[derive(Clone)]
pub(super) struct Tls {
    config: Arc<ClientConfig>,
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
        Ok(Some(Self { config: Arc::new(config), name }))
    }

    /// The client's side of one connection.
    pub fn begin(&self) -> Result<ClientConnection, rustls::Error> {
        ClientConnection::new(Arc::clone(&self.config), self.name.clone())
    }
}

/// The way to one target.
pub(super) struct Dialer {
    addresses: Result<Vec<SocketAddr>, String>,
    /// The address that answered last, so that a dead one is not tried again and again.
    preferred: Cell<usize>,
    tls: Option<Tls>,
}

impl Dialer {
    /// Resolves the target's name once, within the connect limit; a failure is every connection's failure.
    pub fn resolve(target: &Target, tls: Option<Tls>, limit_ns: u64) -> Self {
        let host = bare(&target.host).to_owned();
        let addresses = resolve(&host, target.port, Duration::from_nanos(limit_ns));
        let addresses = addresses.and_then(|found| match found.is_empty() {
            true => Err(format!("The host name {host} has no address.")),
            false => Ok(found),
        });
        Self { addresses, preferred: Cell::new(0), tls }
    }

    /// How many addresses there are to try.
    pub fn count(&self) -> usize {
        self.addresses.as_ref().map_or(0, Vec::len)
    }

    /// The address that is tried after `tried` others.
    pub fn address(&self, tried: usize) -> Result<SocketAddr, DialError> {
        let addresses = self.addresses.as_ref().map_err(|sentence| DialError::Failed(sentence.clone()))?;
        let place = (self.preferred.get() + tried) % addresses.len().max(1);
        addresses.get(place).copied().ok_or_else(|| DialError::Failed("The target has no address.".to_owned()))
    }

    /// The address that was tried after `tried` others has answered.
    pub fn prefer(&self, tried: usize) {
        self.preferred.set((self.preferred.get() + tried) % self.count().max(1));
    }

    pub fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }
}

/// Addresses of a name. The system's resolver has no time limit, so it is asked on a thread of its own.
fn resolve(host: &str, port: u16, limit: Duration) -> Result<Vec<SocketAddr>, String> {
    let (found, answer) = channel();
    let asked = host.to_owned();
    let resolver = std::thread::Builder::new().name("load-resolve".to_owned()).spawn(move || {
        let addresses = (asked.as_str(), port).to_socket_addrs().map(Iterator::collect);
        // Too late: nobody waits any more.
        found.send(addresses).unwrap_or_default();
    });
    let failed = |why: &dyn std::fmt::Display| format!("The host name {host} could not be resolved: {why}.");
    resolver.map_err(|error| failed(&error))?;
    match answer.recv_timeout(limit) {
        Ok(addresses) => addresses.map_err(|error: io::Error| failed(&error)),
        Err(RecvTimeoutError::Timeout) => {
            Err(format!("The host name {host} was not resolved within the connect limit."))
        }
        Err(RecvTimeoutError::Disconnected) => Err(failed(&"the resolver failed")),
    }
}

/// Why a connection failed.
pub(super) fn io_error(error: &io::Error, address: Option<SocketAddr>) -> DialError {
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
