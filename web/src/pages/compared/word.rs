//! Owns how a comparison's outcome looks in a table: its word with a shape, an estimate with its interval, what is unlike.
//! Must not know which things are compared.

use super::words;
use leptos::prelude::*;
use shared::compare::Comparison;
use std::collections::BTreeSet;

/// The word of a comparison: a shape besides the colour, and on hover what it rests on.
#[component]
pub fn Word(of: Comparison) -> impl IntoView {
    let label = of.judgement.label();
    view! {
        <span class="badge" data-judgement=label title=words::judged(&of)>
            <span class="shape" aria-hidden="true">{words::shape(of.judgement)}</span>
            {label}
        </span>
    }
    .into_any()
}

/// An estimate and its interval in a cell.
#[component]
pub fn Apart(
    /// The estimate, then the interval.
    of: (String, String),
) -> impl IntoView {
    view! { <td class="number">{of.0}<span class="interval">{of.1}</span></td> }.into_any()
}

/// What is unlike in any of several comparisons, each sentence once.
pub fn unlike_lines<'a>(of: impl Iterator<Item = &'a Comparison>) -> Vec<String> {
    let said: BTreeSet<String> = of.flat_map(|comparison| &comparison.unlike).map(|unlike| unlike.words()).collect();
    said.into_iter().collect()
}
