//! Owns the chunked transfer coding (RFC 9112, 7.1): sizes, data, trailers, wherever reads cut them.
//! Must not know what the data means.

/// Longest line of a size with its extensions, or of a trailer, bytes.
const MAX_LINE_BYTES: usize = 4096;

/// Where in the coding the next byte stands.
#[derive(Debug, Default)]
pub(super) struct Chunked {
    state: State,
    /// Of the chunk under way.
    left: u64,
    digits: u8,
    line_bytes: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Size,
    /// Extensions of a size, which mean nothing to us.
    Extension,
    Data,
    /// The line break after a chunk's data.
    DataEnd,
    /// After the empty chunk, at the begin of a line.
    TrailerBegin,
    Trailer,
    Done,
}

/// What a step comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// Data, and what is left after it.
    Data(&'a [u8], &'a [u8]),
    /// The body is over; these bytes follow it.
    End(&'a [u8]),
    /// All bytes are used.
    More,
}

impl Chunked {
    /// Goes on from these bytes to the next data, the end, or the end of the bytes.
    pub fn step<'a>(&mut self, mut bytes: &'a [u8]) -> Result<Step<'a>, String> {
        loop {
            if self.state == State::Data {
                let n = bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
                let (data, rest) = bytes.split_at(n);
                self.left -= n as u64;
                if self.left == 0 {
                    self.state = State::DataEnd;
                }
                return Ok(if data.is_empty() { Step::More } else { Step::Data(data, rest) });
            }
            if self.state == State::Done {
                return Ok(Step::End(bytes));
            }
            let Some((byte, rest)) = bytes.split_first() else { return Ok(Step::More) };
            bytes = rest;
            self.mark(*byte)?;
        }
    }

    /// One byte that is no data.
    fn mark(&mut self, byte: u8) -> Result<(), String> {
        self.line_bytes += 1;
        if self.line_bytes > MAX_LINE_BYTES {
            return Err(format!("a line of over {MAX_LINE_BYTES} bytes between chunks"));
        }
        self.state = match (self.state, byte) {
            (State::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                self.digits += 1;
                if self.digits > 15 {
                    return Err("a chunk size beyond all bounds".to_owned());
                }
                self.left = (self.left << 4) | u64::from((byte as char).to_digit(16).unwrap_or(0));
                State::Size
            }
            (State::Size, b'\r') => State::Size,
            (State::Size, b';' | b' ' | b'\t') if self.digits > 0 => State::Extension,
            (State::Size | State::Extension, b'\n') if self.digits > 0 => {
                (self.digits, self.line_bytes) = (0, 0);
                if self.left == 0 { State::TrailerBegin } else { State::Data }
            }
            (State::Extension, _) => State::Extension,
            (State::DataEnd, b'\r') => State::DataEnd,
            (State::DataEnd, b'\n') => {
                self.line_bytes = 0;
                State::Size
            }
            (State::TrailerBegin, b'\r') => State::TrailerBegin,
            (State::TrailerBegin, b'\n') => State::Done,
            (State::Trailer, b'\n') => {
                self.line_bytes = 0;
                State::TrailerBegin
            }
            (State::TrailerBegin | State::Trailer, _) => State::Trailer,
            (state, byte) => return Err(format!("byte {byte:#04x} where a chunk's {} belongs", state.words())),
        };
        Ok(())
    }
}

impl State {
    fn words(self) -> &'static str {
        if self == State::DataEnd { "end" } else { "size" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(parts: &[&[u8]]) -> Result<(Vec<u8>, bool), String> {
        let (mut chunked, mut data, mut over) = (Chunked::default(), Vec::new(), false);
        for part in parts {
            let mut rest = *part;
            loop {
                match chunked.step(rest)? {
                    Step::Data(some, after) => {
                        data.extend_from_slice(some);
                        rest = after;
                    }
                    Step::End(after) => {
                        over = after.is_empty();
                        break;
                    }
                    Step::More => break,
                }
            }
        }
        Ok((data, over))
    }

    #[test]
    fn bodies_wherever_reads_cut_them() {
        let bytes = b"5;name=x\r\nhello\r\n1\r\n \r\nA\nwonderful!\n0\r\nTrailer: x\r\n\r\n";
        for first in 0..=bytes.len() {
            for second in first..=bytes.len() {
                let got = decode(&[&bytes[..first], &bytes[first..second], &bytes[second..]]);
                assert_eq!(got, Ok((b"hello wonderful!".to_vec(), true)), "cut at {first} and {second}");
            }
        }
    }

    #[test]
    fn what_is_no_chunk_is_refused() {
        let check = |bytes: &[u8], word: &str| {
            let error = decode(&[bytes]).unwrap_err();
            assert!(error.contains(word), "{error:?}");
        };
        check(b"xyz", "size");
        check(b"\r\n5", "size");
        check(b"2\r\nabc", "end");
        check(b"ffffffffffffffff\r\n", "bounds");
        check(&[b'5'; 1].iter().chain([b';'; 5000].iter()).copied().collect::<Vec<u8>>(), "line");
    }
}
