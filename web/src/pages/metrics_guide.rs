//! Owns the definitions: every metric of the registry, searchable, each at an address of its own.
//! Must not know any definition itself.

use crate::erased::live;
use crate::parts::Card;
use leptos::prelude::*;
use shared::metric::{Direction, METRICS, Metric};

/// True where every word of `search` is found in what is said of a metric.
fn matches(metric: &Metric, search: &str) -> bool {
    let mut text = [metric.key, metric.name, metric.unit, metric.definition].join(" ");
    for peer in metric.others {
        text.extend([" ", peer.tool, " ", peer.says]);
    }
    // Names and words of metrics are ASCII; the tables for others are large.
    let text = text.to_ascii_lowercase();
    search.to_ascii_lowercase().split_whitespace().all(|word| text.contains(word))
}

/// Every metric: unit, direction, definition, and how others' numbers compare.
#[component]
pub fn MetricsGuide() -> impl IntoView {
    let search = RwSignal::new(String::new());
    // The metric that the address names, `#ttft`; a link within this page moves it too.
    let named = RwSignal::new(String::new());
    let read = move || {
        let hash = window().location().hash().unwrap_or_default();
        named.set(hash.trim_start_matches('#').to_owned());
    };
    read();
    let moved = window_event_listener(leptos::ev::hashchange, move |_| read());
    on_cleanup(move || moved.remove());
    Effect::new(move |_| {
        if let Some(element) = named.with(|key| document().get_element_by_id(key)) {
            element.scroll_into_view();
        }
    });
    let none = move || search.with(|search| !METRICS.iter().any(|metric| matches(metric, search)));
    view! {
        <header class="page-head">
            <h1>"What the numbers mean"</h1>
            <input
                type="search"
                class="search"
                placeholder="Search metrics, tools, words"
                aria-label="Search metrics"
                data-testid="metric-search"
                on:input:target=move |e| search.set(e.target().value())
            />
        </header>
        <Card title="Metrics" about="Percentiles are by nearest rank over all samples; below n = 1/(1 − p) they are not shown. Live values with ≈ are exact to 1 %.">
            <div class="metrics" data-testid="metrics-table">
                {METRICS.iter().map(|metric| entry(metric, search, named)).collect_view()}
            </div>
            {live(move || none().then(|| view! { <p class="quiet">"No metric has all of these words."</p> }))}
        </Card>
    }
    .into_any()
}

fn entry(metric: &'static Metric, search: RwSignal<String>, named: RwSignal<String>) -> AnyView {
    let better = match metric.direction {
        Direction::Lower => "↓ lower is better",
        Direction::Higher => "↑ higher is better",
        Direction::Neutral => "",
    };
    let others = (metric.others.iter()).map(|peer| view! { <dt>{peer.tool}</dt><dd>{peer.says}</dd> }).collect_view();
    let key = metric.key;
    view! {
        <article
            id=key
            class="metric"
            class:chosen=move || named.with(|named| named == key)
            hidden=move || search.with(|search| !matches(metric, search))
        >
            <h3><a href=format!("#{key}")>{metric.name}</a>" "<code>{key}</code></h3>
            <p class="quiet">{metric.unit}" "{better}</p>
            <p>{metric.definition}</p>
            <dl class="facts">{others}</dl>
        </article>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_words_are_looked_for_in_all_that_is_said() {
        let check = |search: &str, key: &str, expect: bool| {
            assert_eq!(matches(Metric::find(key).unwrap(), search), expect, "{search} in {key}");
        };
        check("", "ttft", true);
        check("first TOKEN", "ttft", true);
        check("tok/s", "ttft", false);
        check("vllm itl", "chunk_gap", true);
    }
}
