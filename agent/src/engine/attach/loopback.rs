//! Owns the two addresses that a host has for itself, of which a server may listen on one only.
//! Must not know engines.

use reqwest::Url;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::net::TcpStream;

/// How long a connection to this host may take.
const LIMIT: Duration = Duration::from_millis(500);

/// True where the URL names this host itself.
pub(in crate::engine) fn is_loopback(url: &Url) -> bool {
    matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"))
}

/// The URL with this host's other address, where something listens there and the URL's own was refused.
pub(super) async fn elsewhere(url: &Url) -> Option<String> {
    let other = other(url)?;
    tokio::time::timeout(LIMIT, TcpStream::connect(other)).await.ok()?.ok()?;
    let mut there = url.clone();
    there.set_ip_host(other.ip()).ok()?;
    Some(there.to_string().trim_end_matches('/').to_owned())
}

/// The other of the two addresses; `localhost` is both already.
fn other(url: &Url) -> Option<SocketAddr> {
    let port = url.port_or_known_default()?;
    match url.host_str()? {
        "127.0.0.1" => Some((Ipv6Addr::LOCALHOST, port).into()),
        "[::1]" => Some((Ipv4Addr::LOCALHOST, port).into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_on_the_other_address_is_found() {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let there = elsewhere(&Url::parse(&format!("http://[::1]:{port}/v")).unwrap()).await;
        assert_eq!(there, Some(format!("http://127.0.0.1:{port}/v")));
        assert_eq!(elsewhere(&Url::parse(&format!("http://localhost:{port}")).unwrap()).await, None);
        drop(listener);
        assert_eq!(elsewhere(&Url::parse(&format!("http://[::1]:{port}")).unwrap()).await, None);
    }
}
