//! Owns the dashboard's files: which file answers a path, in which encoding, kept how long.
//! Must not know who asks.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::EmbeddedFile;

/// Where files come from.
pub(super) type Files = fn(&str) -> Option<EmbeddedFile>;

/// The page that answers every path of the dashboard; nothing where the dashboard was not built.
pub(super) fn index(files: Files, headers: &HeaderMap) -> Option<Response> {
    file(files, "index.html", headers)
}

/// A file by its path without the leading slash.
pub(super) fn file(files: Files, path: &str, headers: &HeaderMap) -> Option<Response> {
    if !is_plain(path) {
        return None;
    }
    let plain = files(path)?;
    let (found, encoding) = match accepts_brotli(headers).then(|| files(&format!("{path}.br"))).flatten() {
        Some(brotli) => (brotli, Some("br")),
        None => (plain, None),
    };
    let etag = HeaderValue::from_str(&format!("\"{}\"", hex::encode(found.metadata.sha256_hash()))).ok()?;
    let unchanged = headers.get(header::IF_NONE_MATCH) == Some(&etag);
    let mut response = if unchanged {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Response::new(Body::from(found.data.into_owned()))
    };
    let answer = response.headers_mut();
    let kind = mime_guess::from_path(path).first_or_octet_stream();
    let charset = if kind.type_() == mime_guess::mime::TEXT { "; charset=utf-8" } else { "" };
    answer.insert(header::CONTENT_TYPE, HeaderValue::from_str(&format!("{}{charset}", kind.essence_str())).ok()?);
    let keep = if is_hashed(path) { "public, max-age=31536000, immutable" } else { "no-cache" };
    answer.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    answer.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    answer.insert(header::ETAG, etag);
    answer.extend(encoding.map(|encoding| (header::CONTENT_ENCODING, HeaderValue::from_static(encoding))));
    Some(response)
}

/// True for paths that name a file below the folder in plain letters: nothing hidden, nothing above, no escapes.
fn is_plain(path: &str) -> bool {
    let letters = |c: u8| c.is_ascii_alphanumeric() || b"-_.".contains(&c);
    path.len() < 200
        && path.split('/').all(|part| !part.is_empty() && !part.starts_with('.') && part.bytes().all(letters))
}

/// True where the name holds a hash of the content, as `name-0123456789abcdef_bg.wasm`: the file never changes.
fn is_hashed(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.split('-').skip(1).any(|part| part.bytes().take_while(u8::is_ascii_hexdigit).count() >= 8)
}

/// True where the browser takes brotli.
fn accepts_brotli(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|part| {
        let (coding, quality) = part.split_once(';').unwrap_or((part, ""));
        let refused = quality.trim().strip_prefix("q=").and_then(|q| q.parse::<f32>().ok()) == Some(0.0);
        coding.trim().eq_ignore_ascii_case("br") && !refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(path: &str) -> Option<EmbeddedFile> {
        let data: &'static [u8] = match path {
            "index.html" => b"<html>",
            "app-0123456789abcdef_bg.wasm" => b"wasm",
            "app-0123456789abcdef_bg.wasm.br" => b"br",
            _ => return None,
        };
        let metadata = rust_embed::Metadata::__rust_embed_new([data.len() as u8; 32], None, None);
        Some(EmbeddedFile { data: data.into(), metadata })
    }

    fn headers(pairs: &[(header::HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    #[tokio::test]
    async fn a_file_comes_in_the_best_form_that_is_accepted() {
        let check = async |path: &str, accept: &str, body: &str, encoding: Option<&str>, keep: &str| {
            let response = file(files, path, &headers(&[(header::ACCEPT_ENCODING, accept)])).unwrap();
            let head = response.headers().clone();
            assert_eq!(head.get(header::CONTENT_ENCODING).map(|v| v.to_str().unwrap()), encoding, "{path} {accept}");
            assert!(head[header::CACHE_CONTROL].to_str().unwrap().contains(keep), "{path}");
            let bytes = axum::body::to_bytes(response.into_body(), 99).await.unwrap();
            assert_eq!(bytes, body.as_bytes(), "{path} {accept}");
        };
        let wasm = "app-0123456789abcdef_bg.wasm";
        check(wasm, "gzip, br", "br", Some("br"), "immutable").await;
        check(wasm, "gzip, br;q=0", "wasm", None, "immutable").await;
        check(wasm, "", "wasm", None, "immutable").await;
        check("index.html", "br", "<html>", None, "no-cache").await;
        let response = file(files, wasm, &HeaderMap::new()).unwrap();
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/wasm");
    }

    #[test]
    fn an_unchanged_file_is_not_sent_again() {
        let first = index(files, &HeaderMap::new()).unwrap();
        let etag = first.headers()[header::ETAG].to_str().unwrap().to_owned();
        let again = index(files, &headers(&[(header::IF_NONE_MATCH, &etag)])).unwrap();
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    }

    #[test]
    fn only_plain_paths_are_looked_up() {
        fn everything(_: &str) -> Option<EmbeddedFile> {
            files("index.html")
        }
        for path in
            ["", "../Cargo.toml", "a/../../b", "a//b", ".env", "a/.git/config", "%2e%2e/b", "a\\b", "/etc/passwd", "a/"]
        {
            assert!(file(everything, path, &HeaderMap::new()).is_none(), "{path}");
        }
        assert!(file(everything, "snippets/a-1/b.js", &HeaderMap::new()).is_some());
    }

    #[test]
    fn names_with_a_hash_are_told_apart() {
        let check = |path: &str, expect: bool| assert_eq!(is_hashed(path), expect, "{path}");
        check("tokenprism-web-1a2b3c4d5e6f7a8b.js", true);
        check("tokenprism-web-1a2b3c4d5e6f7a8b_bg.wasm", true);
        check("tokenprism-web-1a2b3c4d5e6f7a8b_rest-run.wasm", true);
        check("snippets/wasm-streams-42e57edbcd526312/inline0.js", false);
        check("index.html", false);
        check("my-decade.css", false);
        check("deadbeef.js", false);
    }
}
