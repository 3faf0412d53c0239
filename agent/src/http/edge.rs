//! Owns where requests come in and under which path: doors with and without TLS, and a base path behind a reverse proxy.
//! Must not know routes.

use super::tls::Tls;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use tokio::net::TcpListener;

/// A listener, and whether it speaks TLS.
pub struct Door {
    pub(super) listener: TcpListener,
    pub(super) tls: Option<Tls>,
}

impl Door {
    /// Plain HTTP.
    #[must_use]
    pub fn plain(listener: TcpListener) -> Self {
        Self { listener, tls: None }
    }

    /// HTTPS.
    #[must_use]
    pub fn with_tls(listener: TcpListener, tls: Tls) -> Self {
        Self { listener, tls: Some(tls) }
    }
}

/// The path under which browsers find the agent: nothing, or `/tokenprism` where a proxy gives it only that of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BasePath(String);

/// A text that is no base path.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("\"{0}\" is no base path: expected one like /tokenprism, of letters, digits, - and _")]
pub struct InvalidBasePath(String);

impl std::str::FromStr for BasePath {
    type Err = InvalidBasePath;

    fn from_str(text: &str) -> Result<Self, InvalidBasePath> {
        let path = text.trim_end_matches('/');
        let letters = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
        let plain = |part: &str| !part.is_empty() && part.bytes().all(letters);
        let is_plain = path.is_empty() || path.strip_prefix('/').is_some_and(|path| path.split('/').all(plain));
        // Beneath these the agent's own paths could not be told from it.
        let is_own =
            ["/api", "/ws", "/s", "/metrics"].iter().any(|own| path == *own || path.starts_with(&format!("{own}/")));
        if is_plain && !is_own && path.len() < 100 {
            Ok(Self(path.to_owned()))
        } else {
            Err(InvalidBasePath(text.to_owned()))
        }
    }
}

impl BasePath {
    /// Its text, without a slash at its end; empty where there is none.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True where there is none.
    pub(super) fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes the base path off a request's; one without it is as it is, since a proxy may have taken it off already.
    ///
    /// # Errors
    /// The answer where the first page is asked for without its last slash, without which a browser has another folder.
    pub(super) fn enter<B>(&self, request: &mut Request<B>) -> Result<(), Box<Response>> {
        let Some(rest) = request.uri().path().strip_prefix(&self.0).filter(|_| !self.is_root()) else { return Ok(()) };
        let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
        match rest {
            "" => Err(Redirect::permanent(&format!("{}/{query}", self.0)).into_response().into()),
            rest if rest.starts_with('/') => {
                let Ok(path) = PathAndQuery::try_from(format!("{rest}{query}")) else {
                    return Err(StatusCode::BAD_REQUEST.into_response().into());
                };
                let mut parts = std::mem::take(request.uri_mut()).into_parts();
                parts.path_and_query = Some(path);
                *request.uri_mut() = Uri::from_parts(parts).map_err(|_| StatusCode::BAD_REQUEST.into_response())?;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Puts the base path before every address of ours that an answer's head names, and keeps cookies of an encrypted
    /// connection to such.
    pub(super) fn leave(&self, headers: &mut HeaderMap, encrypted: bool) {
        let under = |value: &HeaderValue| {
            let path = value.to_str().ok().filter(|path| path.starts_with('/') && !path.starts_with("//"))?;
            let has_it = path.strip_prefix(&self.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
            if has_it { None } else { HeaderValue::from_str(&format!("{}{path}", self.0)).ok() }
        };
        if !self.is_root()
            && let Some(location) = headers.get(header::LOCATION).and_then(under)
        {
            headers.insert(header::LOCATION, location);
        }
        if let header::Entry::Occupied(mut cookies) = headers.entry(header::SET_COOKIE) {
            for cookie in cookies.iter_mut() {
                let Ok(text) = cookie.to_str() else { continue };
                let scoped = if self.is_root() {
                    text.to_owned()
                } else {
                    text.replace("; Path=/", &format!("; Path={}", self.0))
                };
                let scoped = if encrypted { format!("{scoped}; Secure") } else { scoped };
                if let Ok(scoped) = HeaderValue::from_str(&scoped) {
                    *cookie = scoped;
                }
            }
        }
    }

    /// A text of the dashboard, in which addresses stand in quotes and begin with a slash, with the base path before each.
    pub(super) fn rebased(&self, text: &str) -> String {
        text.replace("=\"/", &format!("=\"{}/", self.0)).replace("'/", &format!("'{}/", self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(text: &str) -> BasePath {
        text.parse().unwrap()
    }

    #[test]
    fn a_base_path_is_plain() {
        let check = |text: &str, expect: Option<&str>| {
            assert_eq!(text.parse::<BasePath>().ok().as_ref().map(BasePath::as_str), expect, "{text}");
        };
        check("/tokenprism", Some("/tokenprism"));
        check("/tokenprism/", Some("/tokenprism"));
        check("/bench/gpu-1", Some("/bench/gpu-1"));
        check("/", Some(""));
        check("", Some(""));
        for text in ["tokenprism", "//x", "/a//b", "/a b", "/../x", "/a\"b", "/api", "/ws", "/s", "/api/v1"] {
            check(text, None);
        }
    }

    #[test]
    fn a_path_loses_what_it_is_under_once() {
        let check = |path: &str, expect: &str| {
            let mut request = Request::builder().uri(path).body(()).unwrap();
            base("/tp").enter(&mut request).unwrap();
            assert_eq!(request.uri().to_string(), expect, "{path}");
        };
        check("/tp/", "/");
        check("/tp/runs/r1?x=1", "/runs/r1?x=1");
        check("/tp/tp/x", "/tp/x");
        check("/runs", "/runs");
        check("/tpx", "/tpx");
        let mut request = Request::builder().uri("/tp?x=1").body(()).unwrap();
        let answer = base("/tp").enter(&mut request).unwrap_err();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()[header::LOCATION]),
            (308, &HeaderValue::from_static("/tp/?x=1"))
        );
        let mut request = Request::builder().uri("/tp").body(()).unwrap();
        BasePath::default().enter(&mut request).unwrap();
        assert_eq!(request.uri().path(), "/tp");
    }

    #[test]
    fn what_an_answer_names_is_under_the_base() {
        let check = |base_path: &str, encrypted: bool, location: &str, cookie: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::LOCATION, HeaderValue::from_static("/runs/r1"));
            headers.insert(header::SET_COOKIE, HeaderValue::from_static("a=b; HttpOnly; Path=/"));
            base(base_path).leave(&mut headers, encrypted);
            assert_eq!(
                (&headers[header::LOCATION], &headers[header::SET_COOKIE]),
                (&location.parse().unwrap(), &cookie.parse().unwrap())
            );
        };
        check("", false, "/runs/r1", "a=b; HttpOnly; Path=/");
        check("", true, "/runs/r1", "a=b; HttpOnly; Path=/; Secure");
        check("/tp", false, "/tp/runs/r1", "a=b; HttpOnly; Path=/tp");
        let mut headers = HeaderMap::new();
        headers.insert(header::LOCATION, HeaderValue::from_static("/tp/x"));
        base("/tp").leave(&mut headers, false);
        assert_eq!(headers[header::LOCATION], "/tp/x");
    }

    #[test]
    fn addresses_of_the_page_are_under_the_base() {
        let text = base("/tp").rebased("<a href=\"/x\" title=\"a / b\"> import '/y.js'");
        assert_eq!(text, "<a href=\"/tp/x\" title=\"a / b\"> import '/tp/y.js'");
    }
}
