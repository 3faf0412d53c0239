//! Owns how somebody is told over HTTP: what is sent, its signature, whom it is never sent to, and when it is tried again.
//! Must not know why somebody is told.

use crate::orchestrate::unix_ms;
use crate::secret::Secret;
use hmac::{Hmac, Mac};
use reqwest::Url;
use reqwest::redirect::Policy;
use serde_json::json;
use sha2::Sha256;
use shared::ids::ScheduleId;
use shared::schedule::{Delivery, Outcome};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Longest URL, bytes.
const MAX_URL: usize = 2_000;
/// How long one attempt may take.
const LIMIT: Duration = Duration::from_secs(10);

/// When it is tried again after a failure: so many waits, each longer than the one before.
#[derive(Clone, Debug)]
pub struct Backoff(pub Vec<Duration>);

impl Default for Backoff {
    fn default() -> Self {
        Self([2, 10, 60, 300].map(Duration::from_secs).to_vec())
    }
}

/// Why nothing is sent to a URL, as a sentence; nothing where it may be.
#[must_use]
pub fn refused(url: &str) -> Option<String> {
    let shown: String = url.chars().take(80).collect();
    let why = |why: &str| Some(format!("The webhook's address \"{shown}\" is refused: {why}."));
    let Ok(parsed) = Url::parse(url) else { return why("it is no URL, such as https://example.org/hook") };
    if url.len() > MAX_URL {
        return why("it is too long");
    }
    if !["http", "https"].contains(&parsed.scheme()) {
        return why("it must begin with https:// or http://");
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return why("it has a user or a password in it, which would be stored and shown");
    }
    let literal = match parsed.host() {
        Some(url::Host::Ipv4(address)) => Some(IpAddr::V4(address)),
        Some(url::Host::Ipv6(address)) => Some(IpAddr::V6(address)),
        _ => None,
    };
    if literal.is_some_and(is_refused) {
        return why("it is an address that no receiver has: link-local, multicast or unspecified");
    }
    None
}

/// Addresses of no receiver; that of a cloud's metadata, which gives away its machine's credentials, is a link-local one.
fn is_refused(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            address.is_link_local() || address.is_multicast() || address.is_unspecified() || address.is_broadcast()
        }
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => is_refused(IpAddr::V4(mapped)),
            None => address.is_unicast_link_local() || address.is_multicast() || address.is_unspecified(),
        },
    }
}

/// What goes into the header `Tokenprism-Signature`: HMAC-SHA256 over timestamp, a dot, and body.
#[must_use]
pub fn signature(secret: &[u8], timestamp_s: u64, body: &[u8]) -> String {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return String::new() };
    mac.update(timestamp_s.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    format!("v1={}", hex::encode(mac.finalize().into_bytes()))
}

/// Tells of an outcome, again after each failure, until it arrives or no wait is left.
pub async fn deliver(
    url: &str,
    secret: &Secret,
    schedule: &ScheduleId,
    name: &str,
    outcome: &Outcome,
    backoff: &Backoff,
) -> Delivery {
    let body = json!({
        "schedule": schedule,
        "name": name,
        "of": outcome.of,
        "against": outcome.against,
        "changed": outcome.changed,
        "regression": outcome.changed.is_regression(),
        "ended_unix_ms": outcome.ended_unix_ms,
        "markdown": outcome.markdown,
    });
    let (body, delivery) = (body.to_string(), format!("{schedule}-{}", outcome.of));
    let mut waits = backoff.0.iter();
    let mut attempts = 0;
    loop {
        attempts += 1;
        let failure = send(url, secret, &delivery, &body).await.err();
        let Some(wait) = failure.is_some().then(|| waits.next()).flatten() else {
            return Delivery { at_unix_ms: unix_ms(), attempts, failure };
        };
        tokio::time::sleep(*wait).await;
    }
}

/// One attempt; why it failed, as a sentence without the URL's query, in which people keep tokens.
async fn send(url: &str, secret: &Secret, delivery: &str, body: &str) -> Result<(), String> {
    if let Some(why) = refused(url) {
        return Err(why);
    }
    let parsed = Url::parse(url).map_err(|_| "The webhook's address is no URL.".to_owned())?;
    let host = parsed.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let port = parsed.port_or_known_default().unwrap_or(443);
    let found = tokio::net::lookup_host((host.as_str(), port)).await;
    let addresses: Vec<SocketAddr> =
        found.map_err(|_| format!("The host {host} of the webhook has no address."))?.collect();
    if addresses.iter().any(|address| is_refused(address.ip())) {
        return Err(format!(
            "The host {host} of the webhook has an address that nothing is sent to (link-local or multicast)."
        ));
    }
    // Sent to what was looked at, and nowhere else: neither another address nor where an answer leads to.
    let client = reqwest::Client::builder()
        .redirect(Policy::none())
        .timeout(LIMIT)
        .no_proxy()
        .resolve_to_addrs(&host, &addresses)
        .build()
        .map_err(|_| "This host has no room for another connection.".to_owned())?;
    let timestamp_s = unix_ms() / 1_000;
    let request = client
        .post(parsed)
        .header("content-type", "application/json")
        .header("user-agent", concat!("tokenprism/", env!("CARGO_PKG_VERSION")))
        .header("tokenprism-delivery", delivery)
        .header("tokenprism-timestamp", timestamp_s)
        .header("tokenprism-signature", signature(secret.expose().as_bytes(), timestamp_s, body.as_bytes()))
        .body(body.to_owned());
    match request.send().await {
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(answer) => Err(format!("{host} answered with status {}.", answer.status().as_u16())),
        Err(error) if error.is_timeout() => Err(format!("{host} did not answer within {} s.", LIMIT.as_secs())),
        Err(error) if error.is_connect() => Err(format!("No connection to {host} on port {port} came about.")),
        Err(_) => Err(format!("{host} ended the connection without an answer.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_the_standard() {
        // RFC 4231, test case 2: its data with a dot in it.
        let mut mac = Hmac::<Sha256>::new_from_slice(b"Jefe").unwrap();
        mac.update(b"what do ya want for nothing?");
        let known = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hex::encode(mac.finalize().into_bytes()), known);
        let of = |secret: &[u8], at, body: &[u8]| signature(secret, at, body);
        let one = of(b"s", 1_700_000_000, b"{}");
        assert!(one.starts_with("v1=") && one.len() == 3 + 64);
        for other in [of(b"t", 1_700_000_000, b"{}"), of(b"s", 1_700_000_001, b"{}"), of(b"s", 1_700_000_000, b"{ }")] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn nothing_is_sent_to_what_no_receiver_has() {
        let check = |url: &str, words: Option<&str>| match (refused(url), words) {
            (None, None) => {}
            (Some(said), Some(words)) => assert!(said.contains(words) && said.ends_with('.'), "{said}"),
            (got, _) => panic!("{url}: {got:?}"),
        };
        check("https://example.org/hook?x=1", None);
        check("http://127.0.0.1:8080/", None);
        check("http://10.1.2.3/", None);
        check("ftp://example.org/", Some("https://"));
        check("file:///etc/passwd", Some("https://"));
        check("https://ada:secret@example.org/", Some("user or a password"));
        check("http://169.254.169.254/latest/meta-data", Some("link-local"));
        check("http://[fe80::1]/", Some("link-local"));
        check("http://[::ffff:169.254.169.254]/", Some("link-local"));
        check("http://2852039166/", Some("link-local"));
        check("http://0.0.0.0/", Some("unspecified"));
        check("hook", Some("no URL"));
        check(&format!("https://example.org/{}", "x".repeat(3000)), Some("too long"));
    }
}
