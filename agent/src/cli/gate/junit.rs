//! Owns the gate's report in JUnit's XML: a case for each figure at each point.
//! Must not know how the gate decides.

use super::named;
use shared::compare::{GateRow, Passage};

/// The report. What could not be decided is an error, what regressed a failure, as test reports tell them apart.
pub(super) fn report(rows: &[GateRow]) -> String {
    let count = |of: &[Passage]| rows.iter().filter(|row| of.contains(&row.passage)).count();
    let errors = count(&[Passage::Undecided, Passage::NotEnoughRepeats, Passage::NoFigure]);
    let counts = format!("tests=\"{}\" failures=\"{}\" errors=\"{errors}\"", rows.len(), count(&[Passage::Regression]));
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {counts}>\n  <testsuite name=\"tokenprism gate\" \
         {counts} skipped=\"0\">\n"
    );
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
    xml.push_str("  </testsuite>\n</testsuites>\n");
    xml
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
