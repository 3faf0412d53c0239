//! Owns the way from an output's bytes to lines: colours and other terminal codes dropped, length bounded.
//! Must not know what lines mean, or whose they are.

use anstream::adapter::StripBytes;

/// Longest line that is kept, bytes; the rest of it is cut and counted.
pub(super) const MAX_LINE_BYTES: usize = 2_000;

/// A line, or a state of a line that a terminal would have shown and overwritten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// Its text.
    pub text: String,
    /// It was to be overwritten: a carriage return came after it instead of a newline.
    pub passing: bool,
    /// Bytes that were cut off at its end.
    pub cut_bytes: usize,
}

/// Cuts one output into pieces, whatever the reads were.
#[derive(Default)]
pub(super) struct Lines {
    codes: StripBytes,
    current: Vec<u8>,
    cut_bytes: usize,
    after_return: bool,
}

impl Lines {
    /// Takes the next bytes and gives the pieces that they complete.
    pub fn feed(&mut self, bytes: &[u8], mut each: impl FnMut(Piece)) {
        let mut codes = std::mem::take(&mut self.codes);
        for text in codes.strip_next(bytes) {
            for byte in text {
                self.byte(*byte, &mut each);
            }
        }
        self.codes = codes;
    }

    /// The output has ended: what stands there without a newline.
    pub fn finish(mut self, mut each: impl FnMut(Piece)) {
        if !self.current.is_empty() {
            each(self.take(false));
        }
    }

    fn byte(&mut self, byte: u8, each: &mut impl FnMut(Piece)) {
        match byte {
            // CR LF is one end of a line.
            b'\n' if std::mem::take(&mut self.after_return) && self.current.is_empty() => {}
            b'\n' => each(self.take(false)),
            b'\r' => self.after_return = true,
            _ => {
                // Only now is it known that the return was no part of a CR LF.
                if std::mem::take(&mut self.after_return) && !self.current.is_empty() {
                    each(self.take(true));
                }
                if self.current.len() < MAX_LINE_BYTES {
                    self.current.push(byte);
                } else {
                    self.cut_bytes += 1;
                }
            }
        }
    }

    fn take(&mut self, passing: bool) -> Piece {
        let bytes = std::mem::take(&mut self.current);
        // A character that was cut in its middle goes as a whole.
        let kept = match std::str::from_utf8(&bytes) {
            Err(error) if self.cut_bytes > 0 && error.error_len().is_none() => error.valid_up_to(),
            _ => bytes.len(),
        };
        let cut_bytes = std::mem::take(&mut self.cut_bytes) + bytes.len() - kept;
        let text = String::from_utf8_lossy(bytes.get(..kept).unwrap_or_default());
        Piece { text: text.trim_end().to_owned(), passing, cut_bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pieces of an output, a passing one with `~` before it; the same whatever the reads.
    fn check(bytes: &[u8], expect: &[&str]) {
        for size in [1, 2, 3, 7, bytes.len().max(1)] {
            let mut got = Vec::new();
            let mut lines = Lines::default();
            let mut each = |piece: Piece| got.push(format!("{}{}", if piece.passing { "~" } else { "" }, piece.text));
            bytes.chunks(size).for_each(|chunk| lines.feed(chunk, &mut each));
            lines.finish(&mut each);
            assert_eq!(got, expect, "in reads of {size}");
        }
    }

    #[test]
    fn lines_end_in_every_usual_way() {
        check(b"one\ntwo\r\nthree", &["one", "two", "three"]);
        check(b"one\n\ntwo\n", &["one", "", "two"]);
        check(b"", &[]);
        check("größe\n日本\n".as_bytes(), &["größe", "日本"]);
    }

    #[test]
    fn what_is_overwritten_passes() {
        check(b"10%\r20%\r30%\ndone\n", &["~10%", "~20%", "30%", "done"]);
        check(b"\r10%\r20%", &["~10%", "20%"]);
        check(b"last\r", &["last"]);
    }

    #[test]
    fn terminal_codes_are_no_text() {
        check(b"\x1b[1;36m(EngineCore pid=9)\x1b[0;0m INFO ready\n", &["(EngineCore pid=9) INFO ready"]);
        check(b"a\x1b[2Kb\x1b]0;title\x07c\x00d\n", &["abcd"]);
    }

    #[test]
    fn a_long_line_is_cut_between_characters_and_counted() {
        let mut got = Vec::new();
        let mut lines = Lines::default();
        lines.feed(&vec![b'x'; MAX_LINE_BYTES - 1], |piece| got.push(piece));
        lines.feed("é".repeat(1000).as_bytes(), |piece| got.push(piece));
        lines.feed(b"\nnext\n", |piece| got.push(piece));
        assert_eq!((got[0].text.len(), got[0].cut_bytes), (MAX_LINE_BYTES - 1, 2000));
        assert_eq!((got[1].text.as_str(), got[1].cut_bytes), ("next", 0));
    }
}
