//! Owns one answer from its first byte to its end.
//! Must not know sockets, time or what a body means.

use super::chunked::{Chunked, Step};
use super::head::{Framing, Head, HeadReader};

/// A piece of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::load) enum Piece<'a> {
    /// The head.
    Head(Head),
    /// Bytes of the body, transfer coding undone.
    Data(&'a [u8]),
    /// The answer is over.
    End,
}

/// Reads one answer.
#[derive(Debug)]
pub(in crate::load) struct Response {
    state: State,
}

#[derive(Debug)]
enum State {
    Head(HeadReader),
    Chunked(Chunked),
    Length(u64),
    Close,
    Done,
}

impl Response {
    pub fn new() -> Self {
        Self { state: State::Head(HeadReader::default()) }
    }

    /// Takes the bytes of one read. The answer is how many of them come after the answer's end.
    pub fn take(&mut self, mut bytes: &[u8], on: &mut impl FnMut(Piece<'_>)) -> Result<usize, String> {
        loop {
            match &mut self.state {
                State::Head(reader) => {
                    let Some((head, used)) = reader.take(bytes)? else { return Ok(0) };
                    bytes = &bytes[used..];
                    self.state = match head.framing {
                        Framing::Chunked => State::Chunked(Chunked::default()),
                        Framing::Length(length) => State::Length(length),
                        Framing::Close => State::Close,
                    };
                    on(Piece::Head(head));
                }
                State::Chunked(chunked) => match chunked.step(bytes)? {
                    Step::Data(data, rest) => {
                        on(Piece::Data(data));
                        bytes = rest;
                    }
                    Step::End(rest) => {
                        bytes = rest;
                        self.end(on);
                    }
                    Step::More => return Ok(0),
                },
                State::Length(left) => {
                    let n = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    *left -= n as u64;
                    let is_over = *left == 0;
                    if n > 0 {
                        on(Piece::Data(&bytes[..n]));
                        bytes = &bytes[n..];
                    }
                    if !is_over {
                        return Ok(0);
                    }
                    self.end(on);
                }
                State::Close => {
                    if !bytes.is_empty() {
                        on(Piece::Data(bytes));
                    }
                    return Ok(0);
                }
                State::Done => return Ok(bytes.len()),
            }
        }
    }

    /// The server closed the connection; true where that is how the answer ends.
    pub fn close(&mut self, on: &mut impl FnMut(Piece<'_>)) -> bool {
        if matches!(self.state, State::Close) {
            self.end(on);
        }
        matches!(self.state, State::Done)
    }

    fn end(&mut self, on: &mut impl FnMut(Piece<'_>)) {
        self.state = State::Done;
        on(Piece::End);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &str, closes: bool, expect: (&str, bool, usize)) {
        for cut in 0..=bytes.len() {
            let (mut response, mut body, mut over, mut after) = (Response::new(), Vec::new(), false, 0);
            let mut on = |piece: Piece<'_>| match piece {
                Piece::Head(_) => {}
                Piece::Data(data) => body.extend_from_slice(data),
                Piece::End => over = true,
            };
            let (first, second) = bytes.as_bytes().split_at(cut);
            after += response.take(first, &mut on).unwrap();
            after += response.take(second, &mut on).unwrap();
            if closes {
                response.close(&mut on);
            }
            assert_eq!((String::from_utf8(body).unwrap().as_str(), over, after), expect, "{bytes:?} cut at {cut}");
        }
    }

    #[test]
    fn answers_wherever_reads_cut_them() {
        check("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", false, ("ab", true, 0));
        check("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\nHTT", false, ("ab", true, 3));
        check("HTTP/1.1 500 x\r\ncontent-length: 3\r\n\r\nbad", false, ("bad", true, 0));
        check("HTTP/1.1 500 x\r\ncontent-length: 0\r\n\r\n", false, ("", true, 0));
        check("HTTP/1.1 200 OK\r\n\r\nall", false, ("all", false, 0));
        check("HTTP/1.1 200 OK\r\n\r\nall", true, ("all", true, 0));
        check("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nall", true, ("all", false, 0));
    }
}
