//! Owns what must be said before any number: why the run ended early, the rules' objections, the caveats.
//! Must not know the rules.

use crate::erased::{kept, live};
use crate::model::App;
use crate::parts::VerdictBadge;
use leptos::prelude::*;
use shared::caveat::Verdict;
use shared::said::verdict::{Reason, caveats, early_end, failures, reasons};
use shared::view::RunView;

/// One reason: the first level in full, the others one click away.
fn shown(reason: Reason) -> AnyView {
    let sentence = |(level, sentence): (String, String)| {
        let place = if level.is_empty() { level } else { format!("At {level}: ") };
        view! { <b>{place}</b>{sentence} }.into_any()
    };
    let mut found = reason.found.into_iter();
    let first = found.next().map(sentence);
    let others: Vec<(String, String)> = found.collect();
    let others = (!others.is_empty()).then(|| {
        let levels = others.iter().map(|(level, _)| level.as_str()).collect::<Vec<_>>().join(", ");
        view! {
            <details>
                <summary class="quiet">{format!("{} also at {levels}", reason.label)}</summary>
                <ul class="reasons">{others.into_iter().map(|o| view! { <li>{sentence(o)}</li> }).collect_view()}</ul>
            </details>
        }
        .into_any()
    });
    view! { <li><VerdictBadge verdict=Signal::stored(Some(reason.verdict))/>" "{first}{others}</li> }.into_any()
}

/// The card with verdict, reasons and caveats.
#[component]
pub fn VerdictCard() -> impl IntoView {
    let app = App::get();
    let end = kept(move || app.with_view(early_end).flatten());
    let failures = kept(move || app.with_view(failures).unwrap_or_default());
    let verdict = kept(move || app.with_view(RunView::verdict).flatten());
    let found = kept(move || app.with_view(reasons).flatten());
    let caveats = kept(move || app.with_view(caveats).unwrap_or_default());
    let reasons = move || match found.get() {
        None => view! { <p class="quiet">"The rules look at the numbers when points end."</p> }.into_any(),
        Some(list) if list.is_empty() => {
            let judged = verdict.get() == Some(Verdict::Valid);
            let said = if judged { "Every rule looked and none objected." } else { "No rule has objected so far." };
            view! { <p class="quiet">{said}</p> }.into_any()
        }
        Some(list) => view! { <ul class="reasons">{list.into_iter().map(shown).collect_view()}</ul> }.into_any(),
    };
    view! {
        {live(move || end.get().map(|(shape, sentence)| view! {
            <p class="notice" role="status" data-testid="reason"><span class="shape" aria-hidden="true">{shape}</span>" "{sentence}</p>
        }))}
        {live(move || failures.get().into_iter().map(|(sentence, lines)| view! {
            <p class="notice" role="status" data-testid="engine-failure"><span class="shape" aria-hidden="true">"✕"</span>" "{sentence}</p>
            {(!lines.is_empty()).then(|| view! {
                <details><summary>"The last lines of its log"</summary><pre class="code log" tabindex="0" data-testid="engine-failure-log">{lines}</pre></details>
            })}
        }).collect_view())}
        <section class="card verdict-card" aria-label="Verdict">
            <div>
                <h2>"Verdict " <VerdictBadge verdict=verdict/></h2>
                {live(reasons)}
            </div>
            {live(move || (!caveats.get().is_empty()).then(|| view! {
                <ul class="caveats" data-testid="caveats">
                    {caveats.get().iter().map(|c| view! { <li><span class="shape" aria-hidden="true">"△ "</span>{c.sentence()}</li> }).collect_view()}
                </ul>
            }))}
        </section>
    }
    .into_any()
}
