//! Owns the fields of the workload: where prompts come from, and how long everything is.
//! Must not know how a prompt is made.

use super::fields::{Fields, about, key_of, value_of};
use super::lengths;
use crate::model::form::Source;
use leptos::prelude::*;
use shared::plan::Arrival;

const SOURCES: [(&str, Source); 3] =
    [("synthetic", Source::Synthetic), ("shipped", Source::Shipped), ("file", Source::File)];
const SOURCE_WORDS: [(&str, &str); 3] =
    [("synthetic", "Synthetic"), ("shipped", "Shipped prompts"), ("file", "A file on the agent's host")];
const PROMPTS: [(&str, &str); 5] = [
    ("all", "All four tasks"),
    ("Factual recall", "Factual recall"),
    ("Simple reasoning", "Simple reasoning"),
    ("Sentiment classification", "Sentiment classification"),
    ("Summarisation", "Summarisation"),
];
/// Prompts and lengths; nothing where a trace brings its own.
pub fn section(f: Fields) -> AnyView {
    let fields = |f: Fields, traced: &bool| {
        if *traced {
            return ().into_any();
        }
        view! {
            <fieldset>
                <legend>"Work"</legend>
                {f.choice(
                    about("Prompts from", "workload", "default synthetic", "What each request asks."),
                    &SOURCE_WORDS,
                    |f| key_of(&SOURCES, &f.work.source),
                    |f, key| f.work.source = value_of(&SOURCES, key).unwrap_or(f.work.source),
                )}
                {f.by(|f| f.work.source, |f, source| prompts(f, *source))}
                {lengths::output(f)}
            </fieldset>
        }
        .into_any()
    };
    f.by(|f| f.load.arrival == Arrival::Trace, fields)
}

fn prompts(f: Fields, source: Source) -> AnyView {
    match source {
        Source::Synthetic => lengths::input(f),
        Source::Shipped => f.choice(
            about("Prompts", "workload.prompts", "default all", "The shipped prompts of the study's tasks."),
            &PROMPTS,
            |f| &f.work.prompts,
            |f, key| f.work.prompts = key.to_owned(),
        ),
        Source::File => f.text(
            about(
                "File",
                "workload.file",
                "path on the agent's host",
                ".txt or .jsonl with a prompt a line, .json in ShareGPT's form.",
            ),
            |f| &f.work.file,
            |f| &mut f.work.file,
        ),
    }
}
