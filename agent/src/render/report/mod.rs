//! Owns a report: one HTML file that needs nothing else, runs no script, and reads in the dark, on paper and on a phone.
//! Must not know how figures and charts come about.

mod compared;
mod figures;
mod parts;
mod run;
mod study;

use super::catalogue::charts;
use super::{RenderError, Subject, Zone};
use figures::Figures;
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// How it looks.
const STYLE: &str = include_str!("style.css");
/// Styles stand in the file, and nothing else may be loaded or run.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/// What a kind of report has to say.
struct Told {
    title: String,
    body: Markup,
}

/// The report of a run, a study or a comparison.
///
/// # Errors
/// [`RenderError`] where its charts cannot be drawn.
pub fn report(subject: &Subject, zone: &Zone) -> Result<String, RenderError> {
    let (charts, mut figures) = (charts(subject), Figures::new()?);
    let told = match subject {
        Subject::Run(run) => run::told(run, &charts, &mut figures, zone)?,
        Subject::Study(study) => study::told(study, &charts, &mut figures, zone)?,
        Subject::Compared(compared) => Told {
            title: "Comparison".to_owned(),
            body: html! {
                header { h1 { "Comparison" } }
                (compared::told(compared, &charts, &mut figures)?)
                (parts::definitions(&compared::METRICS))
            },
        },
    };
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="generator" content=(format!("Tokenprism {}", env!("CARGO_PKG_VERSION")));
                title { (told.title) " · Tokenprism" }
                style { (PreEscaped(STYLE)) (PreEscaped(figures.style())) }
            }
            body {
                main {
                    (told.body)
                    footer.quiet {
                        "Written by Tokenprism " (env!("CARGO_PKG_VERSION")) " on "
                        (zone.words(crate::orchestrate::unix_ms())) ". Figures are as on its page; ± is half an interval "
                        "at 95 % over trials, by Student's t."
                    }
                }
            }
        }
    };
    Ok(page.into_string())
}
