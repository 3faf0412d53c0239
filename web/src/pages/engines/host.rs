//! Owns what this host has for engines: GPUs with their memory, and each kind where it was found or how to bring it.
//! Must not know how it was looked for.

use crate::erased::{kept, live};
use crate::format;
use crate::model::App;
use crate::pages::runs::When;
use crate::parts::Card;
use leptos::prelude::*;
use shared::engine::EngineKind;
use shared::wire::{FoundRow, GpuRow, Presence};

/// The GPUs.
#[component]
pub fn Gpus() -> impl IntoView {
    let app = App::get();
    let host = kept(move || app.engines.host.with(|h| h.as_ref().map(|h| (h.gpus.clone(), h.no_gpus.clone()))));
    let rows = move || match host.get() {
        None => view! { <p class="quiet">"Looking…"</p> }.into_any(),
        Some((gpus, none)) => view! {
            {none.map(|why| view! { <p class="quiet">{why}</p> })}
            {gpus.into_iter().map(gpu).collect_view()}
        }
        .into_any(),
    };
    view! { <Card title="GPUs"><div data-testid="gpus">{live(rows)}</div></Card> }.into_any()
}

fn gpu(row: GpuRow) -> AnyView {
    let name = row.name.unwrap_or_else(|| "of unknown type".to_owned());
    let used = row.used_bytes.zip(row.memory_bytes);
    let words = match used {
        Some((used, all)) => format!("{} of {} used", format::bytes(used), format::bytes(all)),
        None => "memory unknown".to_owned(),
    };
    let bar = used.map(|(used, all)| {
        let label = format!("Memory of GPU {} in use", row.index);
        view! { <progress max="1" value=used as f64 / all.max(1) as f64 aria-label=label></progress> }
    });
    view! {
        <div class="gpu">
            <span>{format!("{} · {name}", row.index)}</span>
            <span class="quiet">{words}</span>
            {bar}
        </div>
    }
    .into_any()
}

/// Each kind, and where it is.
#[component]
pub fn Found() -> impl IntoView {
    let app = App::get();
    let found = kept(move || app.engines.host.with(|h| h.as_ref().map(|h| h.found.clone()).unwrap_or_default()));
    let no_docker = kept(move || app.engines.host.with(|h| h.as_ref()?.no_docker.clone()));
    let looked = kept(move || app.engines.host.with(|h| h.as_ref()?.looked_unix_ms));
    let kinds = move || {
        let found = found.get();
        if found.is_empty() {
            return view! { <p class="quiet">"Looking… While a run is measured nothing is asked, so as not to disturb it."</p> }
                .into_any();
        }
        let of_kind = |(_, kind): (&str, EngineKind)| {
            let rows: Vec<FoundRow> = found.iter().filter(|row| row.kind == kind).cloned().collect();
            (!rows.is_empty()).then(|| kind_lines(kind, rows))
        };
        EngineKind::KEYS.into_iter().filter_map(of_kind).collect_view().into_any()
    };
    view! {
        <Card title="On this host" about="What the agent can start. Anything else that runs already is measured by its URL.">
            <div data-testid="found">{live(kinds)}</div>
            {live(move || no_docker.get().map(|why| view! { <p class="found-note"><span class="shape" aria-hidden="true">"△ "</span>{why}</p> }))}
            {live(move || looked.get().map(|ms| view! { <p class="quiet">"Looked "<When unix_ms=ms/></p> }))}
        </Card>
    }
    .into_any()
}

fn kind_lines(kind: EngineKind, rows: Vec<FoundRow>) -> AnyView {
    view! {
        <article class="found-kind">
            <h3>{kind.label()}</h3>
            <ul>{rows.into_iter().map(line).collect_view()}</ul>
        </article>
    }
    .into_any()
}

fn line(row: FoundRow) -> AnyView {
    let how = row.launch.key();
    let (shape, state, words) = match row.presence {
        Presence::Asked => ("◔", "asked", "looking for its version…".to_owned()),
        Presence::Found(Some(version)) => ("✓", "found", version),
        Presence::Found(None) => ("✓", "found", "does not tell its version".to_owned()),
        Presence::Missing(get) => ("○", "missing", get),
        Presence::Unknown(why) => ("△", "unknown", why),
    };
    view! {
        <li data-found=state>
            <span class="shape" aria-label=state>{shape}</span>
            <span><code>{row.place}</code>" "<span class="quiet">{how}" · "{words}</span></span>
        </li>
    }
    .into_any()
}
