//! Owns the byte-level split of a body into server-sent events (WHATWG HTML, section 9.2.6).
//! Must not know JSON or any engine.

use std::mem;

/// Longest line or event that is kept, bytes; a longer one is dropped and reported as oversized.
pub const MAX_EVENT_BYTES: usize = 1 << 20;

const LF: u8 = b'\n';
const CR: u8 = b'\r';
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// What the splitter found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Item<'a> {
    /// An event with data.
    Event {
        /// The data lines joined by LF; never empty.
        data: &'a [u8],
        /// The event's name is `error`.
        is_error: bool,
        /// A blank line ended it; false for what the end of the body cut short.
        is_terminated: bool,
    },
    /// An event, or a line of it, longer than [`MAX_EVENT_BYTES`].
    Oversized,
    /// A line whose field is none of those that the standard names.
    UnknownField(&'a [u8]),
}

/// Splits a body that comes in arbitrary pieces. Only CR, LF and CRLF end a line. An event that lies whole
/// in one read is handed on without a copy.
#[derive(Debug)]
pub(super) struct Splitter {
    /// The line that the last read left open.
    line: Vec<u8>,
    /// The data of the open event, as far as earlier reads or earlier data lines brought it.
    data: Vec<u8>,
    has_data: bool,
    is_error: bool,
    is_oversized: bool,
    line_overflowed: bool,
    /// The last read ended in CR: an LF at the start of the next belongs to it.
    skip_lf: bool,
    at_first_line: bool,
}

impl Splitter {
    pub(super) fn new() -> Self {
        Self {
            line: Vec::new(),
            data: Vec::new(),
            has_data: false,
            is_error: false,
            is_oversized: false,
            line_overflowed: false,
            skip_lf: false,
            at_first_line: true,
        }
    }

    /// Takes one read; `sink` gets everything that these bytes complete.
    pub(super) fn feed(&mut self, bytes: &[u8], sink: &mut impl FnMut(Item<'_>)) {
        let mut rest = bytes;
        if self.skip_lf
            && let Some((&first, tail)) = rest.split_first()
        {
            self.skip_lf = false;
            if first == LF {
                rest = tail;
            }
        }
        // The data of an event whose only data line lies in this read.
        let mut held: Option<&[u8]> = None;
        while let Some(end) = find_line_end(rest) {
            let (head, tail) = rest.split_at(end);
            rest = match tail {
                [CR, LF, after @ ..] => after,
                [CR] => {
                    self.skip_lf = true;
                    &[]
                }
                _ => &tail[1..],
            };
            if self.line.is_empty() && !self.line_overflowed {
                self.take_line(head, &mut held, sink);
            } else {
                self.extend_line(head);
                self.take_own_line(sink);
            }
        }
        if let Some(data) = held {
            self.keep(data);
        }
        self.extend_line(rest);
    }

    /// Ends the body: what is left of an event is handed on as unterminated.
    pub(super) fn finish(mut self, sink: &mut impl FnMut(Item<'_>)) {
        if !self.line.is_empty() || self.line_overflowed {
            self.take_own_line(sink);
        }
        self.dispatch(None, false, sink);
    }

    fn extend_line(&mut self, bytes: &[u8]) {
        if self.line_overflowed || bytes.is_empty() {
            return;
        }
        if self.line.len() + bytes.len() > MAX_EVENT_BYTES {
            self.line_overflowed = true;
            self.line = Vec::new();
        } else {
            self.line.extend_from_slice(bytes);
        }
    }

    /// Takes the line that was put together over several reads.
    fn take_own_line(&mut self, sink: &mut impl FnMut(Item<'_>)) {
        if mem::take(&mut self.line_overflowed) {
            self.at_first_line = false;
            self.drop_event();
            return;
        }
        let mut line = mem::take(&mut self.line);
        let mut held = None;
        self.take_line(&line, &mut held, sink);
        if let Some(data) = held {
            self.keep(data);
        }
        line.clear();
        self.line = line;
    }

    fn take_line<'a>(&mut self, line: &'a [u8], held: &mut Option<&'a [u8]>, sink: &mut impl FnMut(Item<'_>)) {
        if line.len() > MAX_EVENT_BYTES {
            self.at_first_line = false;
            *held = None;
            return self.drop_event();
        }
        let line = if mem::take(&mut self.at_first_line) { line.strip_prefix(BOM).unwrap_or(line) } else { line };
        if line.is_empty() {
            return self.dispatch(held.take(), true, sink);
        }
        if let Some(value) = line.strip_prefix(b"data:") {
            return self.take_data(strip_one_space(value), held);
        }
        let colon = line.iter().position(|&byte| byte == b':').unwrap_or(line.len());
        let (name, value) = line.split_at(colon);
        match name {
            // A line that begins with a colon is a comment.
            b"" | b"id" | b"retry" => {}
            b"data" => self.take_data(b"", held),
            b"event" => self.is_error = value.strip_prefix(b":").map(strip_one_space) == Some(b"error"),
            _ => sink(Item::UnknownField(line)),
        }
    }

    fn take_data<'a>(&mut self, value: &'a [u8], held: &mut Option<&'a [u8]>) {
        if self.is_oversized {
            return;
        }
        if let Some(first) = held.take() {
            self.keep(first);
        } else if !self.has_data {
            *held = Some(value);
            return;
        }
        if self.data.len() + 1 + value.len() > MAX_EVENT_BYTES {
            return self.drop_event();
        }
        self.data.push(LF);
        self.data.extend_from_slice(value);
    }

    fn keep(&mut self, data: &[u8]) {
        self.data.extend_from_slice(data);
        self.has_data = true;
    }

    fn drop_event(&mut self) {
        self.is_oversized = true;
        self.has_data = false;
        self.data = Vec::new();
    }

    fn dispatch(&mut self, held: Option<&[u8]>, is_terminated: bool, sink: &mut impl FnMut(Item<'_>)) {
        let is_error = mem::take(&mut self.is_error);
        self.has_data = false;
        if mem::take(&mut self.is_oversized) {
            return sink(Item::Oversized);
        }
        let data = held.unwrap_or(&self.data);
        if !data.is_empty() {
            sink(Item::Event { data, is_error, is_terminated });
        }
        self.data.clear();
    }
}

fn strip_one_space(value: &[u8]) -> &[u8] {
    value.strip_prefix(b" ").unwrap_or(value)
}

/// Position of the first CR or LF. Whole blocks are tested without a branch per byte, which the compiler
/// turns into vector code.
fn find_line_end(bytes: &[u8]) -> Option<usize> {
    const BLOCK: usize = 32;
    let is_end = |byte: u8| (byte == LF) | (byte == CR);
    let clean = bytes
        .chunks_exact(BLOCK)
        .take_while(|block| !block.iter().fold(false, |hit, &byte| hit | is_end(byte)))
        .count()
        * BLOCK;
    bytes[clean..].iter().position(|&byte| is_end(byte)).map(|at| clean + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Events as text, for `pieces` fed one after another.
    fn split(pieces: &[&[u8]]) -> Vec<String> {
        let mut seen = Vec::new();
        let mut sink = |item: Item<'_>| {
            seen.push(match item {
                Item::Event { data, is_error, is_terminated } => format!(
                    "{}{}{}",
                    if is_error { "!" } else { "" },
                    String::from_utf8_lossy(data),
                    if is_terminated { "" } else { "…" }
                ),
                Item::Oversized => "oversized".to_owned(),
                Item::UnknownField(line) => format!("?{}", String::from_utf8_lossy(line)),
            });
        };
        let mut splitter = Splitter::new();
        for piece in pieces {
            splitter.feed(piece, &mut sink);
        }
        splitter.finish(&mut sink);
        seen
    }

    /// The same events however the body is cut: whole, in two pieces at every byte, byte by byte.
    fn check(body: &[u8], expect: &[&str]) {
        assert_eq!(split(&[body]), expect, "whole: {}", String::from_utf8_lossy(body));
        for cut in 0..=body.len() {
            assert_eq!(split(&[&body[..cut], &body[cut..]]), expect, "cut at {cut}");
        }
        assert_eq!(split(&body.chunks(1).collect::<Vec<_>>()), expect, "byte by byte");
    }

    #[test]
    fn every_line_ending_and_their_mixture() {
        check(b"data: a\n\ndata: b\r\n\r\ndata: c\r\rdata: d\r\n\ndata: e\n\r\n", &["a", "b", "c", "d", "e"]);
    }

    #[test]
    fn only_cr_and_lf_end_a_line() {
        check(
            "data: a\u{2028}b\u{2029}c\u{85}d\u{b}e\u{c}f\u{2705}\n\n".as_bytes(),
            &["a\u{2028}b\u{2029}c\u{85}d\u{b}e\u{c}f\u{2705}"],
        );
    }

    #[test]
    fn one_space_after_the_colon_is_dropped() {
        check(b"data:a\n\ndata: b\n\ndata:  c \n\n", &["a", "b", " c "]);
    }

    #[test]
    fn data_lines_are_joined_and_empty_data_is_no_event() {
        check(b"data: a\ndata: b\n\ndata:\n\ndata\n\ndata\ndata: c\n\n\n\n", &["a\nb", "\nc"]);
    }

    #[test]
    fn comments_ids_and_retry_are_passed_over() {
        check(b":\n\n: ping\n\nid: 3\n\nretry: 10\n\n:x\ndata: a\nid: 4\n\n", &["a"]);
    }

    #[test]
    fn error_events_are_marked_and_the_name_does_not_outlive_its_event() {
        check(
            b"event: error\ndata: a\n\ndata: b\n\nevent:error\n\ndata: c\n\nevent: message\ndata: d\n\n",
            &["!a", "b", "c", "d"],
        );
    }

    #[test]
    fn a_byte_order_mark_is_dropped_at_the_start_only() {
        check(b"\xEF\xBB\xBFdata: a\n\n\xEF\xBB\xBFdata: b\n\n", &["a", "?\u{feff}data: b"]);
    }

    #[test]
    fn the_end_of_the_body_flushes() {
        check(b"data: a\n\ndata: b\n", &["a", "b…"]);
        check(b"data: a\n\ndata: b", &["a", "b…"]);
        check(b"data: a\n\ndata: b\r", &["a", "b…"]);
    }

    #[test]
    fn an_oversized_event_is_dropped_alone_wherever_it_is_cut() {
        let long = "x".repeat(MAX_EVENT_BYTES);
        let body = format!("data: a\n\ndata: {long}\ndata: y\n\n:{long}\n\ndata: b\n\n");
        let halves = format!("data: {h}\ndata: {h}\n\ndata: c\n\n", h = &long[..MAX_EVENT_BYTES / 2]);
        for (body, expect) in [(body, vec!["a", "oversized", "oversized", "b"]), (halves, vec!["oversized", "c"])] {
            assert_eq!(split(&[body.as_bytes()]), expect);
            assert_eq!(split(&body.as_bytes().chunks(4096).collect::<Vec<_>>()), expect);
            assert_eq!(split(&body.as_bytes().chunks(65_521).collect::<Vec<_>>()), expect);
        }
    }
}
