//! Owns a network between a browser and the agent that a test can cut and mend.
//! Must not know what is said over it.
#![allow(clippy::unwrap_used, reason = "test support fails by panicking")]

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A network; it ends with this value.
pub struct Relay {
    /// Where the agent is reached by it.
    pub url: String,
    is_cut: watch::Sender<bool>,
}

impl Relay {
    /// Whole, to the agent at this URL.
    pub async fn to(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let to = url.strip_prefix("http://").unwrap().to_owned();
        let (is_cut, cut) = watch::channel(false);
        tokio::spawn(async move {
            let mut ended = cut.clone();
            loop {
                tokio::select! {
                    accepted = listener.accept() => {
                        let (stream, _) = accepted.unwrap();
                        tokio::spawn(carry(stream, to.clone(), cut.clone()));
                    }
                    // The sender is gone with the network.
                    Err(_) = ended.changed() => break,
                }
            }
        });
        Self { url: format!("http://{address}"), is_cut }
    }

    /// Ends every connection, and lets none begin.
    pub fn cut(&self) {
        self.is_cut.send_replace(true);
    }

    /// Lets connections begin again.
    pub fn mend(&self) {
        self.is_cut.send_replace(false);
    }
}

/// Carries one connection until it ends or is cut.
async fn carry(mut from: TcpStream, to: String, mut cut: watch::Receiver<bool>) {
    if *cut.borrow_and_update() {
        return;
    }
    let Ok(mut agent) = TcpStream::connect(&to).await else { return };
    tokio::select! {
        _ = copy_bidirectional(&mut from, &mut agent) => {}
        _ = cut.wait_for(|is_cut| *is_cut) => {}
    }
}
