//! Owns why a server cannot be asked, told apart as sentences: nobody there, TLS, a key, a route, another address.
//! Must not know what was asked.

use super::API_KEY;
use crate::engine::EngineError;
use reqwest::{StatusCode, Url};

/// Longest piece of a server's own words that is quoted, characters.
const MAX_SAID: usize = 300;

/// Why no answer came. `elsewhere` is this host's other address, where something listens there.
pub(super) fn unreachable(base: &Url, error: &reqwest::Error, elsewhere: Option<String>) -> EngineError {
    let url = base.to_string();
    let cause = cause(error);
    if let Some(there) = elsewhere {
        return EngineError::Elsewhere { url, reason: cause, there };
    }
    match tls_of(error).or_else(|| cut_off(base, error)) {
        Some(reason) => EngineError::Tls { url, reason },
        None if error.is_timeout() => EngineError::Unreachable { url, reason: "it did not answer in time".to_owned() },
        None => EngineError::Unreachable { url, reason: cause },
    }
}

/// Why an answer is none, in the server's words or ours.
pub(super) fn refused(url: &Url, status: StatusCode, said: &str, location: Option<&str>, has_key: bool) -> EngineError {
    let said: String = said.chars().take(MAX_SAID).collect();
    let message = match (status, has_key) {
        (StatusCode::UNAUTHORIZED, false) => format!(
            "it needs an API key: set {API_KEY} for the agent, or keep one with `tokenprism secret set NAME` and name it \
             in engine.api_key. {said}"
        ),
        (StatusCode::UNAUTHORIZED, true) => format!("it does not accept the API key that it was sent. {said}"),
        (StatusCode::FORBIDDEN, _) => format!("the API key may not use it. {said}"),
        (StatusCode::NOT_FOUND, _) => format!("it has no such route; check the engine's kind and URL. {said}"),
        (status, _) if status.is_redirection() => match location {
            Some(to) => format!("it redirects to {to}: give the final URL."),
            None => "it redirects elsewhere: give the final URL.".to_owned(),
        },
        _ => said,
    };
    EngineError::Refused { url: url.to_string(), status: status.as_u16(), message }
}

/// The innermost cause of a client error, which is the one that helps.
fn cause(error: &reqwest::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(next) = inner.source() {
        inner = next;
    }
    inner.to_string()
}

/// What is wrong with TLS, where that is the cause.
fn tls_of(error: &reqwest::Error) -> Option<String> {
    causes(error).find_map(|cause| cause.downcast_ref::<rustls::Error>()).map(tls_sentence)
}

/// What to say of a connection that ended in the middle of its handshake.
fn cut_off(base: &Url, error: &reqwest::Error) -> Option<String> {
    let kinds = causes(error).filter_map(|cause| cause.downcast_ref::<std::io::Error>());
    let is_cut = kinds.map(std::io::Error::kind).any(|kind| kind == std::io::ErrorKind::UnexpectedEof);
    (base.scheme() == "https" && is_cut).then(|| {
        "it ended the connection before it was encrypted; if it does not speak TLS on this port, give the URL with http://"
            .to_owned()
    })
}

/// An error and what is behind it. An error of the system can hold one that its own chain passes over.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error as &(dyn std::error::Error + 'static)), |error| {
        let held = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        held.map(|held| held as &(dyn std::error::Error + 'static)).or_else(|| error.source())
    })
}

fn tls_sentence(error: &rustls::Error) -> String {
    use rustls::CertificateError as Certificate;
    match error {
        rustls::Error::InvalidMessage(_) => {
            "it does not speak TLS on this port: give the URL with http://, or the port that speaks TLS".to_owned()
        }
        rustls::Error::InvalidCertificate(Certificate::UnknownIssuer) => {
            "this host does not know who issued its certificate: add that authority to this host's certificates"
                .to_owned()
        }
        rustls::Error::InvalidCertificate(Certificate::Expired | Certificate::ExpiredContext { .. }) => {
            "its certificate has expired".to_owned()
        }
        rustls::Error::InvalidCertificate(
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. },
        ) => "its certificate is for another name: give the URL with that name".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_says_what_to_do() {
        let check = |status: u16, location: Option<&str>, has_key: bool, words: &str| {
            let url = Url::parse("http://box:8000/v1/models").unwrap();
            let status = StatusCode::from_u16(status).unwrap();
            let sentence = refused(&url, status, "said", location, has_key).to_string();
            assert!(
                sentence.starts_with("http://box:8000/v1/models answered") && sentence.contains(words),
                "{sentence}"
            );
        };
        check(401, None, false, "it needs an API key: set TOKENPRISM_API_KEY");
        check(401, None, true, "does not accept the API key that it was sent. said");
        check(403, None, true, "may not use it. said");
        check(404, None, false, "no such route; check the engine's kind and URL");
        check(307, Some("https://box/v1/models"), false, "redirects to https://box/v1/models: give the final URL");
        check(302, None, false, "redirects elsewhere");
        check(503, None, false, "answered 503: said");
    }

    #[test]
    fn tls_is_told_apart() {
        let check = |error: rustls::Error, words: &str| {
            let sentence = tls_sentence(&error);
            assert!(sentence.contains(words), "{sentence}");
        };
        check(rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType), "does not speak TLS");
        check(rustls::CertificateError::UnknownIssuer.into(), "who issued its certificate");
        check(rustls::CertificateError::Expired.into(), "has expired");
        check(rustls::CertificateError::NotValidForName.into(), "for another name");
    }
}
