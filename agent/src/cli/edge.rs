//! Owns the arguments by which the agent stands at the edge of a network: TLS from files, a base path behind a proxy.
//! Must not know what is served.

use crate::http::{BasePath, Door, Tls};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use tokio::net::TcpListener;

/// How browsers reach the agent.
#[derive(clap::Args, Debug)]
pub struct EdgeArgs {
    /// Serve HTTPS with this certificate: a PEM file with what leads to its issuer, read anew when it changes.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key, a PEM file.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// The path under which a reverse proxy has the agent, such as /tokenprism; the proxy may pass it on or take it off.
    #[arg(long, value_name = "PATH", default_value = "")]
    pub base_path: BasePath,
}

/// Where requests come in, and by which URLs.
pub struct Doors {
    /// Where.
    pub doors: Vec<Door>,
    /// The address that was asked for.
    pub address: SocketAddr,
    /// For browsers.
    pub url: String,
    /// For commands on this host.
    pub local_url: String,
}

impl EdgeArgs {
    /// True where what browsers send is encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.tls_cert.is_some()
    }

    /// What is served at. With TLS, commands on this host have a plain door of their own on loopback: they know the agent by
    /// its data directory, and its certificate names no address.
    ///
    /// # Errors
    /// Where the TLS files cannot be used, or nothing can be listened on.
    pub async fn doors(&self, listener: TcpListener, names: &[String]) -> anyhow::Result<Doors> {
        let (address, base) = (listener.local_addr()?, self.base_path.as_str());
        let (Some(cert), Some(key)) = (&self.tls_cert, &self.tls_key) else {
            let url = format!("http://{address}{base}");
            return Ok(Doors { doors: vec![Door::plain(listener)], address, local_url: url.clone(), url });
        };
        let tls = Tls::open(cert, key)?;
        let local = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let local_url = format!("http://{}", local.local_addr()?);
        let url = match names.first() {
            Some(name) => format!("https://{name}:{}{base}", address.port()),
            None => format!("https://{address}{base}"),
        };
        Ok(Doors { doors: vec![Door::with_tls(listener, tls), Door::plain(local)], address, url, local_url })
    }
}
