//! Owns the head of an answer: status, how its body is framed, whether the connection lives on.
//! Must not know where the bytes come from.

use std::borrow::Cow;

/// Longest head that is read, bytes.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// Most headers of an answer.
const MAX_HEADERS: usize = 64;

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// In chunks, the last one empty.
    Chunked,
    /// After this many bytes.
    Length(u64),
    /// With the connection.
    Close,
}

/// What a head says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::load) struct Head {
    pub status: u16,
    pub(super) framing: Framing,
    /// Another request may follow on the connection.
    pub keeps: bool,
}

/// Gathers a head and reads it when it is whole; interim answers (1xx) are passed over.
#[derive(Debug, Default)]
pub(super) struct HeadReader {
    gathered: Vec<u8>,
}

impl HeadReader {
    /// Takes bytes; the answer is the head, once whole, and how many of them belong to it and to those before.
    pub fn take(&mut self, bytes: &[u8]) -> Result<Option<(Head, usize)>, String> {
        // Nearly always the head comes in one piece, and then nothing is copied.
        let before = self.gathered.len();
        let mut whole = match before {
            0 => Cow::Borrowed(bytes),
            _ => {
                self.gathered.extend_from_slice(bytes);
                Cow::Owned(std::mem::take(&mut self.gathered))
            }
        };
        let mut used = 0;
        while let Some((head, length)) = read(&whole[used..])? {
            used += length;
            if !(100..200).contains(&head.status) || head.status == 101 {
                return Ok(Some((head, used - before)));
            }
        }
        if whole.len() - used > MAX_HEAD_BYTES {
            return Err(format!("a head of over {MAX_HEAD_BYTES} bytes"));
        }
        self.gathered = whole.to_mut().split_off(used);
        Ok(None)
    }
}

/// The head at the begin of these bytes, and its length; nothing while it is not whole.
fn read(bytes: &[u8]) -> Result<Option<(Head, usize)>, String> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Response::new(&mut headers);
    let length = match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let status = parsed.code.unwrap_or(0);
    let mut framing = None;
    let mut keeps = parsed.version == Some(1);
    for header in parsed.headers.iter() {
        let value = header.value.trim_ascii();
        if header.name.eq_ignore_ascii_case("transfer-encoding") {
            // Chunked is the only coding that we can undo; it wins over a length (RFC 9112, 6.3).
            if !value.eq_ignore_ascii_case(b"chunked") {
                return Err(format!("a transfer encoding other than chunked: {}", String::from_utf8_lossy(value)));
            }
            framing = Some(Framing::Chunked);
        } else if header.name.eq_ignore_ascii_case("content-length") && framing != Some(Framing::Chunked) {
            let length = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
            let length = length.ok_or_else(|| format!("a content length of {}", String::from_utf8_lossy(value)))?;
            if framing.is_some_and(|known| known != Framing::Length(length)) {
                return Err("two content lengths".to_owned());
            }
            framing = Some(Framing::Length(length));
        } else if header.name.eq_ignore_ascii_case("connection") {
            let says = |word: &[u8]| value.split(|b| *b == b',').any(|w| w.trim_ascii().eq_ignore_ascii_case(word));
            keeps = (keeps || says(b"keep-alive")) && !says(b"close");
        }
    }
    let framing = match status {
        204 | 304 => Framing::Length(0),
        _ => framing.unwrap_or(Framing::Close),
    };
    Ok(Some((Head { status, framing, keeps: keeps && framing != Framing::Close }, length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Result<Option<(u16, Framing, bool)>, &str>) {
        let got = HeadReader::default().take(text.as_bytes());
        match (got, expect) {
            (Ok(got), Ok(expect)) => {
                assert_eq!(got.map(|(h, _)| (h.status, h.framing, h.keeps)), expect, "{text:?}");
            }
            (Err(got), Err(word)) => assert!(got.contains(word), "{got:?} of {text:?}"),
            (got, expect) => panic!("{text:?}: {got:?} and not {expect:?}"),
        }
    }

    #[test]
    fn heads() {
        let chunked = Framing::Chunked;
        check("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Ok(Some((200, chunked, true))));
        check(
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
            Ok(Some((200, chunked, true))),
        );
        check("HTTP/1.1 503 x\r\ncontent-length: 5\r\n\r\n", Ok(Some((503, Framing::Length(5), true))));
        check(
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: Close\r\n\r\n",
            Ok(Some((200, Framing::Length(5), false))),
        );
        check("HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\n", Ok(Some((200, Framing::Length(5), false))));
        check("HTTP/1.1 200 OK\r\n\r\n", Ok(Some((200, Framing::Close, false))));
        check("HTTP/1.1 204 No\r\n\r\n", Ok(Some((204, Framing::Length(0), true))));
        check(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n",
            Ok(Some((200, Framing::Length(1), true))),
        );
        check("HTTP/1.1 200 OK\r\ncontent", Ok(None));
        check("HTTP/1.1 200 OK\r\ncontent-length: five\r\n\r\n", Err("length of five"));
        check("HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n", Err("two"));
        check("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n", Err("gzip"));
        check("SSH-2.0-x\r\n\r\n", Err(""));
    }
}
