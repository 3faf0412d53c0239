//! Owns requests ready to be sent, built in order of their numbers on a thread of their own.
//! Must not know when they are sent.

use super::{BodyFn, LoadError, Target};
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::Full;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// Most requests built ahead.
const AHEAD: u32 = 1024;

/// A request ready to be sent.
pub(super) struct Prepared {
    pub id: u64,
    pub request: Request<Full<Bytes>>,
}

/// What all requests of a trial have in common.
#[derive(Clone, Debug)]
pub(super) struct Template {
    uri: Uri,
    headers: HeaderMap,
}

impl Template {
    /// Checks the target's path and headers.
    pub fn of(target: &Target) -> Result<Self, LoadError> {
        let uri = Uri::try_from(target.path.as_str()).ok().filter(|_| target.path.starts_with('/'));
        let uri = uri.ok_or_else(|| LoadError::Path(target.path.clone()))?;
        let mut headers = HeaderMap::new();
        headers.insert(HOST, value("host", &authority(target))?);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        for (name, text) in &target.headers {
            let parsed = HeaderName::try_from(name.as_str()).map_err(|_| LoadError::Header(name.clone()))?;
            headers.insert(parsed, value(name, text)?);
        }
        Ok(Self { uri, headers })
    }

    fn request(&self, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }
}

fn value(name: &str, text: &str) -> Result<HeaderValue, LoadError> {
    HeaderValue::from_str(text).map_err(|_| LoadError::Header(name.to_owned()))
}

/// Host and, unless it is the scheme's own, port.
fn authority(target: &Target) -> String {
    let host = match target.host.contains(':') && !target.host.starts_with('[') {
        true => format!("[{}]", target.host),
        false => target.host.clone(),
    };
    let default = if target.tls { 443 } else { 80 };
    if target.port == default { host } else { format!("{host}:{}", target.port) }
}

/// Requests in order of their numbers. Dropping it ends the thread that builds them.
pub(super) struct Bodies {
    ready: Receiver<Prepared>,
    built: Arc<AtomicU32>,
    first_fill: u32,
    builder: JoinHandle<()>,
}

impl Bodies {
    /// Starts to build; `concurrency` requests are needed at once when load starts.
    pub fn start(template: Template, body: BodyFn, first_id: u64, concurrency: u32) -> Result<Self, LoadError> {
        let first_fill = concurrency.clamp(4, AHEAD);
        let (filled, ready) = sync_channel(first_fill as usize);
        let built = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&built);
        let builder = Builder::new().name("load-bodies".to_owned()).spawn(move || {
            for id in first_id.. {
                let request = template.request(body(id));
                // Counted before it is handed over: the last one of the first fill may have to wait for its place.
                count.fetch_add(1, Ordering::Relaxed);
                if filled.send(Prepared { id, request }).is_err() {
                    break;
                }
            }
        })?;
        Ok(Self { ready, built, first_fill, builder })
    }

    /// Waits until the requests of the first moment are built, or the builder is gone.
    pub async fn filled(&self) {
        while self.built.load(Ordering::Relaxed) < self.first_fill && !self.builder.is_finished() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// The next request; waits only where the builder is behind. Absent where the builder has died.
    pub fn take(&self) -> Option<Prepared> {
        self.ready.recv().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Protocol;

    fn target(host: &str, port: u16, tls: bool, path: &str, header: &str) -> Target {
        let (host, path) = (host.to_owned(), path.to_owned());
        let headers = vec![("authorization".to_owned(), header.to_owned())];
        Target { tls, host, port, path, headers, protocol: Protocol::OpenAiChat }
    }

    fn check(target: &Target, expect: Option<&str>) {
        let host = Template::of(target).ok().map(|t| t.headers[HOST].to_str().unwrap().to_owned());
        assert_eq!(host.as_deref(), expect, "{target:?}");
    }

    #[test]
    fn templates() {
        check(&target("a.b", 8000, false, "/v1", "x"), Some("a.b:8000"));
        check(&target("a.b", 443, true, "/v1", "x"), Some("a.b"));
        check(&target("::1", 80, false, "/", "x"), Some("[::1]"));
        check(&target("a.b", 80, false, "v1", "x"), None);
        check(&target("a.b", 80, false, "/v 1", "x"), None);
        check(&target("a.b", 80, false, "/v1", "x\ny"), None);
    }

    #[test]
    fn numbers_follow_without_gaps_and_a_dead_builder_shows() {
        let template = Template::of(&target("a", 80, false, "/", "x")).unwrap();
        let body: BodyFn = Arc::new(|id| if id < 13 { Bytes::new() } else { panic!("no prompt {id}") });
        let bodies = Bodies::start(template, body, 10, 1).unwrap();
        let ids: Vec<u64> = std::iter::from_fn(|| bodies.take()).map(|p| p.id).collect();
        assert_eq!(ids, [10, 11, 12]);
    }
}
