//! Owns the report of a study: its runs, its curves and comparisons or its ladder, and where all of it comes from.
//! Must not know how runs are compared.

use super::figures::Figures;
use super::{Told, compared, parts};
use crate::render::{Chart, RenderError, Section, StudySubject, Zone};
use maud::{Markup, html};
use shared::caveat::Caveat;
use shared::format;
use shared::said::compared as said;
use shared::study::{Case, Decomposition, Rung, StudyRunView};
use std::collections::BTreeSet;

/// What the factors of a ladder are of.
const HEADLINE: &str = "output_throughput";
/// Figures beside it.
const BESIDE: [&str; 4] = ["ttft.mean", "tpot.mean", "cost_per_mtok", "energy_per_token"];

pub(super) fn told(
    study: &StudySubject,
    charts: &[Chart],
    figures: &mut Figures,
    zone: &Zone,
) -> Result<Told, RenderError> {
    let view = &study.view;
    let name = view.plan.name.clone();
    let hosts: BTreeSet<String> = headers(study).map(|header| parts::host(&header.host)).collect();
    let gpus: BTreeSet<String> = study.runs.iter().flat_map(|run| &run.engines).map(parts::gpus).collect();
    let versions: BTreeSet<&str> = headers(study).map(|header| header.agent_version.as_str()).collect();
    let body = html! {
        header {
            h1 { (name) " " span.badge { (view.state.label()) } }
            p.quiet { "A study: " (view.plan.kind.label()) }
            (parts::facts(&[
                ("Study", view.study.to_string()),
                ("Began", zone.words(view.created_unix_ms)),
                ("Host", hosts.into_iter().collect::<Vec<_>>().join("; ")),
                ("GPUs", gpus.into_iter().filter(|of| !of.is_empty()).collect::<Vec<_>>().join("; ")),
                ("Repeats", format!("{} trials of each point", view.plan.load.trials)),
                ("Agent", versions.into_iter().collect::<Vec<_>>().join(", ")),
            ]))
        }
        section { h2 { "Runs" } (runs(&view.runs)) }
        @if let Some(of) = &view.compared { (compared::told(of, charts, figures)?) }
        @if let Some(ladder) = &view.decomposition { (of_ladder(ladder, charts, figures)?) }
        (provenance(study))
        (parts::definitions(&compared::METRICS))
    };
    Ok(Told { title: name, body })
}

fn headers(study: &StudySubject) -> impl Iterator<Item = &shared::view::Header> {
    study.runs.iter().filter_map(|run| run.header.as_ref())
}

fn runs(runs: &[StudyRunView]) -> Markup {
    let row = |run: &StudyRunView| {
        let Some(row) = &run.row else {
            let gone = if run.run.is_some() { "not read" } else { "not there" };
            let id = run.run.as_ref().map(ToString::to_string).unwrap_or_default();
            return vec![parts::cell(&*run.label), parts::cell(gone), html! {}, html! {}, html! {}, parts::cell(id)];
        };
        vec![
            parts::cell(&*run.label),
            html! { (parts::state(row.state)) @if let Some(why) = &row.reason { " " span.quiet { (why) } } },
            parts::verdict(row.verdict),
            parts::cell(row.model.clone().unwrap_or_default()),
            parts::cell(format::progress(row.trials_done, row.trials)),
            parts::cell(row.run.to_string()),
        ]
    };
    let rows: Vec<Vec<Markup>> = runs.iter().map(row).collect();
    parts::table(&["run", "state", "verdict", "model", "measured", "id"], &rows, &[0, 1, 2, 3, 4, 5])
}

fn of_ladder(ladder: &Decomposition, charts: &[Chart], figures: &mut Figures) -> Result<Markup, RenderError> {
    let rungs = || ladder.cases.iter().flat_map(|case| case.steps.iter().chain(&case.without));
    let has_left_out = charts.iter().any(|chart| chart.section == Section::LeftOut);
    let caveats: BTreeSet<&Caveat> = rungs().flat_map(|rung| &rung.caveats).collect();
    let caveats: Vec<Caveat> = caveats.into_iter().cloned().collect();
    let notes = said::notes(rungs().filter_map(|rung| rung.against.get(HEADLINE)));
    Ok(html! {
        @for case in &ladder.cases { (of_case(case)) }
        section {
            p.quiet { (compared::FINDS) }
            (parts::sentences(&notes))
            (parts::caveats(&caveats))
            (figures.of(charts, Section::Ladder)?)
            @if has_left_out { h3 { "Everything on but one option" } (figures.of(charts, Section::LeftOut)?) }
        }
    })
}

fn of_case(case: &Case) -> Markup {
    html! {
        section {
            h2 { (case.name) ", " (case.level.words()) }
            (table(&case.steps, "factor to the step before [95 %]"))
            @if !case.without.is_empty() {
                h3 { "Everything on but" }
                (table(&case.without, "factor to everything on [95 %]"))
            }
            @if let Some(distance) = case.distance(HEADLINE) { p { (distance) } }
        }
    }
}

fn table(rungs: &[Rung], versus: &str) -> Markup {
    let figure = |rung: &Rung, key: &str| match rung.figures.get(key) {
        Some(side) => parts::value(format::bare(side.value), &said::interval(side.interval)),
        None => parts::cell(format::ABSENT),
    };
    let row = |rung: &Rung| {
        let against = rung.against.get(HEADLINE);
        let word = match (&rung.run, against) {
            (None, _) => "not measured",
            (_, Some(against)) => against.judgement.label(),
            (_, None) => "",
        };
        let trials = rung.figures.get(HEADLINE).map(said::trials);
        let mut cells = vec![parts::cell(&*rung.label), parts::cell(&*rung.change), figure(rung, HEADLINE)];
        cells.push(parts::cell(trials.unwrap_or_else(|| format::ABSENT.to_owned())));
        cells.push(parts::cell(said::factor(against.and_then(|against| against.ratio))));
        cells.push(parts::cell(format::or_absent(against, said::p)));
        cells.push(parts::cell(format::or_absent(against, said::effect)));
        cells.push(parts::cell(word));
        cells.extend(BESIDE.iter().map(|key| figure(rung, key)));
        cells.push(parts::verdict(Some(rung.verdict)));
        cells
    };
    let rows: Vec<Vec<Markup>> = rungs.iter().map(row).collect();
    let (headline, beside) = (said::figure(HEADLINE), BESIDE.map(said::figure));
    let mut heads = vec!["step", "change", &*headline, "n", versus, "p (Holm)", "g", "word"];
    heads.extend(beside.iter().map(String::as_str));
    heads.push("verdict");
    parts::table(&heads, &rows, &[0, 1, 7, heads.len() - 1])
}

fn provenance(study: &StudySubject) -> Markup {
    let engines = study.runs.iter().map(|run| {
        let name = run.study.as_ref().map(|place| place.label.clone()).unwrap_or_default();
        let id = run.header.as_ref().map(|header| header.run.to_string()).unwrap_or_default();
        html! { h3 { (name) " " span.quiet { (id) } } @for engine in &run.engines { (parts::engine(engine)) } }
    });
    let body = html! {
        @for engine in engines { (engine) }
        h3 { "Study" }
        (parts::code(&study.view.plan.to_toml()))
    };
    parts::fold("Where it comes from", &body)
}
