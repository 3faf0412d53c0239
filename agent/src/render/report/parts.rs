//! Owns the parts that reports have in common: facts, badges, tables, sentences, definitions.
//! Must not know what they are of. Every text is escaped here, whoever wrote it.

use maud::{Markup, html};
use shared::caveat::{Caveat, Verdict};
use shared::engine::EngineInfo;
use shared::event::{Host, RunState};
use shared::format;
use shared::metric::Metric;
use shared::said::machine::gpu_kinds;

/// A verdict as shape and word.
pub(super) fn verdict(of: Option<Verdict>) -> Markup {
    let (shape, words) = of.map_or((Verdict::NotJudged.shape(), "not judged yet"), |of| (of.shape(), of.label()));
    html! { span.badge data-verdict=(words) { (shape) " " (words) } }
}

/// A state in a word.
pub(super) fn state(of: RunState) -> Markup {
    html! { span.badge { (of.label()) } }
}

/// Names and values, one a line.
pub(super) fn facts(facts: &[(&str, String)]) -> Markup {
    html! {
        dl.facts {
            @for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
                div { dt { (name) } dd { (value) } }
            }
        }
    }
}

/// A table; columns from `words` on the left hold words, the others numbers.
pub(super) fn table(heads: &[&str], rows: &[Vec<Markup>], words: &[usize]) -> Markup {
    let class = |place: usize| if words.contains(&place) { "" } else { "number" };
    html! {
        div.scroll tabindex="0" {
            table {
                thead { tr { @for (place, head) in heads.iter().enumerate() { th scope="col" class=(class(place)) { (head) } } } }
                tbody {
                    @for row in rows {
                        tr { @for (place, cell) in row.iter().enumerate() { td class=(class(place)) { (cell) } } }
                    }
                }
            }
        }
    }
}

/// A text as a cell.
pub(super) fn cell(text: impl Into<String>) -> Markup {
    let text: String = text.into();
    html! { (text) }
}

/// A value with its interval.
pub(super) fn value(text: String, interval: &str) -> Markup {
    html! { (text) @if !interval.is_empty() { " " span.interval { (interval) } } }
}

/// Sentences in a list; nothing without any.
pub(super) fn sentences(of: &[String]) -> Markup {
    html! { @if !of.is_empty() { ul.quiet { @for sentence in of { li { (sentence) } } } } }
}

/// What must be said beside figures.
pub(super) fn caveats(of: &[Caveat]) -> Markup {
    html! { @if !of.is_empty() { ul.caveats { @for caveat in of { li { "△ " (caveat.sentence()) } } } } }
}

/// What one click shows, and paper always.
pub(super) fn fold(title: &str, body: &Markup) -> Markup {
    html! { details { summary { (title) } (body) } }
}

/// Text as somebody wrote it.
pub(super) fn code(text: &str) -> Markup {
    html! { pre tabindex="0" { (text) } }
}

/// The definitions of metrics, and how the numbers of others differ.
pub(super) fn definitions(keys: &[&str]) -> Markup {
    let mut metrics: Vec<&'static Metric> = Vec::new();
    for metric in keys.iter().filter_map(|key| Metric::find(key)) {
        if metrics.iter().all(|known| known.key != metric.key) {
            metrics.push(metric);
        }
    }
    let unit = |metric: &Metric| if metric.unit.is_empty() { String::new() } else { format!(", {}", metric.unit) };
    fold(
        "Definitions",
        &html! {
            dl.definitions {
                @for metric in metrics {
                    dt { (metric.name) (unit(metric)) }
                    dd {
                        (metric.definition)
                        @if !metric.others.is_empty() {
                            ul.quiet { @for peer in metric.others { li { (peer.tool) ": " (peer.says) } } }
                        }
                    }
                }
            }
        },
    )
}

/// A host in words.
pub(super) fn host(of: &Host) -> String {
    let cpu = of.cpu.as_ref().map(|cpu| format!(", {cpu}")).unwrap_or_default();
    format!("{}, {} cores{cpu}", of.name, of.cores)
}

/// The GPUs of engines in words: "2 × NVIDIA L4".
pub(super) fn gpus(engine: &EngineInfo) -> String {
    gpu_kinds(engine.gpus.iter().map(|gpu| gpu.name.as_deref()))
}

/// What is known of an engine that answered: version, model, how it was started, on what.
pub(super) fn engine(of: &EngineInfo) -> Markup {
    let option = |value: &Option<String>| value.clone().unwrap_or_default();
    let params: Vec<String> = of.params.iter().map(|(key, value)| format!("{key} {value}")).collect();
    let image = of.image.as_ref().map(|image| match &image.digest {
        Some(digest) => format!("{} ({digest})", image.name),
        None => image.name.clone(),
    });
    facts(&[
        ("Engine", format!("{} {}", of.label, option(&of.version)).trim().to_owned()),
        ("Model", of.model.clone()),
        ("Parameters", params.join(", ")),
        ("Command", format::command(&of.command)),
        ("Image", image.unwrap_or_default()),
        ("Precision", option(&of.dtype)),
        ("Seed", of.seed.map(|seed| seed.to_string()).unwrap_or_default()),
        ("Context", of.context_tokens.map(|n| format!("{} tokens", format::count(n.into()))).unwrap_or_default()),
        ("Start", of.start_ms.map(|ms| format::duration((ms * 1e6) as u64)).unwrap_or_default()),
        ("GPUs", gpus(of)),
        ("Driver", option(&of.driver)),
    ])
}
