//! Owns what an imported run says of where it comes from: tool, version, files with their hashes, other definitions.
//! Must not know how files are read.

use super::compared::{Curves, Known, priced};
use crate::erased::{kept, live};
use crate::format;
use crate::model::App;
use crate::parts::Card;
use crate::route::Place;
use leptos::prelude::*;
use shared::compare::{Compared, Curve, Recorded};
use shared::metric::Metric;
use shared::source::{Definition, Source, SourceFile};
use std::sync::Arc;

/// Characters of a hash that are shown; all of them on hover.
const HASH: usize = 12;

fn tool(source: &Source) -> String {
    let version = source.version.as_ref().map_or_else(|| ", version not said".to_owned(), |v| format!(" {v}"));
    let engine = source.engine.as_ref().map(|engine| format!("; the files call it \"{engine}\"")).unwrap_or_default();
    format!("{}{version}{engine}", source.tool)
}

fn definition(of: &Definition) -> AnyView {
    let name = Metric::find(&of.metric).map_or_else(|| of.metric.clone(), |metric| metric.name.to_owned());
    view! { <li><b>{name}</b>": "{of.says.clone()}</li> }.into_any()
}

fn file(of: &SourceFile) -> AnyView {
    let short: String = of.sha256.chars().take(HASH).collect();
    view! {
        <tr>
            <td class="file-name">{of.name.clone()}</td>
            <td class="number">{format!("{} B", format::count(of.bytes))}</td>
            <td><code title=of.sha256.clone()>{short}"…"</code></td>
        </tr>
    }
    .into_any()
}

/// The card, and the curves.
#[component]
pub fn Imported() -> impl IntoView {
    view! { <SourceCard/><SourceCurves/> }.into_any()
}

#[component]
fn SourceCard() -> impl IntoView {
    let app = App::get();
    let source = kept(move || app.with_view(|view| view.source.clone()).flatten());
    let card = |source: &Source| {
        let files = match source.files.len() {
            1 => "One file".to_owned(),
            n => format!("{n} files"),
        };
        let (tool, rows) = (tool(source), source.files.iter().map(file).collect_view());
        let definitions = (!source.definitions.is_empty()).then(|| {
            view! {
                <p class="quiet">"These follow another definition there:"</p>
                <ul class="said" data-testid="definitions">{source.definitions.iter().map(definition).collect_view()}</ul>
            }
        });
        view! {
            <Card title="Imported" about="Another tool measured this. Its figures are the files' own; what they do not say is absent.">
                <p data-testid="source-tool">{tool}</p>
                {definitions}
                <details>
                    <summary>{files}" with hashes (SHA-256)"</summary>
                    <div class="scroll" tabindex="0" role="region" aria-label="Files of the import">
                        <table data-testid="source-files">
                            <thead><tr><th scope="col">"File"</th><th scope="col" class="number">"Length"</th><th scope="col">"SHA-256"</th></tr></thead>
                            <tbody>{rows}</tbody>
                        </table>
                    </div>
                </details>
            </Card>
        }
        .into_any()
    };
    live(move || source.with(|source| source.as_ref().map(card)))
}

/// The curves over levels of an imported run: of means, where its files have no percentiles.
#[component]
fn SourceCurves() -> impl IntoView {
    let app = App::get();
    let known: Known = kept(move || {
        let curves = app.with_view(|view| {
            let recorded = Recorded::of(view)?;
            Some(Curve::of(&recorded, &recorded.plan.name))
        });
        curves.flatten().map(|curves| Arc::new(Compared { curves, ..Compared::default() }))
    });
    let has_points = kept(move || known.with(|known| known.as_ref().is_some_and(|known| !known.curves.is_empty())));
    let known = priced(known, Place::get());
    live(move || has_points.get().then(|| view! { <Curves known=known/> }))
}
