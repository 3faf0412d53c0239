//! Owns the one way in which numbers become text: significant digits, units, durations, ages, times of the host.
//! Must not know pages or files, a locale or a clock.

use crate::calendar;
use crate::summary::Percentile;
use crate::units::NS_PER_S;

/// What stands for a value that is absent.
pub const ABSENT: &str = "—";

/// The text of a value, or the dash where it is absent.
pub fn or_absent<T>(value: Option<T>, text: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| ABSENT.to_owned(), text)
}

/// A number with three significant digits, thousands separated; "—" where it is not finite.
pub fn significant(value: f64) -> String {
    if !value.is_finite() {
        return ABSENT.to_owned();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let magnitude = value.abs().log10().floor() as i32;
    if magnitude >= 3 {
        let unit = 10f64.powi(magnitude - 2);
        return grouped(&format!("{:.0}", (value / unit).round() * unit));
    }
    let mut decimals = (2 - magnitude).clamp(0, 6) as usize;
    // 9.996 has to become 10.0, not 10.00: look again at what rounding made of it.
    let rounded = format!("{value:.decimals$}");
    let grown = rounded.parse::<f64>().is_ok_and(|r| r.abs().log10().floor() as i32 > magnitude);
    if grown {
        decimals = decimals.saturating_sub(1);
    }
    let text = format!("{value:.decimals$}");
    if decimals == 0 { grouped(&text) } else { text }
}

/// A value with its unit, or "—".
pub fn figure(value: Option<f64>, unit: &str) -> String {
    match value {
        Some(value) if value.is_finite() && unit.is_empty() => significant(value),
        Some(value) if value.is_finite() => format!("{} {unit}", significant(value)),
        _ => ABSENT.to_owned(),
    }
}

/// A figure without its unit (the column names it), or "—".
pub fn bare(value: Option<f64>) -> String {
    figure(value, "")
}

/// A share as per cent: "99.4 %"; all and none only where it is exactly that.
pub fn share(value: f64) -> String {
    if !value.is_finite() {
        return ABSENT.to_owned();
    }
    let tenths = (value * 1000.0).round();
    let tenths = if value < 1.0 { tenths.min(999.0) } else { tenths };
    let tenths = if value > 0.0 { tenths.max(1.0) } else { tenths };
    match tenths % 10.0 == 0.0 {
        true => format!("{:.0} %", tenths / 10.0),
        false => format!("{:.1} %", tenths / 10.0),
    }
}

/// A whole number, thousands separated.
pub fn count(value: u64) -> String {
    grouped(&value.to_string())
}

/// Commas between groups of three digits.
fn grouped(digits: &str) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |rest| ("-", rest));
    let mut text = sign.to_owned();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// An amount of memory: "512 MiB", "17.2 GiB".
pub fn bytes(value: u64) -> String {
    let mib = value as f64 / f64::from(1 << 20);
    if mib < 1024.0 { figure(Some(mib), "MiB") } else { figure(Some(mib / 1024.0), "GiB") }
}

/// An amount of energy: "512 J", "9.50 kJ", "1.20 MJ".
pub fn energy(joules: f64) -> String {
    match joules {
        ..1e3 => figure(Some(joules), "J"),
        ..1e6 => figure(Some(joules / 1e3), "kJ"),
        _ => figure(Some(joules / 1e6), "MJ"),
    }
}

/// A command as a shell takes it: words with anything unusual in single quotes.
pub fn command(words: &[String]) -> String {
    let is_usual = |b: u8| b.is_ascii_alphanumeric() || b"_-./:=,@%+".contains(&b);
    let quoted = |word: &String| match !word.is_empty() && word.bytes().all(is_usual) {
        true => word.clone(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    };
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// A percentile in ms without its unit: the value, "≥ limit", or what it needs.
pub fn percentile(value: Percentile) -> String {
    match value {
        Percentile::Ms(ms) => significant(ms),
        Percentile::AtLeastMs(ms) => format!("≥ {}", significant(ms)),
        Percentile::Needs(n) => format!("n < {}", count(n)),
        Percentile::Unknown => ABSENT.to_owned(),
    }
}

/// US dollars: cents from a dollar up, three significant digits below.
pub fn usd(value: f64) -> String {
    if !value.is_finite() {
        return ABSENT.to_owned();
    }
    if value.abs() < 1.0 {
        return format!("${}", significant(value));
    }
    let cents = (value.abs() * 100.0).round() as u64;
    format!("{}${}.{:02}", if value < 0.0 { "-" } else { "" }, count(cents / 100), cents % 100)
}

/// A length of time: "0.4 s", "12 s", "1 m 12 s", "2 h 5 m", "3 d 4 h".
pub fn duration(ns: u64) -> String {
    if ns < 10 * NS_PER_S {
        let tenths = ns / (NS_PER_S / 10);
        return format!("{}.{} s", tenths / 10, tenths % 10);
    }
    let s = ns / NS_PER_S;
    match s {
        0..60 => format!("{s} s"),
        60..3600 => format!("{} m {} s", s / 60, s % 60),
        3600..86_400 => format!("{} h {} m", s / 3600, s % 3600 / 60),
        _ => format!("{} d {} h", s / 86_400, s % 86_400 / 3600),
    }
}

/// How long ago: "just now", "40 s ago", "3 min ago", "2 h ago", "5 d ago".
pub fn age(now_unix_ms: u64, then_unix_ms: u64) -> String {
    let s = now_unix_ms.saturating_sub(then_unix_ms) / 1000;
    match s {
        0..10 => "just now".to_owned(),
        10..60 => format!("{s} s ago"),
        60..3600 => format!("{} min ago", s / 60),
        3600..86_400 => format!("{} h ago", s / 3600),
        _ => format!("{} d ago", count(s / 86_400)),
    }
}

/// A wall-clock time of the host with its zone: "2026-02-28 13:45:09 CET".
pub fn host_time(unix_ms: u64, offset_minutes: i32, zone: &str) -> String {
    let local = (unix_ms / 1000) as i64 + i64::from(offset_minutes) * 60;
    let ((year, month, day), (h, m, s)) = calendar::date_and_clock(local);
    let zone = if zone.is_empty() { utc_offset(offset_minutes) } else { zone.to_owned() };
    format!("{year:04}-{month:02}-{day:02} {h:02}:{m:02}:{s:02} {zone}")
}

/// "UTC", "UTC+2", "UTC−3:30".
fn utc_offset(minutes: i32) -> String {
    let (sign, m) = (if minutes < 0 { '−' } else { '+' }, minutes.abs());
    match (m / 60, m % 60) {
        (0, 0) => "UTC".to_owned(),
        (h, 0) => format!("UTC{sign}{h}"),
        (h, m) => format!("UTC{sign}{h}:{m:02}"),
    }
}

/// Trials that ended, of how many where that is known.
pub fn progress(done: u32, total: Option<u32>) -> String {
    match total {
        Some(total) => format!("{done} of {total} trials"),
        None => format!("{done} trials"),
    }
}

/// A text as a sentence or a title begins.
#[must_use]
pub fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(got: String, expect: &str) {
        assert_eq!(got, expect);
    }

    #[test]
    fn commands_can_be_pasted() {
        let words = ["sh", "-c", "echo it's; exit 1", "", "--host=127.0.0.1"].map(str::to_owned);
        check(command(&words), r"sh -c 'echo it'\''s; exit 1' '' --host=127.0.0.1");
    }

    #[test]
    fn memory() {
        check(bytes(0), "0 MiB");
        check(bytes(512 << 20), "512 MiB");
        check(bytes(24 << 30), "24.0 GiB");
        check(bytes(1536 << 20), "1.50 GiB");
    }

    #[test]
    fn energies() {
        check(energy(0.0), "0 J");
        check(energy(512.0), "512 J");
        check(energy(9500.0), "9.50 kJ");
        check(energy(1.2e6), "1.20 MJ");
    }

    #[test]
    fn three_significant_digits() {
        let cases = [
            (0.0, "0"),
            (0.012_345, "0.0123"),
            (0.999_6, "1.00"),
            (1.0, "1.00"),
            (9.996, "10.0"),
            (12.34, "12.3"),
            (99.96, "100"),
            (123.4, "123"),
            (999.6, "1,000"),
            (1234.5, "1,230"),
            (1_234_567.0, "1,230,000"),
            (-1234.0, "-1,230"),
            (f64::NAN, "—"),
            (f64::INFINITY, "—"),
        ];
        for (value, expect) in cases {
            check(significant(value), expect);
        }
    }

    #[test]
    fn absent_is_never_zero() {
        check(figure(None, "ms"), "—");
        check(figure(Some(f64::NAN), "ms"), "—");
        check(figure(Some(12.0), "tok/s"), "12.0 tok/s");
        check(bare(None), "—");
    }

    #[test]
    fn a_share_is_all_or_none_only_where_it_is() {
        for (value, expect) in
            [(0.0, "0 %"), (1e-6, "0.1 %"), (0.5, "50 %"), (0.994, "99.4 %"), (0.99999, "99.9 %"), (1.0, "100 %")]
        {
            check(share(value), expect);
        }
        check(share(f64::NAN), ABSENT);
    }

    #[test]
    fn counts_and_money() {
        check(count(7), "7");
        check(count(1000), "1,000");
        check(count(12_345_678), "12,345,678");
        check(usd(0.694), "$0.694");
        check(usd(1234.5), "$1,234.50");
        check(usd(f64::NAN), "—");
    }

    #[test]
    fn percentiles_say_why_they_are_absent() {
        check(percentile(Percentile::Ms(12.0)), "12.0");
        check(percentile(Percentile::AtLeastMs(300.0)), "≥ 300");
        check(percentile(Percentile::Needs(1000)), "n < 1,000");
    }

    #[test]
    fn lengths_of_time() {
        for (seconds, expect) in [
            (0.44, "0.4 s"),
            (9.99, "9.9 s"),
            (12.0, "12 s"),
            (72.0, "1 m 12 s"),
            (7500.0, "2 h 5 m"),
            (100_000.0, "1 d 3 h"),
        ] {
            check(duration((seconds * 1e9) as u64), expect);
        }
        for (seconds, expect) in
            [(0, "just now"), (40, "40 s ago"), (200, "3 min ago"), (7300, "2 h ago"), (432_000, "5 d ago")]
        {
            check(age(1_000_000_000 + seconds * 1000, 1_000_000_000), expect);
        }
        check(age(0, 5000), "just now");
    }

    #[test]
    fn times_of_the_host() {
        check(host_time(0, 0, ""), "1970-01-01 00:00:00 UTC");
        check(host_time(1_709_210_709_000, 60, "CET"), "2024-02-29 13:45:09 CET");
        check(host_time(1_709_164_800_000, -210, ""), "2024-02-28 20:30:00 UTC−3:30");
    }
}
