//! Owns the dashboard's files: which file answers a path, in which encoding, kept how long.
//! Must not know who asks.

use super::edge::BasePath;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::EmbeddedFile;

/// The page.
const INDEX: &str = "index.html";
/// The name under which the page tells the program its base path.
const BASE: &str = "base-path";

/// Where files come from.
pub(super) type Files = fn(&str) -> Option<EmbeddedFile>;

/// The page that answers every path of the dashboard; nothing where the dashboard was not built.
pub(super) fn index(files: Files, headers: &HeaderMap, base: &BasePath) -> Option<Response> {
    file(files, INDEX, headers, base)
}

/// A file by its path without the leading slash. Addresses in it are under the base path.
pub(super) fn file(files: Files, path: &str, headers: &HeaderMap, base: &BasePath) -> Option<Response> {
    if !is_plain(path) {
        return None;
    }
    let plain = files(path)?;
    if names_others(path) && !base.is_root() {
        return Some(rebased(&plain, path, headers, base));
    }
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

/// True for the files that name others by their address: the page and its start script. The others name what lies beside
/// them.
fn names_others(path: &str) -> bool {
    path == INDEX || (path.starts_with("boot-") && path.ends_with(".js"))
}

/// The page, or its start script, for a browser that finds them under the base path, which the page tells to the program.
/// Another one at each base path, so that it is not kept for long.
fn rebased(file: &EmbeddedFile, path: &str, headers: &HeaderMap, base: &BasePath) -> Response {
    let text = String::from_utf8_lossy(&file.data);
    let under = base.as_str();
    let told = format!("<head><meta name=\"{BASE}\" content=\"{under}\" /><script src=\"{under}/base.js\"></script>");
    let text = base.rebased(&text).replacen("<head>", &told, 1);
    let etag = format!("\"{}{}\"", hex::encode(file.metadata.sha256_hash()), base.as_str());
    let known = headers.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok()) == Some(&etag);
    let kind = if path == INDEX { "text/html; charset=utf-8" } else { "text/javascript; charset=utf-8" };
    let head =
        [(header::CONTENT_TYPE, kind.to_owned()), (header::CACHE_CONTROL, "no-cache".to_owned()), (header::ETAG, etag)];
    if known { (StatusCode::NOT_MODIFIED, head).into_response() } else { (head, text).into_response() }
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
            let response =
                file(files, path, &headers(&[(header::ACCEPT_ENCODING, accept)]), &BasePath::default()).unwrap();
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
        let response = file(files, wasm, &HeaderMap::new(), &BasePath::default()).unwrap();
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/wasm");
    }

    #[tokio::test]
    async fn under_a_base_path_the_page_names_its_files_and_its_base_there() {
        fn page(path: &str) -> Option<EmbeddedFile> {
            let data = b"<html><head><script src=\"/a.js\">".as_slice().into();
            (path == "index.html").then(|| EmbeddedFile { data, ..files("index.html").unwrap() })
        }
        let base: BasePath = "/tp".parse().unwrap();
        let response = index(page, &HeaderMap::new(), &base).unwrap();
        let etag = response.headers()[header::ETAG].to_str().unwrap().to_owned();
        let bytes = axum::body::to_bytes(response.into_body(), 999).await.unwrap();
        let expect = "<html><head><meta name=\"base-path\" content=\"/tp\" /><script src=\"/tp/base.js\"></script><script src=\"/tp/a.js\">";
        assert_eq!(String::from_utf8_lossy(&bytes), expect);
        let again = index(page, &headers(&[(header::IF_NONE_MATCH, &etag)]), &base).unwrap();
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    }

    #[test]
    fn an_unchanged_file_is_not_sent_again() {
        let first = index(files, &HeaderMap::new(), &BasePath::default()).unwrap();
        let etag = first.headers()[header::ETAG].to_str().unwrap().to_owned();
        let again = index(files, &headers(&[(header::IF_NONE_MATCH, &etag)]), &BasePath::default()).unwrap();
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
            assert!(file(everything, path, &HeaderMap::new(), &BasePath::default()).is_none(), "{path}");
        }
        assert!(file(everything, "snippets/a-1/b.js", &HeaderMap::new(), &BasePath::default()).is_some());
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
