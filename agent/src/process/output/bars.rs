//! Owns the folding of progress bars: the latest state of each, now and then, instead of thousands of lines.
//! Must not know clocks: time is a parameter.

use super::lines::Piece;
use std::time::Duration;

/// A bar that moves is shown this often.
const EVERY: Duration = Duration::from_secs(1);
/// Bars that are followed at once; more are shown as they come.
const MOST: usize = 32;

/// What goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    /// Its text.
    pub text: String,
    /// It is a state of a bar, and a later one may follow.
    pub progress: bool,
    /// Bytes that were cut off at its end.
    pub cut_bytes: usize,
}

/// The bars of one output.
#[derive(Default)]
pub(super) struct Bars {
    bars: Vec<Bar>,
}

struct Bar {
    name: String,
    shown: Duration,
    held: Option<Piece>,
}

impl Bars {
    /// Takes a piece and gives what of it goes out now.
    pub fn take(&mut self, now: Duration, piece: Piece) -> Option<Shown> {
        let Some((name, percent)) = bar_of(&piece) else { return Some(shown(piece, false)) };
        match self.bars.iter_mut().position(|bar| bar.name == name) {
            // Its end is worth showing at once, and it is over.
            Some(at) if percent == Some(100) => {
                self.bars.swap_remove(at);
                Some(shown(piece, true))
            }
            Some(at) => {
                let bar = self.bars.get_mut(at)?;
                if now >= bar.shown + EVERY {
                    bar.shown = now;
                    bar.held = None;
                    return Some(shown(piece, true));
                }
                bar.held = Some(piece);
                None
            }
            None => {
                if self.bars.len() < MOST && percent != Some(100) {
                    self.bars.push(Bar { name, shown: now, held: None });
                }
                Some(shown(piece, true))
            }
        }
    }

    /// When a held state is due.
    pub fn due(&self) -> Option<Duration> {
        self.bars.iter().filter(|bar| bar.held.is_some()).map(|bar| bar.shown + EVERY).min()
    }

    /// The held states that are due.
    pub fn at(&mut self, now: Duration) -> Vec<Shown> {
        let due = self.bars.iter_mut().filter(|bar| bar.held.is_some() && now >= bar.shown + EVERY);
        due.filter_map(|bar| {
            bar.shown = now;
            bar.held.take().map(|piece| shown(piece, true))
        })
        .collect()
    }

    /// The output has ended: the last state of each bar.
    pub fn finish(self) -> Vec<Shown> {
        self.bars.into_iter().filter_map(|bar| bar.held.map(|piece| shown(piece, true))).collect()
    }
}

fn shown(piece: Piece, progress: bool) -> Shown {
    Shown { text: piece.text, progress, cut_bytes: piece.cut_bytes }
}

/// The name and percentage of the bar that a text is a state of: what looks like `name: 45%|███` or
/// `name: 45% Completed | 3/7`, which through a pipe often come with newlines.
#[must_use]
pub fn bar(text: &str) -> Option<(&str, u8)> {
    percentage(text, false)
}

/// The first percentage of a text with what stands before it, where it is a bar's; `overwritten` is one by itself.
fn percentage(text: &str, overwritten: bool) -> Option<(&str, u8)> {
    text.match_indices('%').find_map(|(at, _)| {
        let (before, after) = (text.get(..at)?, text.get(at + 1..)?);
        let name = before.trim_end_matches(|c: char| c.is_ascii_digit());
        let percent: u8 = before.get(name.len()..)?.parse().ok()?;
        let after = after.trim_start();
        let looks_so = after.strip_prefix("Completed").unwrap_or(after).trim_start().starts_with('|');
        (percent <= 100 && (looks_so || overwritten)).then(|| (name.trim(), percent))
    })
}

/// The name of the bar that a piece is a state of, and its percentage. A bar is also what a terminal would overwrite.
fn bar_of(piece: &Piece) -> Option<(String, Option<u8>)> {
    let text = piece.text.as_str();
    let percent = percentage(text, piece.passing).map(|(name, percent)| (name.to_owned(), Some(percent)));
    // One without a known end counts up; what stands before its first figure names it.
    percent.or_else(|| {
        piece
            .passing
            .then(|| (text.split(|c: char| c.is_ascii_digit()).next().unwrap_or_default().trim().to_owned(), None))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds pieces, `~` before a passing one, each at its ms, and gives what goes out with its ms; held states when
    /// they are due and at the end.
    fn check(pieces: &[(u64, &str)], expect: &[(u64, &str)]) {
        let mut bars = Bars::default();
        let mut got = Vec::new();
        let mut last = 0;
        for (ms, text) in pieces {
            while let Some(due) = bars.due().filter(|due| *due <= Duration::from_millis(*ms)) {
                got.extend(bars.at(due).into_iter().map(|shown| (due.as_millis() as u64, shown.text)));
            }
            let (text, passing) = text.strip_prefix('~').map_or((*text, false), |text| (text, true));
            let piece = Piece { text: text.into(), passing, cut_bytes: 0 };
            got.extend(bars.take(Duration::from_millis(*ms), piece).map(|shown| (*ms, shown.text)));
            last = *ms;
        }
        got.extend(bars.finish().into_iter().map(|shown| (last, shown.text)));
        let got: Vec<(u64, &str)> = got.iter().map(|(ms, text)| (*ms, text.as_str())).collect();
        assert_eq!(got, expect);
    }

    #[test]
    fn a_bar_is_shown_first_once_a_second_and_last() {
        let pieces: Vec<(u64, String)> =
            (0..=100).map(|n| (n * 25, format!("~model.safetensors: {n:3}%|##  | {n}/100 [00:01<00:02]"))).collect();
        let pieces: Vec<(u64, &str)> = pieces.iter().map(|(ms, text)| (*ms, text.as_str())).collect();
        check(
            &pieces,
            &[
                (0, "model.safetensors:   0%|##  | 0/100 [00:01<00:02]"),
                (1000, "model.safetensors:  39%|##  | 39/100 [00:01<00:02]"),
                (2000, "model.safetensors:  79%|##  | 79/100 [00:01<00:02]"),
                (2500, "model.safetensors: 100%|##  | 100/100 [00:01<00:02]"),
            ],
        );
    }

    #[test]
    fn bars_with_newlines_and_side_by_side_are_told_apart() {
        check(
            &[
                (0, "Loading safetensors checkpoint shards:   0% Completed | 0/4"),
                (10, "a.bin:   1%|   | 1M/99M"),
                (20, "Loading safetensors checkpoint shards:  25% Completed | 1/4"),
                (30, "a.bin:   2%|   | 2M/99M"),
                (40, "INFO something else"),
                (50, "Loading safetensors checkpoint shards: 100% Completed | 4/4"),
            ],
            &[
                (0, "Loading safetensors checkpoint shards:   0% Completed | 0/4"),
                (10, "a.bin:   1%|   | 1M/99M"),
                (40, "INFO something else"),
                (50, "Loading safetensors checkpoint shards: 100% Completed | 4/4"),
                (50, "a.bin:   2%|   | 2M/99M"),
            ],
        );
    }

    #[test]
    fn a_held_state_goes_out_when_its_bar_stands_still() {
        check(
            &[(0, "~Fetching: 10%|"), (100, "~Fetching: 20%|"), (5000, "INFO done")],
            &[(0, "Fetching: 10%|"), (1000, "Fetching: 20%|"), (5000, "INFO done")],
        );
    }

    #[test]
    fn a_counter_without_an_end_is_a_bar_and_a_percentage_in_a_sentence_is_none() {
        check(
            &[
                (0, "~read 10it [00:00]"),
                (10, "~read 20it [00:00]"),
                (20, "GPU use 45% of memory"),
                (30, "GPU use 46% of memory"),
            ],
            &[
                (0, "read 10it [00:00]"),
                (20, "GPU use 45% of memory"),
                (30, "GPU use 46% of memory"),
                (30, "read 20it [00:00]"),
            ],
        );
    }
}
