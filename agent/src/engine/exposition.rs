//! Owns the reading of Prometheus' text format: counters, gauges, histograms; labels with any characters, exemplars.
//! Must not know which metrics there are or what they mean.

use crate::record::Buckets;
use std::collections::BTreeMap;

/// Label of servers that run on several GPUs and repeat each of their metrics for every one.
const REPEATING_LABEL: &str = "tp_rank";
/// Label of a histogram's buckets: up to and with which value they count.
const BOUND_LABEL: &str = "le";

/// Names and values.
pub(super) type Labels<'a> = Vec<(&'a str, String)>;

/// A page of metrics: its lines by the metric's name.
pub(super) struct Page<'a>(BTreeMap<&'a str, Vec<&'a str>>);

/// A metric that is on the page, and cannot be read: what is unknown is not zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unreadable;

impl<'a> Page<'a> {
    /// Sorts the lines; each is read when it is asked for.
    pub fn of(text: &'a str) -> Self {
        let mut lines: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for line in text.lines().map(str::trim_start) {
            let end = line.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':').unwrap_or(line.len());
            // Comments have no name, nor have empty lines.
            if end > 0 {
                lines.entry(&line[..end]).or_default().push(&line[end..]);
            }
        }
        Self(lines)
    }

    /// Whether any metric's name begins so.
    pub fn has_prefix(&self, prefix: &str) -> bool {
        self.0.range(prefix..).next().is_some_and(|(name, _)| name.starts_with(prefix))
    }

    /// A counter's value over all its series; absent where it is not there.
    pub fn counter(&self, name: &str) -> Option<Result<u64, Unreadable>> {
        let values = self.values(name)?;
        Some(values.map(|values| values.iter().map(|value| value.round() as u64).sum()))
    }

    /// The mean of a gauge over all its series; absent where it is not there.
    pub fn mean(&self, name: &str) -> Option<Result<f64, Unreadable>> {
        let values = self.values(name)?;
        Some(values.and_then(|values| {
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            if mean.is_finite() { Ok(mean) } else { Err(Unreadable) }
        }))
    }

    /// A histogram over all its series; absent where it is not there.
    pub fn histogram(&self, name: &str) -> Option<Result<Buckets, Unreadable>> {
        let lines = self.0.get(format!("{name}_bucket").as_str())?;
        let sum = self.values(&format!("{name}_sum"))?;
        Some(sum.and_then(|sums| buckets(lines, sums.iter().sum())))
    }

    /// Labels of each series of a name that can be read.
    pub fn all_labels(&self, name: &str) -> Vec<Labels<'a>> {
        let lines = self.0.get(name).into_iter().flatten();
        lines.filter_map(|line| labels(line.trim_start().strip_prefix('{')?).map(|(labels, _)| labels)).collect()
    }

    /// Values from 0 up of each series that is not another's repetition.
    fn values(&self, name: &str) -> Option<Result<Vec<f64>, Unreadable>> {
        let lines = self.0.get(name)?.iter();
        let samples = lines.map(|line| sample(line).ok_or(Unreadable)).collect::<Result<Vec<_>, _>>();
        Some(samples.and_then(|samples| {
            let values: Vec<f64> =
                samples.into_iter().filter(|(labels, _)| is_first(labels)).map(|(_, value)| value).collect();
            if values.is_empty() { Err(Unreadable) } else { Ok(values) }
        }))
    }
}

/// A counter's value over all its series. Absent where it is not there, or where a line of it cannot be read.
pub(super) fn counter(text: &str, name: &str) -> Option<u64> {
    Page::of(text).counter(name)?.ok()
}

/// Whether a series is not another GPU's repetition.
fn is_first(labels: &Labels<'_>) -> bool {
    labels.iter().all(|(label, value)| *label != REPEATING_LABEL || value == "0")
}

/// Buckets by their lines.
fn buckets(lines: &[&str], sum_s: f64) -> Result<Buckets, Unreadable> {
    // Counts by the bits of their bound: from 0 up, these are in order of the bounds themselves.
    let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
    for line in lines {
        let (labels, count) = sample(line).ok_or(Unreadable)?;
        if !is_first(&labels) {
            continue;
        }
        let bound = labels.iter().find(|(label, _)| *label == BOUND_LABEL).ok_or(Unreadable)?;
        let bound: f64 = bound.1.parse().map_err(|_| Unreadable)?;
        if bound.is_nan() || bound.is_sign_negative() {
            return Err(Unreadable);
        }
        *counts.entry(bound.to_bits()).or_default() += count.round() as u64;
    }
    let (bounds_s, cumulative) = counts.into_iter().map(|(bits, count)| (f64::from_bits(bits), count)).unzip();
    Buckets::of(bounds_s, cumulative, sum_s).ok_or(Unreadable)
}

/// Labels and value of a sample, from behind its name. A timestamp and an exemplar may follow and are passed over.
fn sample(line: &str) -> Option<(Labels<'_>, f64)> {
    let line = line.trim_start();
    let (labels, rest) = match line.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Vec::new(), line),
    };
    let value: f64 = rest.split_whitespace().next()?.parse().ok()?;
    // What is counted or measured here goes from 0 up; `NaN` and infinities are words for "unknown".
    (value.is_finite() && value >= 0.0).then_some((labels, value))
}

/// Labels up to the closing brace, and what follows it.
fn labels(mut rest: &str) -> Option<(Labels<'_>, &str)> {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, after) = rest.split_once('=')?;
        let (value, after) = quoted(after.trim_start().strip_prefix('"')?)?;
        labels.push((name.trim_end(), value));
        rest = after;
    }
}

/// A label's value up to its closing quote, and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                escaped => value.push(escaped),
            },
            plain => value.push(plain),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Option<u64>) {
        assert_eq!(counter(text, "e:x_total"), expect, "{text:?}");
    }

    #[test]
    fn counters_are_read_whatever_their_labels_hold() {
        check("e:x_total 7", Some(7));
        check("  e:x_total\t7 1795573227000\n", Some(7));
        check("# TYPE e:x_total counter\ne:x_total{} 1.5e+06", Some(1_500_000));
        check(r#"e:x_total{m="a b\"}c",e="0"} 1.7e+06 1795573227000 # {trace_id="q"} 1"#, Some(1_700_000));
        check(r#"e:x_total{m="a,b=c" , e = "0",} 3"#, Some(3));
        check("e:x_total{e=\"0\"} 3\nother 9\ne:x_total{e=\"1\"} 4\r\n", Some(7));
        check("e:x_total{tp_rank=\"0\"} 3\ne:x_total{tp_rank=\"1\"} 3", Some(3));
    }

    #[test]
    fn what_is_missing_or_unreadable_is_unknown_and_never_zero() {
        check("", None);
        check("# HELP e:x_total 5\n# TYPE e:x_total counter", None);
        check("e:x_total_created 5\ne:x 4\nxe:x_total 3", None);
        check("e:x_total NaN", None);
        check("e:x_total +Inf", None);
        check("e:x_total -1", None);
        check("e:x_total{m=\"open 5", None);
        check("e:x_total{m} 5", None);
        check("e:x_total 3\ne:x_total{e=\"1\"}", None);
    }

    #[test]
    fn a_gauge_is_the_mean_of_its_series() {
        let check = |text: &str, expect: Option<Result<f64, Unreadable>>| {
            assert_eq!(Page::of(text).mean("e:use"), expect, "{text}");
        };
        check("e:use{engine=\"0\"} 0.25\ne:use{engine=\"1\"} 0.75", Some(Ok(0.5)));
        check("e:use{tp_rank=\"0\"} 0.25\ne:use{tp_rank=\"1\"} 0.75", Some(Ok(0.25)));
        check("e:use 0", Some(Ok(0.0)));
        check("e:use NaN", Some(Err(Unreadable)));
        check("e:used 1", None);
    }

    #[test]
    fn a_histogram_is_the_sum_of_its_series() {
        let series = |engine: u32, counts: [u32; 3]| {
            let lines = ["0.5", "2.0", "+Inf"].iter().zip(counts);
            let lines: String = lines
                .map(|(bound, count)| format!("e:t_bucket{{engine=\"{engine}\",le=\"{bound}\"}} {count}.0\n"))
                .collect();
            format!("{lines}e:t_sum{{engine=\"{engine}\"}} 1.5\ne:t_count{{engine=\"{engine}\"}} {}\n", counts[2])
        };
        let text = format!("# TYPE e:t histogram\n{}{}", series(0, [1, 2, 4]), series(1, [0, 3, 3]));
        let got = Page::of(&text).histogram("e:t").unwrap().unwrap();
        assert_eq!(got, Buckets::of(vec![0.5, 2.0, f64::INFINITY], vec![1, 5, 7], 3.0).unwrap());
        assert_eq!(Page::of("e:t_sum 1").histogram("e:t"), None);
        // A bucket that holds fewer than the one within it, or none without an end.
        assert_eq!(Page::of(&series(0, [3, 2, 4])).histogram("e:t"), Some(Err(Unreadable)));
        let open = "e:t_bucket{le=\"1\"} 1\ne:t_sum 1";
        assert_eq!(Page::of(open).histogram("e:t"), Some(Err(Unreadable)));
    }
}
