//! Owns the lines of the table of points as text: level, state, verdict, figures with their intervals and marks.
//! Must not know elements.

use super::columns::{Column, Shown, doubts};
use crate::caveat::{Caveat, Finding, Verdict};
use crate::format;
use crate::ids::PointIndex;
use crate::summary::{Interval, Summary};
use crate::view::RunView;

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Level and engine configuration.
    pub level: String,
    /// How far it is.
    pub state: String,
    /// Figures are those of the last trial that ended, not of the whole point.
    pub partial: bool,
    /// Once its trials ended.
    pub verdict: Option<Verdict>,
    /// The rules' objections: shape and name, and the sentence.
    pub doubts: Vec<(String, String)>,
    /// Its figures, one a column.
    pub cells: Vec<Cell>,
    /// What must be said beside them, as sentences.
    pub caveats: String,
}

/// One figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// The figure, or why there is none.
    pub text: String,
    /// "± 0.4" where repeats tell.
    pub interval: String,
    /// Shape of the gravest finding that doubts it.
    pub mark: &'static str,
    /// What is said on hover.
    pub title: String,
    /// Too few samples.
    pub needs: bool,
}

/// "3 refused, 1 timed out"; empty where nothing failed.
fn failures(s: &Summary) -> String {
    let failed = s.outcomes.iter().filter(|(outcome, _)| !outcome.is_ok());
    failed.map(|(outcome, n)| format!("{} {}", format::count(*n), outcome.label())).collect::<Vec<_>>().join(", ")
}

/// "at 95 % over 3 trials".
fn interval_words(interval: &Interval) -> String {
    format!("Mean over {} trials {}, ± at 95 %.", interval.n, format::bare(Some(interval.mean)))
}

/// The lines of a run in plan order.
#[must_use]
pub fn lines(view: &RunView, groups: &[Shown]) -> Vec<Line> {
    let repeats = view.header.as_ref().map_or(1, |h| h.plan.load.trials);
    let ended = view.run_state().is_final();
    let line = |(index, point): (usize, &crate::view::PointView)| {
        let of_point = || view.trials_of(index as PointIndex).map(|(_, trial)| trial);
        let done = of_point().filter(|t| t.ended_ns.is_some()).count();
        let live = of_point().any(|t| t.ended_ns.is_none());
        let state = match (&point.summary, live && !ended, done) {
            (Some(_), ..) => "done".to_owned(),
            (None, true, _) if repeats > 1 => format!("running, trial {} of {repeats}", done + 1),
            (None, true, _) => "running".to_owned(),
            (None, false, 0) if ended => "not reached".to_owned(),
            (None, false, 0) => "waiting".to_owned(),
            (None, false, _) => format!("{done} of {repeats} trials"),
        };
        let last = of_point().filter_map(|t| t.summary.as_ref()).last();
        let summary = point.summary.as_ref().or(last);
        let place = index as PointIndex;
        let findings: Vec<&Finding> = view.findings_of(place).collect();
        let named = |f: &&Finding| (format!("{} {}", f.rule.verdict().shape(), f.rule.label()), f.rule.sentence());
        let caveats = summary.map(|s| s.caveats.iter().filter(|c| **c != Caveat::PriceUnknown).map(Caveat::sentence));
        Line {
            level: point.short(),
            state,
            partial: point.summary.is_none() && last.is_some(),
            verdict: point.summary.as_ref().and(view.findings.as_ref()).map(|_| view.verdict_of_point(place)),
            doubts: findings.iter().map(named).collect(),
            cells: cells(summary, groups, &findings, |key| point.intervals.get(key)),
            caveats: caveats.map(|c| c.collect::<Vec<_>>().join(" ")).unwrap_or_default(),
        }
    };
    view.points.iter().enumerate().map(line).collect()
}

fn cells<'a>(
    summary: Option<&Summary>,
    groups: &[Shown],
    findings: &[&Finding],
    interval: impl Fn(&str) -> Option<&'a Interval>,
) -> Vec<Cell> {
    let cell = |column: &&Column| {
        let Some(summary) = summary else {
            return Cell {
                text: format::ABSENT.to_owned(),
                interval: String::new(),
                mark: "",
                title: "Not measured yet.".to_owned(),
                needs: false,
            };
        };
        let text = (column.text)(summary);
        let needs = text.starts_with("n <");
        let interval = interval(column.key);
        let doubting: Vec<&&Finding> = findings.iter().filter(|f| doubts(&f.rule, column.key)).collect();
        let mut title: Vec<String> = doubting.iter().map(|f| f.rule.sentence()).collect();
        if needs {
            title.push("Too few samples carry no percentile this far out.".to_owned());
        }
        if column.key == "failed" {
            title.extend(Some(failures(summary)).filter(|words| !words.is_empty()));
        }
        title.extend(interval.map(interval_words));
        title.extend(Some((column.hover)(summary)).filter(|words| !words.is_empty()));
        Cell {
            text,
            interval: interval.map(|i| format!("± {}", format::bare(Some(i.half_width)))).unwrap_or_default(),
            mark: doubting.iter().map(|f| f.rule.verdict()).max().map_or("", Verdict::shape),
            title: title.join(" "),
            needs,
        }
    };
    groups.iter().flat_map(|shown| &shown.columns).map(cell).collect()
}

#[cfg(test)]
mod tests {
    use super::super::columns::{Has, groups};
    use super::*;
    use crate::caveat::Rule;
    use crate::outcome::Outcome;
    use crate::summary::{Distribution, Percentile};

    fn of<'a>(cells: &'a [Cell], key: &str) -> &'a Cell {
        let keys: Vec<&str> = groups(Has::default()).iter().flat_map(|shown| &shown.columns).map(|c| c.key).collect();
        assert_eq!(keys.len(), cells.len());
        &cells[keys.iter().position(|k| *k == key).unwrap()]
    }

    #[test]
    fn a_figure_wears_its_interval_and_its_doubt() {
        let summary = Summary {
            attempted: 12,
            ok: 10,
            outcomes: [(Outcome::Ok, 10), (Outcome::Refused, 2)].into(),
            request_throughput: Some(2.0),
            ttft: Distribution { p99: Percentile::Needs(100), ..Distribution::default() },
            ..Summary::default()
        };
        let finding = Finding { point: 0, rule: Rule::Failures { failed: 2, attempted: 12 } };
        let interval = Interval { n: 3, mean: 2.0, half_width: 0.25 };
        let found = cells(Some(&summary), &groups(Has::default()), &[&finding], |key| {
            (key == "request_throughput").then_some(&interval)
        });
        assert_eq!((of(&found, "attempted").text.as_str(), of(&found, "attempted").mark), ("12", ""));
        let failed = of(&found, "failed");
        assert_eq!((failed.text.as_str(), failed.mark), ("2", "✕"));
        assert!(failed.title.contains("2 of 12") && failed.title.contains("2 refused"), "{}", failed.title);
        assert_eq!(of(&found, "request_throughput").interval, "± 0.250");
        assert!(of(&found, "ttft.p99").needs);
        assert_eq!(of(&found, "output_throughput").text, format::ABSENT);
    }

    #[test]
    fn what_was_not_measured_is_a_dash_with_a_reason() {
        let found = cells(
            None,
            &groups(Has { open: true, limits: true, server: true, energy: true, limit: true }),
            &[],
            |_| None,
        );
        assert!(found.iter().all(|cell| cell.text == format::ABSENT && !cell.title.is_empty()));
    }
}
