//! Owns the menu of files that something can be downloaded as: plain links, which a browser saves.
//! Must not know what is in them.

use super::Icon;
use leptos::prelude::*;

/// A file: words, and its address.
pub type File = (&'static str, String);

/// The formats that a run and a study are exported in, below `at`, and the report.
pub fn files(at: &str) -> Vec<File> {
    let formats = [
        ("Figures and plan, JSON", "json"),
        ("Points and trials, CSV", "csv"),
        ("Requests, Parquet", "parquet"),
        ("Sweep, as the serving bench writes it", "sweep"),
        ("Files of the published study", "study"),
        ("Everything, to import elsewhere", "archive"),
    ];
    let export = |(words, format)| (words, format!("{at}/export?format={format}"));
    std::iter::once(("Report, HTML", format!("{at}/report"))).chain(formats.map(export)).collect()
}

/// The menu.
#[component]
pub fn Download(files: Vec<File>) -> impl IntoView {
    let link = |(words, href): File| view! { <li><a href=href download="">{words}</a></li> }.into_any();
    view! {
        <details class="menu" data-testid="download">
            <summary class="button small"><Icon name="download"/>"Download"</summary>
            <ul>{files.into_iter().map(link).collect_view()}</ul>
        </details>
    }
    .into_any()
}
