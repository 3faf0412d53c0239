//! Owns wall-clock times as other tools write them.
//! Must not know whose they are.

use shared::calendar;

/// When something ended or began, as far as a file tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct When {
    /// Unix ms; of a clock whose zone is unknown as if it were UTC.
    pub unix_ms: Option<u64>,
    /// The zone is known.
    pub is_zoned: bool,
}

impl When {
    /// Of seconds since 1970.
    pub(super) fn of_unix_s(seconds: f64) -> Self {
        let ms = (seconds * 1000.0).round();
        // Beyond it nobody has measured anything yet, and before it neither.
        let is_plausible = (1e12..1e13).contains(&ms);
        Self { unix_ms: is_plausible.then_some(ms as u64), is_zoned: is_plausible }
    }

    /// Of `20251202-234641`, or `2026-11-27T01:01:30.899664` with or without a zone; unknown where it is neither.
    pub(super) fn of_text(text: &str) -> Self {
        Self::parse(text).unwrap_or_default()
    }

    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (clock, offset_s) = zone(text);
        let digits: String = clock.chars().filter(char::is_ascii_digit).collect();
        let shape: String = clock.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        let whole = ["00000000-000000", "0000-00-00T00:00:00", "0000-00-00 00:00:00"];
        if !whole.iter().any(|w| shape == *w || shape.strip_prefix(w).is_some_and(|rest| rest.starts_with('.'))) {
            return None;
        }
        let part = |from: usize, to: usize| digits.get(from..to)?.parse::<i64>().ok();
        let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
        let (hour, minute, second) = (part(8, 10)?, part(10, 12)?, part(12, 14)?);
        let fits = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 61;
        let days = calendar::days(year, month, day);
        if !fits || calendar::date(days) != (year, month, day) {
            return None;
        }
        let fraction: String = digits.get(14..)?.chars().chain("000".chars()).take(3).collect();
        let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset_s.unwrap_or(0);
        let unix_ms = seconds.checked_mul(1000)?.checked_add(fraction.parse().ok()?)?;
        Some(Self { unix_ms: Some(u64::try_from(unix_ms).ok()?), is_zoned: offset_s.is_some() })
    }
}

/// The clock's part of a text, and how far its zone is ahead of UTC, s.
fn zone(text: &str) -> (&str, Option<i64>) {
    if let Some(clock) = text.strip_suffix('Z') {
        return (clock, Some(0));
    }
    let from = text.find('T').unwrap_or(text.len());
    let Some(at) = text[from..].find(['+', '-']).map(|at| from + at) else { return (text, None) };
    let digits: String = text[at + 1..].chars().filter(char::is_ascii_digit).collect();
    let offset =
        digits.get(0..2).and_then(|h| h.parse::<i64>().ok()).zip(digits.get(2..4).map_or(Some(0), |m| m.parse().ok()));
    let sign = if text[at..].starts_with('-') { -1 } else { 1 };
    (&text[..at], offset.map(|(h, m): (i64, i64)| sign * (h * 3600 + m * 60)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_other_tools() {
        let check = |text: &str, unix_ms: Option<u64>, is_zoned: bool| {
            assert_eq!(When::of_text(text), When { unix_ms, is_zoned }, "{text}");
        };
        check("20251202-234641", Some(1_764_719_201_000), false);
        check("2025-12-02T23:46:41.899664", Some(1_764_719_201_899), false);
        check("2025-12-02T23:46:41.5Z", Some(1_764_719_201_500), true);
        check("2025-12-03T00:46:41+01:00", Some(1_764_719_201_000), true);
        check("2025-12-02T18:46:41-0500", Some(1_764_719_201_000), true);
        for text in ["", "20251302-234641", "20250230-000000", "20251202", "yesterday", "2025-12-02T25:00:00"] {
            check(text, None, false);
        }
        assert_eq!(When::of_unix_s(1_764_719_201.5).unix_ms, Some(1_764_719_201_500));
        assert_eq!(When::of_unix_s(0.0), When::default());
        assert_eq!(When::of_unix_s(f64::NAN), When::default());
    }
}
