//! Owns a child's output: its lines with stamp and source, without secrets, in bounded number and length, every loss counted.
//! Must not know what the lines say.

mod bars;
mod lines;

pub use bars::bar;

use crate::secret::Redactor;
use bars::{Bars, Shown};
use lines::Lines;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::mpsc;

/// Lines that are kept to explain a death.
const KEPT_LINES: usize = 500;

/// Where a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// One line of a child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When the read that completed it returned.
    pub at: Instant,
    /// Where it came from.
    pub source: Source,
    /// Its text, without terminal codes.
    pub text: String,
    /// It is a state of a progress bar: a later one replaces it.
    pub progress: bool,
    /// Bytes that were cut off at its end.
    pub cut_bytes: usize,
    /// Lines lost before this one because nobody read them in time.
    pub dropped_before: u64,
}

/// Reads an output to its end and sends its lines on, without secrets. Waits where the receiver is slow: the receiver is
/// ours.
pub(super) async fn read(
    source: Source,
    mut output: impl AsyncRead + Unpin,
    redactor: Redactor,
    to: mpsc::Sender<Line>,
) {
    let begun = Instant::now();
    let mut reader = Reader { source, begun, lines: Lines::default(), bars: Bars::default(), redactor };
    let mut buffer = vec![0; 16 << 10];
    loop {
        let due = reader.bars.due().map(|due| tokio::time::Instant::from_std(begun + due));
        let read = tokio::select! {
            read = output.read(&mut buffer) => read,
            () = tokio::time::sleep_until(due.unwrap_or_else(tokio::time::Instant::now)), if due.is_some() => {
                let shown = reader.bars.at(begun.elapsed());
                if send(&to, reader.stamped(shown)).await.is_err() { return } else { continue }
            }
        };
        let bytes = match read {
            Ok(0) | Err(_) => break,
            Ok(n) => buffer.get(..n).unwrap_or_default(),
        };
        let shown = reader.feed(bytes);
        if send(&to, shown).await.is_err() {
            return;
        }
    }
    let last = reader.finish();
    // The receiver is gone only where the child is nobody's any more.
    if send(&to, last).await.is_err() {
        tracing::debug!("the last lines of a child were not wanted");
    }
}

async fn send(to: &mpsc::Sender<Line>, lines: Vec<Line>) -> Result<(), mpsc::error::SendError<Line>> {
    for line in lines {
        to.send(line).await?;
    }
    Ok(())
}

struct Reader {
    source: Source,
    begun: Instant,
    lines: Lines,
    bars: Bars,
    redactor: Redactor,
}

impl Reader {
    fn feed(&mut self, bytes: &[u8]) -> Vec<Line> {
        let now = self.begun.elapsed();
        let mut shown = Vec::new();
        self.lines.feed(bytes, |piece| shown.extend(self.bars.take(now, piece)));
        self.stamped(shown)
    }

    fn finish(mut self) -> Vec<Line> {
        let now = self.begun.elapsed();
        let mut shown = Vec::new();
        let mut bars = std::mem::take(&mut self.bars);
        std::mem::take(&mut self.lines).finish(|piece| shown.extend(bars.take(now, piece)));
        shown.extend(bars.finish());
        self.stamped(shown)
    }

    fn stamped(&self, shown: Vec<Shown>) -> Vec<Line> {
        let at = Instant::now();
        let line = |Shown { text, progress, cut_bytes }| Line {
            at,
            source: self.source,
            text: match self.redactor.redact(&text) {
                Cow::Borrowed(_) => text,
                Cow::Owned(redacted) => redacted,
            },
            progress,
            cut_bytes,
            dropped_before: 0,
        };
        shown.into_iter().map(line).collect()
    }
}

/// The way of lines out of the room: never waits for who reads them, counts what it had to drop, and keeps the last.
pub(super) struct Outlet {
    to: mpsc::Sender<Line>,
    dropped: u64,
    dropped_before: u64,
    kept: VecDeque<Line>,
}

impl Outlet {
    /// A new way out, and its end.
    pub fn new(capacity: usize) -> (Self, mpsc::Receiver<Line>) {
        let (to, lines) = mpsc::channel(capacity);
        (Self { to, dropped: 0, dropped_before: 0, kept: VecDeque::new() }, lines)
    }

    /// Sends a line on, or counts it as dropped where the reader is behind.
    pub fn put(&mut self, mut line: Line) {
        self.keep(&line);
        line.dropped_before = self.dropped_before;
        match self.to.try_send(line) {
            Ok(()) => self.dropped_before = 0,
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.dropped += 1;
                self.dropped_before += 1;
            }
            // Who closed the receiver wants no lines: that is not a loss.
            Err(mpsc::error::TrySendError::Closed(_)) => {}
        }
    }

    fn keep(&mut self, line: &Line) {
        // Of a bar only its latest state.
        if line.progress && self.kept.back().is_some_and(|last| last.progress && last.source == line.source) {
            self.kept.pop_back();
        }
        if self.kept.len() == KEPT_LINES {
            self.kept.pop_front();
        }
        self.kept.push_back(line.clone());
    }

    /// The last lines of both outputs, oldest first.
    pub fn kept(&self) -> Vec<Line> {
        self.kept.iter().cloned().collect()
    }

    /// The child has ended: waits a little for a reader that is behind, so that the count of the lines lost last gets
    /// out too, and gives the count of all.
    pub async fn close(mut self, limit: Duration) -> u64 {
        if self.dropped_before > 0
            && let Some(last) = self.kept.pop_back()
        {
            // The last line itself was among them; with it out, one less is lost.
            let line = Line { dropped_before: self.dropped_before - 1, ..last };
            if self.to.send_timeout(line, limit).await.is_ok() {
                self.dropped -= 1;
            }
        }
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::lines::MAX_LINE_BYTES;
    use super::*;
    use crate::secret::Secret;

    fn line(text: &str, progress: bool) -> Line {
        let (at, source) = (Instant::now(), Source::Stdout);
        Line { at, source, text: text.into(), progress, cut_bytes: 0, dropped_before: 0 }
    }

    #[tokio::test]
    async fn both_kinds_of_pieces_come_out_of_a_pipe() {
        let (to, mut lines) = mpsc::channel(16);
        read(Source::Stderr, &b"a\r\n\x1b[31mb\x1b[0m\n10%|\r20%|\r30%|"[..], Redactor::default(), to).await;
        let mut got = Vec::new();
        while let Some(line) = lines.recv().await {
            got.push((line.text, line.progress));
        }
        let expect = [("a", false), ("b", false), ("10%|", true), ("30%|", true)];
        assert_eq!(got, expect.map(|(text, progress)| (text.to_owned(), progress)));
    }

    #[tokio::test]
    async fn no_line_has_a_secret_or_a_part_of_one_that_was_cut() {
        const SECRET: &str = "hf_S3cretOfThisTest";
        for before in MAX_LINE_BYTES - SECRET.len() - 1..=MAX_LINE_BYTES {
            let (to, mut lines) = mpsc::channel(16);
            let text = format!("{} {SECRET}\n\x1b[1m{SECRET}\x1b[0m\rdone\n", "x".repeat(before - 1));
            read(Source::Stdout, text.as_bytes(), Redactor::of([Secret::new(SECRET)]), to).await;
            let mut got = String::new();
            while let Some(line) = lines.recv().await {
                got.push_str(&line.text);
            }
            assert!(!got.contains("hf_S3c") && got.ends_with("[secret]done"), "{before}: {got}");
        }
    }

    #[tokio::test]
    async fn every_dropped_line_is_counted_and_the_count_gets_out() {
        let (mut outlet, mut lines) = Outlet::new(2);
        for n in 0..10 {
            outlet.put(line(&n.to_string(), false));
        }
        let mut got = vec![lines.recv().await.unwrap(), lines.recv().await.unwrap()];
        outlet.put(line("10", false));
        got.push(lines.recv().await.unwrap());
        for n in 11..20 {
            outlet.put(line(&n.to_string(), false));
        }
        assert_eq!(outlet.kept().len(), 20);
        let closing = tokio::spawn(outlet.close(Duration::from_secs(10)));
        while let Some(line) = lines.recv().await {
            got.push(line);
        }
        let got: Vec<(&str, u64)> = got.iter().map(|line| (line.text.as_str(), line.dropped_before)).collect();
        assert_eq!(got, [("0", 0), ("1", 0), ("10", 8), ("11", 0), ("12", 0), ("19", 6)]);
        // Every line arrived or is counted, once.
        assert_eq!(got.len() as u64 + closing.await.unwrap(), 20);
    }

    #[test]
    fn a_bar_takes_one_of_the_kept_places() {
        let (mut outlet, _lines) = Outlet::new(1);
        outlet.put(line("before", false));
        (0..1000).for_each(|n| outlet.put(line(&format!("{n}"), true)));
        outlet.put(line("after", false));
        let kept: Vec<String> = outlet.kept().into_iter().map(|line| line.text).collect();
        assert_eq!(kept, ["before", "999", "after"]);
    }
}
