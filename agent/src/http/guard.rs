//! Owns what every request must satisfy and every response carries: host, origin, size, security headers.
//! Must not know tokens or routes.

use super::App;
use super::error::Refusal;
use super::imports::MAX_FORM_BYTES;
use axum::body::Body;
use axum::extract::{self, ConnectInfo, FromRequest, Request};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, Limited};
use serde::de::DeserializeOwned;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Longest body that is read, bytes.
pub(super) const MAX_BODY_BYTES: usize = 64 << 10;
/// The route that takes files.
const IMPORTS: &str = "/api/v1/imports";
/// Longest time that a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// WebAssembly needs `wasm-unsafe-eval`; the charts set inline styles. Everything else is this agent's own.
const POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data: blob:; connect-src 'self' ws: wss:; base-uri 'none'; form-action 'self'; \
    object-src 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, HeaderValue); 6] = [
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];

/// The hosts that the agent answers for. A page elsewhere that points its own name at this address (DNS rebinding)
/// comes with its own name in `Host`, and is refused.
pub(super) struct Hosts {
    bound: Vec<IpAddr>,
    names: Vec<String>,
}

impl Hosts {
    /// Hosts of the addresses that are listened on, and further names.
    pub(super) fn new(local: &[SocketAddr], names: &[String]) -> Self {
        let bound: Vec<IpAddr> = local.iter().map(SocketAddr::ip).collect();
        let mut names = names.to_vec();
        if !bound.iter().all(IpAddr::is_loopback) {
            names.push(crate::orchestrate::host().name);
        }
        Self { bound, names }
    }

    /// True where a `Host` header names this agent; any port, as tunnels change it.
    pub(super) fn allows(&self, host: &str) -> bool {
        let Ok(authority) = host.parse::<Authority>() else { return false };
        if host.contains('@') {
            return false;
        }
        let name = authority.host().trim_end_matches('.').to_ascii_lowercase();
        if let Ok(address) = name.trim_matches(['[', ']']).parse::<IpAddr>() {
            // An address is no name: nobody can rebind it. Listening everywhere, each of the host's own is right.
            return address.is_loopback() || self.bound.iter().any(|bound| *bound == address || bound.is_unspecified());
        }
        name == "localhost" || name.ends_with(".localhost") || self.names.iter().any(|n| n.eq_ignore_ascii_case(&name))
    }
}

/// True where a page of `origin` is a page of this agent: same host and port. The scheme may differ, as a proxy may
/// end TLS.
fn same_origin(origin: &str, host: &str) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    ["http", "https"].contains(&scheme) && authority.eq_ignore_ascii_case(host)
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Checks a request before any route sees it.
fn check(app: &App, request: &Request) -> Result<(), Refusal> {
    let headers = request.headers();
    let host = text(headers, header::HOST).or_else(|| request.uri().authority().map(Authority::as_str)).unwrap_or("");
    if !app.hosts.allows(host) {
        let host: String = host.chars().take(100).collect();
        let sentence = format!(
            "This agent does not answer for the host \"{host}\": open it by the address that it printed at start."
        );
        return Err(Refusal::new(StatusCode::MISDIRECTED_REQUEST, sentence));
    }
    let reads = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
    if (!reads || headers.contains_key(header::UPGRADE))
        && let Some(origin) = headers.get(header::ORIGIN)
        && !origin.to_str().is_ok_and(|origin| same_origin(origin, host))
    {
        let origin: String = String::from_utf8_lossy(origin.as_bytes()).chars().take(100).collect();
        let sentence =
            format!("A page of {origin} asked, which is not this agent's ({host}): open the agent's own page.");
        return Err(Refusal::new(StatusCode::FORBIDDEN, sentence));
    }
    let length = text(headers, header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    // Files have a limit of their own; whoever may hand them in is known by then.
    let most = if request.uri().path() == IMPORTS { MAX_FORM_BYTES } else { MAX_BODY_BYTES };
    if length.is_some_and(|length| length > most as u64) {
        return Err(too_large(most));
    }
    Ok(())
}

fn too_large(most: usize) -> Refusal {
    let sentence = format!("The body is longer than the {most} bytes that are read: shorten it.");
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, sentence)
}

/// Guards every request and dresses every response.
pub(super) async fn guard(
    extract::State(app): extract::State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    app.state.access.strip(peer.ip(), request.headers_mut());
    let origin = app.state.access.origin(peer.ip(), request.headers());
    request.extensions_mut().insert(ConnectInfo(SocketAddr::new(origin, peer.port())));
    let mut response = match check(&app, &request) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    };
    let headers = response.headers_mut();
    headers.extend(HEADERS);
    // What the API says is of this moment and for this principal.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// A body as text, bounded in length and time.
pub(super) struct BoundedText(pub(super) String);

impl<S: Sync> FromRequest<S> for BoundedText {
    type Rejection = Refusal;

    async fn from_request(request: Request<Body>, _: &S) -> Result<Self, Refusal> {
        let body = Limited::new(request.into_body(), MAX_BODY_BYTES).collect();
        let bytes = match tokio::time::timeout(BODY_TIMEOUT, body).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => return Err(too_large(MAX_BODY_BYTES)),
            Ok(Err(error)) => return Err(Refusal::bad_request(format!("The body could not be read: {error}."))),
            Err(_) => {
                let sentence = format!("The body did not arrive within {} s: send it again.", BODY_TIMEOUT.as_secs());
                return Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, sentence));
            }
        };
        let text = String::from_utf8(bytes.to_vec());
        text.map(Self).map_err(|_| Refusal::bad_request("The body is not UTF-8 text: save the file as UTF-8."))
    }
}

/// A body of JSON; `example` is what the sentence of a refusal shows.
pub(super) fn json<T: DeserializeOwned>(body: &str, example: &str) -> Result<T, Refusal> {
    serde_json::from_str(body).map_err(|error| {
        Refusal::unprocessable(format!("The body could not be read: {error}. Send {example} as JSON."))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_host(bound: &str, host: &str, expect: bool) {
        let hosts = Hosts::new(&[bound.parse().unwrap()], &["gpu.example.org".to_owned()]);
        assert_eq!(hosts.allows(host), expect, "{host:?} at {bound}");
    }

    #[test]
    fn loopback_and_named_hosts_are_answered_for_with_any_port() {
        for host in
            ["localhost", "LOCALHOST:1", "a.localhost:80", "127.0.0.1:7717", "127.8.8.8", "[::1]:9", "localhost."]
        {
            check_host("127.0.0.1:1", host, true);
        }
        check_host("127.0.0.1:1", "gpu.example.org:443", true);
        check_host("127.0.0.1:1", "GPU.example.org", true);
    }

    #[test]
    fn other_names_are_refused() {
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "evil@localhost",
            "a b",
            "10.0.0.1",
        ] {
            check_host("127.0.0.1:1", host, false);
        }
        check_host("0.0.0.0:1", "evil.example", false);
    }

    #[test]
    fn an_address_that_is_listened_on_is_answered_for() {
        check_host("10.0.0.1:1", "10.0.0.1:1", true);
        check_host("10.0.0.1:1", "10.0.0.2:1", false);
        check_host("0.0.0.0:1", "10.0.0.2:1", true);
        check_host("[::]:1", "[fe80::1]:1", true);
        check_host("0.0.0.0:1", &crate::orchestrate::host().name, true);
    }

    #[test]
    fn an_origin_is_the_same_only_with_host_and_port() {
        let check = |origin: &str, host: &str, expect: bool| assert_eq!(same_origin(origin, host), expect, "{origin}");
        check("http://127.0.0.1:7717", "127.0.0.1:7717", true);
        check("https://gpu.example.org", "gpu.example.org", true);
        check("http://127.0.0.1:7718", "127.0.0.1:7717", false);
        check("http://localhost:7717", "127.0.0.1:7717", false);
        check("null", "127.0.0.1:7717", false);
        check("file://127.0.0.1:7717", "127.0.0.1:7717", false);
        check("", "", false);
    }
}
