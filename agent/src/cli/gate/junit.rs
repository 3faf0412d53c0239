//! Owns the gate's report in JUnit's XML: a case for each figure at each point.
//! Must not know how the gate decides.

use super::named;
use shared::compare::{Gated, Passage};

/// The report. What could not be decided is an error, what regressed a failure, as test reports tell them apart.
pub(super) fn report(gated: &Gated) -> String {
    let rows = &gated.rows;
    let count = |of: Passage| rows.iter().filter(|row| row.passage == of).count();
    let failures = count(Passage::Regression);
    let mut xml = head(rows.len(), failures, rows.len() - failures - count(Passage::Pass));
    for row in rows {
        let (point, figure) = named(row);
        let (point, figure, sentence) = (escaped(&point), escaped(&figure), escaped(&row.sentence()));
        let label = row.passage.label();
        let tag = match row.passage {
            Passage::Pass => format!("      <system-out>{sentence}</system-out>\n"),
            Passage::Regression => {
                format!("      <failure type=\"{label}\" message=\"{sentence}\">{sentence}</failure>\n")
            }
            _ => format!("      <error type=\"{label}\" message=\"{sentence}\">{sentence}</error>\n"),
        };
        xml.push_str(&format!("    <testcase classname=\"{point}\" name=\"{figure}\">\n{tag}    </testcase>\n"));
    }
    if !gated.notes.is_empty() {
        xml.push_str(&format!("    <system-out>{}</system-out>\n", escaped(&gated.notes.join(" "))));
    }
    xml + TAIL
}

/// The report of a gate that could not compare anything, and why.
pub(super) fn refusal(why: &str) -> String {
    let why = escaped(why);
    let case = format!(
        "    <testcase classname=\"tokenprism gate\" name=\"comparison\">\n      <error type=\"cannot be compared\" \
         message=\"{why}\">{why}</error>\n    </testcase>\n"
    );
    head(1, 0, 1) + &case + TAIL
}

const TAIL: &str = "  </testsuite>\n</testsuites>\n";

fn head(tests: usize, failures: usize, errors: usize) -> String {
    let counts = format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\"");
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {counts}>\n  <testsuite name=\"tokenprism gate\" \
         {counts} skipped=\"0\">\n"
    )
}

/// A text as it may stand in an element or an attribute; what XML has no place for is left out.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\t' | '\n' | '\r' => escaped.push(' '),
            c if c < ' ' || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped() {
        let check = |text: &str, expect: &str| assert_eq!(escaped(text), expect);
        check("a<b>&\"c'", "a&lt;b&gt;&amp;&quot;c&apos;");
        check("two\nlines\u{1}", "two lines");
        check("± 5 %", "± 5 %");
    }
}
