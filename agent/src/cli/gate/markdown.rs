//! Owns the gate's summary in Markdown: a table, and a line for each figure that did not pass.
//! Must not know how the gate decides.

use super::super::compared::cells_of;
use super::{compared_of, named};
use shared::compare::{Gated, Passage};
use std::collections::BTreeSet;

/// The summary.
pub(super) fn summary(gated: &Gated) -> String {
    let rows = &gated.rows;
    let worst = rows.iter().map(|row| row.passage).max();
    let word = worst.map_or("nothing to compare", |passage| match passage {
        Passage::Pass => "no regression",
        passage => passage.label(),
    });
    let mut text = format!(
        "## Performance gate: {word}\n\n| point | figure | baseline | candidate | change (95 %) | p (Holm) | allowed | gate \
         |\n|---|---|---:|---:|---:|---:|---:|---|\n"
    );
    for row in rows {
        let mut of = cells_of(&row.comparison).into_iter();
        let mut next = || of.next().unwrap_or_default();
        let (figure, base, candidate, change, p) = (next(), next(), next(), next(), next());
        let cells = [
            named(row).0,
            figure,
            base,
            candidate,
            change,
            p,
            format!("{:.1} %", row.max_regression * 100.0),
            row.passage.label().to_owned(),
        ];
        let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    for row in rows.iter().filter(|row| row.passage != Passage::Pass) {
        let (point, figure) = named(row);
        text.push_str(&format!("\n- **{}**: {figure} at {point}. {}", row.passage.label(), row.sentence()));
    }
    let unlike: BTreeSet<String> =
        compared_of(rows).flat_map(|comparison| &comparison.unlike).map(|unlike| unlike.words()).collect();
    for words in gated.notes.iter().cloned().chain(unlike) {
        text.push_str(&format!("\n- {words}"));
    }
    text.push('\n');
    text
}

/// The summary of a gate that could not compare anything, and why.
pub(super) fn refusal(why: &str) -> String {
    format!("## Performance gate: cannot be compared\n\n{}\n", why.replace(['\n', '\r'], " "))
}
