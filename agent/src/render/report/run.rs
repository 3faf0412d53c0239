//! Owns the report of a run: what, verdict, figures, charts, the machine, and where all of it comes from.
//! Must not know how figures come about.

use super::figures::Figures;
use super::{Told, parts};
use crate::render::{Chart, RenderError, RunSubject, Section, Zone};
use maud::{Markup, html};
use shared::format;
use shared::said::points::{Cell, Has, Line, Shown, groups, lines, no_limit};
use shared::said::verdict::{Reason, caveats, early_end, failures, reasons};
use shared::said::{header, kv, machine};
use shared::search::SearchEnd;
use shared::source::Source;
use shared::units::ns_to_s;
use shared::view::{RunView, Telemetry};

pub(super) fn told(
    run: &RunSubject,
    charts: &[Chart],
    figures: &mut Figures,
    zone: &Zone,
) -> Result<Told, RenderError> {
    let view: &RunView = &run.view;
    let name = view.header.as_ref().map_or_else(|| "A run".to_owned(), |header| header.plan.name.clone());
    let shown = groups(Has::of(view));
    let mut metrics: Vec<&str> = shown.iter().filter_map(|shown| shown.group.metric).collect();
    metrics.extend(shown.iter().flat_map(|shown| &shown.columns).filter_map(|column| column.metric));
    metrics.extend(["itl", "chunk_gap", "e2e"]);
    let body = html! {
        header {
            h1 { (name) " " (parts::state(view.run_state())) " " (parts::verdict(view.verdict())) }
            p.quiet { (header::engine_words(view)) }
            (about(view, zone))
        }
        (verdict(view))
        section {
            h2 { "Points" }
            (points(view, &shown))
            @if let Some(sentence) = no_limit(view) { p.quiet { (sentence) } }
            @if let Some(answer) = view.search.as_ref().map(SearchEnd::sentence) { p.notice { (answer) } }
            (figures.of(charts, Section::Levels)?)
        }
        @if charts.iter().any(|chart| chart.section == Section::Time) {
            section { h2 { "Over time" } (figures.of(charts, Section::Time)?) }
        }
        @if charts.iter().any(|chart| chart.section == Section::Requests) {
            section {
                h2 { "Requests" }
                @if let Some(why) = &run.no_distributions { p.quiet { "There are no distributions: " (why) } }
                (figures.of(charts, Section::Requests)?)
            }
        }
        (of_machine(view, charts, figures)?)
        (provenance(view, zone))
        (parts::definitions(&metrics))
    };
    Ok(Told { title: name, body })
}

/// What it was, when and where.
fn about(view: &RunView, zone: &Zone) -> Markup {
    let Some(of) = &view.header else { return html! {} };
    let gpus = match view.telemetry.gpus() {
        seen if !seen.is_empty() => machine::gpu_words(&seen),
        _ => view.engine.as_ref().map(parts::gpus).unwrap_or_default(),
    };
    let cost =
        view.spending.usd(view.last_ns).map(|usd| format!("{} ({})", format::usd(usd), header::price_words(view)));
    let energy = header::energy_words(view).map(|(value, note)| format!("{value} ({note})"));
    let failed = view.ended.failed;
    parts::facts(&[
        ("Run", of.run.to_string()),
        ("Began", zone.words(of.anchor_unix_ms)),
        ("Took", format::duration(view.last_ns)),
        ("Host", parts::host(&of.host)),
        ("GPUs", gpus),
        ("Driver", view.engine.as_ref().and_then(|engine| engine.driver.clone()).unwrap_or_default()),
        ("Requests", format!("{} ok, {} failed", format::count(view.ended.ok), format::count(failed))),
        ("Cost", cost.unwrap_or_default()),
        ("Energy", energy.unwrap_or_default()),
        ("Measured by", view.source.as_ref().map_or_else(|| format!("Tokenprism {}", of.agent_version), tool)),
        ("Study", view.study.as_ref().map(|place| format!("{}, {}", place.study, place.label)).unwrap_or_default()),
    ])
}

/// The tool that measured an imported run.
fn tool(source: &Source) -> String {
    let version = source.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
    format!("{}{version}, imported", source.tool)
}

fn verdict(view: &RunView) -> Markup {
    let end = early_end(view);
    let failures = failures(view);
    let found = reasons(view);
    html! {
        section {
            h2 { "Verdict " (parts::verdict(view.verdict())) }
            @if let Some((shape, sentence)) = end { p.notice { (shape) " " (sentence) } }
            @for (sentence, log) in failures {
                p.notice { "✕ " (sentence) }
                @if !log.is_empty() { (parts::fold("The last lines of its log", &parts::code(&log))) }
            }
            @match found {
                None => p.quiet { "The rules have not looked at it." },
                Some(list) if list.is_empty() => p.quiet { "No rule objected." },
                Some(list) => ul.reasons { @for of in &list { (reason(of)) } },
            }
            (parts::caveats(&caveats(view)))
        }
    }
}

/// One rule's objections, at every level.
fn reason(of: &Reason) -> Markup {
    html! {
        @for (level, sentence) in &of.found {
            li { (parts::verdict(Some(of.verdict))) " " @if !level.is_empty() { b { "At " (level) ": " } } (sentence) }
        }
    }
}

fn points(view: &RunView, shown: &[Shown]) -> Markup {
    let lines = lines(view, shown);
    let said = |line: &Line| {
        let cells = line.cells.iter().filter(|cell| !cell.mark.is_empty()).map(|cell| cell.title.clone());
        cells.chain(Some(line.caveats.clone()).filter(|words| !words.is_empty())).collect::<Vec<String>>()
    };
    let notes: Vec<(&str, Vec<String>)> = lines.iter().map(|line| (line.level.as_str(), said(line))).collect();
    html! {
        div.scroll tabindex="0" {
            table.points {
                thead {
                    tr {
                        th scope="col" rowspan="2" class="number" { "Level" }
                        th scope="col" rowspan="2" { "State" }
                        @for of in shown { th scope="colgroup" class="group" colspan=(of.columns.len()) { (of.group.name) } }
                    }
                    tr { @for column in shown.iter().flat_map(|of| &of.columns) { th scope="col" class="number" { (column.name) } } }
                }
                tbody {
                    @for line in &lines {
                        tr {
                            th scope="row" class="number" { (line.level) }
                            td {
                                (line.state) @if line.partial { span.quiet { " last trial" } } " "
                                @if let Some(of) = line.verdict { (parts::verdict(Some(of))) " " }
                                @for (label, sentence) in &line.doubts { span.caveat title=(sentence) { (label) } " " }
                            }
                            @for of in &line.cells { (cell(of)) }
                        }
                    }
                }
            }
        }
        @if notes.iter().any(|(_, said)| !said.is_empty()) {
            (parts::fold("What is said of single figures", &html! {
                ul.quiet { @for (level, said) in &notes { @for sentence in said { li { b { (level) ": " } (sentence) } } } }
            }))
        }
    }
}

fn cell(of: &Cell) -> Markup {
    html! {
        td class=(if of.needs { "number quiet" } else { "number" }) title=[Some(&of.title).filter(|title| !title.is_empty())] {
            @if !of.mark.is_empty() { span.caveat { (of.mark) " " } }
            (parts::value(of.text.clone(), &of.interval))
        }
    }
}

/// "12.3 s into the run".
fn run_time(at_ns: u64) -> String {
    format!("{:.1} s into the run", ns_to_s(at_ns))
}

fn of_machine(view: &RunView, charts: &[Chart], figures: &mut Figures) -> Result<Markup, RenderError> {
    let telemetry = &view.telemetry;
    let gpus = telemetry.gpus();
    let mut said = machine::sentences(telemetry, &gpus, run_time);
    said.extend(machine::driver_says(telemetry));
    let sources: Vec<&str> = gpus.iter().map(|gpu| gpu.source.as_str()).collect();
    said.extend(machine::missing("Not supported by the GPUs", telemetry, &sources));
    said.extend(machine::missing("Not told by the engine", telemetry, &[Telemetry::ENGINE]));
    let about = match (&telemetry.began, telemetry.observer.figures()) {
        (Some(began), Some(cost)) => cost.sentence(began.rate_hz),
        (Some(began), None) => format!("Read at {} Hz on the run's own clock.", began.rate_hz),
        (None, _) => String::new(),
    };
    let drawn = [Section::Engine, Section::Gpus, Section::Host].map(|section| figures.of(charts, section));
    let [engine, of_gpus, host] = drawn;
    let caches = kv::points(view);
    Ok(html! {
        @if telemetry.began.is_some() || !telemetry.tracks.is_empty() {
            section {
                h2 { "Machine" }
                @if !about.is_empty() { p.quiet { (about) } }
                (parts::sentences(&said))
                (engine?)
                @for (words, lines) in &caches {
                    h3 { "KV cache at " (words) }
                    dl.facts { @for line in lines { div { dt { (line.label) } dd { (line.value) " " span.quiet { (line.note) } } } } }
                }
                (of_gpus?)
                (host?)
            }
        }
    })
}

fn provenance(view: &RunView, zone: &Zone) -> Markup {
    let Some(of) = &view.header else { return html! {} };
    let resumed: Vec<String> = (view.resumptions.iter())
        .map(|again| {
            format!("It went on {} on {}, {}.", run_time(again.t_ns), zone.words(again.anchor_unix_ms), again.host.name)
        })
        .collect();
    let plan = html! {
        (parts::facts(&[
            ("Run", of.run.to_string()),
            ("Host", parts::host(&of.host)),
            ("Agent", of.agent_version.clone()),
        ]))
        (parts::sentences(&resumed))
        @for engine in &view.engines { (parts::engine(engine)) }
        h3 { "Plan" }
        (parts::code(&of.plan.to_toml()))
    };
    html! {
        @if let Some(source) = &view.source { (of_source(source)) }
        (parts::fold("Where it comes from", &plan))
    }
}

/// The files and the definitions of an imported run.
fn of_source(source: &Source) -> Markup {
    let rows: Vec<Vec<Markup>> = (source.files.iter())
        .map(|file| vec![parts::cell(&*file.name), parts::cell(format::count(file.bytes)), parts::cell(&*file.sha256)])
        .collect();
    html! {
        section {
            h2 { "Source" }
            p { "Measured by " (tool(source)) ": figures are as its files say, by its definitions." }
            @if !source.definitions.is_empty() {
                ul { @for of in &source.definitions { li { b { (of.metric) } ": " (of.says) } } }
            }
            (parts::fold("Files", &parts::table(&["file", "bytes", "SHA-256"], &rows, &[0, 2])))
        }
    }
}
