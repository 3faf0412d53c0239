//! Owns what changed between what a schedule began last and what it began before: figure by figure, with significance.
//! Must not know when anything began.

use crate::compare::{Arm, Comparison, Figure, Judgement, Recorded, Terms, compare_each};
use crate::plan::Level;
use crate::said::compared as words;
use crate::study::LADDER_FIGURES;
use crate::wire::RunRow;
use crate::{event::RunState, format};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What changed, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Changed {
    /// There is nothing to compare with.
    First,
    /// Repeats do not tell of any figure.
    NotTold,
    /// Nothing, as far as repeats tell.
    Nothing,
    /// A figure is significantly better, and none worse.
    Better,
    /// A figure is significantly worse.
    Worse,
    /// Something that had to be measured was not.
    Failed,
}

impl Changed {
    /// The words that pages show.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Changed::First => "first result",
            Changed::NotTold => "too few repeats to tell",
            Changed::Nothing => "no significant change",
            Changed::Better => "better",
            Changed::Worse => "worse",
            Changed::Failed => "failed",
        }
    }

    /// True for what is told as a regression.
    #[must_use]
    pub fn is_regression(self) -> bool {
        matches!(self, Changed::Worse | Changed::Failed)
    }
}

/// One figure at one point.
struct Row {
    place: String,
    comparison: Comparison,
}

/// Runs by their label, as they are compared.
pub type Runs = [(String, Recorded)];

/// What changed from `base` to `new`. All figures at all points are read together, so that of many one does not seem worse by
/// chance alone.
#[must_use]
pub fn changed(base: Option<&Runs>, new: &Runs, rows: &[RunRow]) -> Changed {
    let failed = rows.is_empty() || rows.iter().any(|row| row.state != RunState::Done);
    match base {
        _ if failed => Changed::Failed,
        None => Changed::First,
        Some(base) => word(&compared(base, new)),
    }
}

fn word(rows: &[Row]) -> Changed {
    let any = |wanted: fn(Judgement) -> bool| rows.iter().any(|row| wanted(row.comparison.judgement));
    if any(|judgement| judgement == Judgement::Worse) {
        Changed::Worse
    } else if any(|judgement| judgement == Judgement::Better) {
        Changed::Better
    } else if any(|judgement| matches!(judgement, Judgement::WithinNoise | Judgement::Other)) {
        Changed::Nothing
    } else {
        Changed::NotTold
    }
}

fn compared(base: &Runs, new: &Runs) -> Vec<Row> {
    let (mut asked, mut places) = (Vec::new(), Vec::new());
    let figures: Vec<Figure> = LADDER_FIGURES.iter().filter_map(|key| Figure::parse(key).ok()).collect();
    for (label, run) in new {
        let Some((_, before)) = base.iter().find(|(other, _)| other == label) else { continue };
        for arm in Arm::all(run) {
            let Some(point) = arm.point() else { continue };
            let is_same = |other: &Arm<'_>| {
                other.point().is_some_and(|other| (other.level, &other.variant) == (point.level, &point.variant))
            };
            let Some(same) = Arm::all(before).find(is_same) else { continue };
            for figure in &figures {
                let has = |arm: &Arm<'_>| arm.point().and_then(|point| figure.read(point.summary.as_ref()?)).is_some();
                if has(&arm) || has(&same) {
                    asked.push((same, arm, *figure));
                    places.push(place(label, &point.variant, point.level));
                }
            }
        }
    }
    let compared = compare_each(&asked, Terms::STRICT);
    places.into_iter().zip(compared).map(|(place, comparison)| Row { place, comparison }).collect()
}

fn place(label: &str, variant: &str, level: Level) -> String {
    [label, variant, &level.words()].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

/// The whole of it: state of each run, every comparison, and what must be said beside them. `against` names what it is compared
/// with.
#[must_use]
pub fn markdown(name: &str, changed: Changed, rows: &[RunRow], base: Option<(&str, &Runs)>, new: &Runs) -> String {
    let mut text = format!("## {}: {}\n\n", cell(name), changed.label());
    for row in rows {
        let verdict = row.verdict.map_or("not judged", crate::caveat::Verdict::label);
        let why = row.reason.as_deref().map(|why| format!(" {}", cell(why))).unwrap_or_default();
        text.push_str(&format!("- {} ({}): {}, {verdict}.{why}\n", cell(&row.name), row.run, row.state.label()));
    }
    let caveats: BTreeSet<&str> =
        new.iter().flat_map(|(_, run)| &run.caveats).map(crate::caveat::Caveat::sentence).collect();
    if let Some((against, base)) = base {
        let compared = compared(base, new);
        if compared.is_empty() {
            text.push_str(&format!(
                "\nIt has no point in common with {}, so nothing can be compared.\n",
                cell(against)
            ));
        } else {
            text.push_str(&format!("\nCompared with {}:\n\n", cell(against)));
            text.push_str("| point | figure | before | now | change [95 %] | p (Holm) | word |\n");
            text.push_str("|---|---|---:|---:|---:|---:|---|\n");
            for Row { place, comparison } in &compared {
                let cells = [
                    place.clone(),
                    words::figure(&comparison.figure),
                    value(&comparison.base),
                    value(&comparison.other),
                    words::change(comparison.ratio),
                    words::p(comparison),
                    comparison.judgement.label().to_owned(),
                ];
                text.push_str(&format!("| {} |\n", cells.map(|text| cell(&text)).join(" | ")));
            }
            for note in words::notes(compared.iter().map(|row| &row.comparison)) {
                text.push_str(&format!("\n- {}", cell(&note)));
            }
            text.push('\n');
        }
    }
    if !caveats.is_empty() {
        text.push_str("\nTo know beside these figures:\n");
        caveats.into_iter().for_each(|sentence| text.push_str(&format!("\n- {sentence}")));
        text.push('\n');
    }
    text
}

fn value(side: &crate::compare::Side) -> String {
    let interval = words::interval(side.interval);
    [format::bare(side.value), interval].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// A text that stays in its place: names and reasons come from outside.
fn cell(text: &str) -> String {
    let mut cell = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => cell.push(' '),
            '|' | '<' | '>' | '`' | '*' | '_' | '[' | ']' | '#' | '\\' | '!' => {
                cell.push('\\');
                cell.push(c);
            }
            c => cell.push(c),
        }
    }
    cell
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::sample::run as run_of;
    use crate::ids::RunId;
    use crate::view::RunView;

    fn row(state: RunState) -> RunRow {
        RunRow { name: "Nightly | <b>".into(), state, ..RunRow::without_header(&RunId::new(1, 1), &RunView::default()) }
    }

    const USUAL: [f64; 6] = [100.0, 100.1, 99.9, 100.2, 99.8, 100.05];

    /// What is said of trials, in ms of TTFT; throughputs follow from them as the sample has it.
    fn check(base: Option<&[f64]>, new: &[f64], state: RunState, expect: Changed, says: &[&str]) {
        let base = base.map(|base| vec![("A".to_owned(), run_of(base))]);
        let (new, rows) = ([("A".to_owned(), run_of(new))], [row(state)]);
        let word = changed(base.as_deref(), &new, &rows);
        assert_eq!(word, expect);
        let text = markdown("N_1", word, &rows, base.as_deref().map(|base| ("the run r1", base)), &new);
        for words in says {
            assert!(text.contains(words), "{text}\nhas not: {words}");
        }
    }

    #[test]
    fn what_changed_is_said_with_its_significance() {
        let done = RunState::Done;
        check(None, &USUAL, done, Changed::First, &["## N\\_1: first result", "Nightly \\| \\<b\\>"]);
        check(Some(&USUAL), &USUAL, done, Changed::Nothing, &["no significant change", "within noise", "the run r1"]);
        let other = USUAL.map(|v| v * 1.2);
        check(Some(&USUAL), &other, done, Changed::Worse, &["| worse |", "p (Holm)", "[", "%"]);
        check(Some(&USUAL), &USUAL[..2], done, Changed::NotTold, &["not enough repeats"]);
        check(Some(&USUAL), &other, RunState::Failed, Changed::Failed, &["failed, not judged"]);
        let text = markdown("N", Changed::Failed, &[], None, &[]);
        assert_eq!(text, "## N: failed\n\n");
    }
}
