//! Owns a level of the comparison: how many streams, how long their answers, how many requests.
//! Must not know who asks them.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Requests of a window at least: a 99th percentile needs a hundred.
const LEAST_REQUESTS: u32 = 104;
/// Requests a stream at least: with fewer, the part of the window in which all streams are busy is too short to be the
/// headline.
const ROUNDS: u32 = 6;

/// Streams that are kept open, and tokens of each answer; written `8x32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Level {
    /// Streams.
    pub streams: u32,
    /// Tokens of each answer.
    pub tokens: u32,
}

impl Level {
    /// Requests of our window; before it opens, each stream but the last has begun one more.
    pub(super) fn requests(self) -> u32 {
        LEAST_REQUESTS.max(ROUNDS * self.streams)
    }

    /// Requests that ours sends from first to last, and so every other tool is asked for.
    pub(super) fn requests_in_all(self) -> u32 {
        self.requests() + self.streams - 1
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.streams, self.tokens)
    }
}

impl FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no level: write streams x tokens, for instance 8x32, up to 256x4096");
        let (streams, tokens) = text.split_once('x').ok_or_else(wrong)?;
        let number = |word: &str, range: std::ops::RangeInclusive<u32>| {
            word.parse().ok().filter(|n| range.contains(n)).ok_or_else(wrong)
        };
        Ok(Self { streams: number(streams, 1..=256)?, tokens: number(tokens, 2..=4096)? })
    }
}

impl TryFrom<String> for Level {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Level> for String {
    fn from(level: Level) -> Self {
        level.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_read_and_others_refused() {
        let check = |text: &str, expect: Option<(u32, u32)>| {
            let got = text.parse::<Level>().map(|level| (level.streams, level.tokens)).map_err(|_| ());
            assert_eq!(got, expect.ok_or(()), "{text}");
        };
        check("8x32", Some((8, 32)));
        check("1x2", Some((1, 2)));
        for wrong in ["8", "0x8", "8x1", "257x8", "8x4097", "x", "-1x8", "8x8x8"] {
            check(wrong, None);
        }
    }

    #[test]
    fn a_level_has_enough_requests_for_a_percentile_and_for_a_busy_window() {
        let of = |text: &str| text.parse::<Level>().map(|level| (level.requests(), level.requests_in_all())).unwrap();
        assert_eq!((of("1x8"), of("8x32"), of("32x64")), ((104, 104), (104, 111), (192, 223)));
    }
}
