//! Owns a small reverse proxy that has the agent under a path: whatever else is asked for is refused and kept in mind.
//! Must not know what is asked.
#![allow(dead_code, missing_docs, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "test support fails by panicking")]

use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

pub struct PrefixProxy {
    /// Where it listens.
    pub address: String,
    /// Paths beyond its own that were asked for.
    pub strayed: Arc<Mutex<Vec<String>>>,
}

impl PrefixProxy {
    /// Passes on what is under `base`, with that path or without it.
    pub async fn start(listener: TcpListener, to: String, base: &'static str, takes_off: bool) -> Self {
        let address = listener.local_addr().unwrap().to_string();
        let strayed: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = Arc::clone(&strayed);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (to, kept) = (to.clone(), Arc::clone(&kept));
                tokio::spawn(async move { drop(pass(stream, &to, base, takes_off, &kept).await) });
            }
        });
        Self { address, strayed }
    }
}

async fn pass(
    mut from: TcpStream,
    to: &str,
    base: &str,
    takes_off: bool,
    strayed: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let byte = from.read_u8().await?;
        head.push(byte);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let Some(rest) = path.strip_prefix(base).filter(|rest| rest.is_empty() || rest.starts_with(['/', '?'])) else {
        strayed.lock().unwrap().push(path);
        return from.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
    };
    let mut head = if takes_off { head.replacen(&path, if rest.is_empty() { "/" } else { rest }, 1) } else { head };
    // One request a connection, so that the path of each is seen.
    if !head.to_ascii_lowercase().contains("\r\nupgrade:") {
        let lines =
            head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("connection:") && !line.is_empty());
        head = lines.chain(["connection: close", "", ""]).collect::<Vec<_>>().join("\r\n");
    }
    let mut agent = TcpStream::connect(to).await?;
    agent.write_all(head.as_bytes()).await?;
    copy_bidirectional(&mut from, &mut agent).await?;
    Ok(())
}
