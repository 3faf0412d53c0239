//! Owns the reading of counters in Prometheus' text format: labels with any characters, timestamps, exemplars.
//! Must not know which counters there are or what they mean.

/// Label of servers that run on several GPUs and repeat each of their counters for every one.
const REPEATING_LABEL: &str = "tp_rank";

/// A counter's value over all its series. Absent where it is not there, or where a line of it cannot be read: what is
/// unknown is not zero.
pub(super) fn counter(text: &str, name: &str) -> Option<u64> {
    let mut sum = None;
    for line in text.lines() {
        let line = line.trim_start();
        let end = line.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':').unwrap_or(line.len());
        if &line[..end] == name {
            let (labels, value) = sample(&line[end..])?;
            if labels.iter().all(|(label, value)| *label != REPEATING_LABEL || value == "0") {
                sum = Some(sum.unwrap_or(0) + value);
            }
        }
    }
    sum
}

/// Labels of the first series of a name; absent where there is none that can be read.
pub(super) fn labels_of<'a>(text: &'a str, name: &str) -> Option<Labels<'a>> {
    let rest = text.lines().find_map(|line| line.trim_start().strip_prefix(name)?.trim_start().strip_prefix('{'))?;
    labels(rest).map(|(labels, _)| labels)
}

/// Names and values.
pub(super) type Labels<'a> = Vec<(&'a str, String)>;

/// Labels and value of a sample, from behind its name. A timestamp and an exemplar may follow and are passed over.
fn sample(line: &str) -> Option<(Labels<'_>, u64)> {
    let line = line.trim_start();
    let (labels, rest) = match line.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Vec::new(), line),
    };
    let value: f64 = rest.split_whitespace().next()?.parse().ok()?;
    // A counter is a whole number from 0; `NaN` and infinities are words for "unknown".
    (value.is_finite() && value >= 0.0).then(|| (labels, value.round() as u64))
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
}
