//! Owns the panel of the first screen: a card for each GPU and one for the host, as they are now. It is read only while the
//! panel is in sight.
//! Must not know how the agent reads it, nor what a card says (`readings`).

use super::readings::{Badge, Reading, badges, of_gpu, of_host};
use super::spark::Spark;
use super::{Cores, Processes, driver_says, missing, processes, sentences};
use crate::erased::{Kept, kept, live};
use crate::format;
use crate::link::tree;
use crate::model::{App, MachineFold};
use crate::parts::{Card, Loading};
use leptos::ev;
use leptos::prelude::*;
use shared::units::{NS_PER_MS, NS_PER_S};
use shared::view::{GpuSeen, MachineView, Telemetry};
use shared::wire::MachineTold;
use web_sys::VisibilityState;

/// How what is told is read and folded.
const FOLD: MachineFold = |known, told| Ok(tree::<MachineTold>(told)?.fold(known));

/// How the panel reads the machine: once a second, since that is how often it is read.
#[derive(Clone, Copy)]
struct Looked {
    app: App,
    second: Kept<Option<(u64, u64)>>,
}

impl Looked {
    /// What is said of the machine, as it changes; nothing before anything is known.
    fn says<T: PartialEq + Send + Sync + 'static>(
        self,
        says: impl Fn(&MachineView) -> T + Send + Sync + 'static,
    ) -> Kept<Option<T>> {
        kept(move || {
            self.second.track();
            untrack(|| self.app.machine.with(|view, _| says(view)))
        })
    }
}

/// The panel.
#[component]
pub fn Machine() -> impl IntoView {
    let app = App::get();
    let look = move || {
        let is_seen = document().visibility_state() == VisibilityState::Visible;
        app.watch_machine(is_seen.then_some(FOLD));
    };
    look();
    let turned = window_event_listener(ev::visibilitychange, move |_| look());
    on_cleanup(move || {
        turned.remove();
        app.watch_machine(None);
        app.machine.forget();
    });
    let of = Looked { app, second: kept(move || app.machine.with(|view, missed| (view.now_ns / NS_PER_S, missed))) };
    let none = of.says(|view| driver_says(&view.telemetry));
    let asked = of.says(|view| view.telemetry.began.is_some());
    let gpus = of.says(|view| view.telemetry.gpus());
    let several = kept(move || gpus.with(|gpus| gpus.as_ref().is_some_and(|gpus| gpus.len() > 1)));
    let said = of.says(move |view| {
        let time = |at_ns: u64| {
            let clock = app.agent.with_untracked(|agent| agent.clock(view.anchor_unix_ms + at_ns / NS_PER_MS));
            format!("at {clock}")
        };
        sentences(&view.telemetry, &view.telemetry.gpus(), time)
    });
    let left_out = kept(move || {
        let missed = of.second.with(|second| second.map_or(0, |(_, missed)| missed));
        (missed > 0).then(|| {
            format!("This page was too slow for {} events; snapshots made up for them.", format::count(missed))
        })
    });
    let state = move || match asked.get() {
        None => Some(view! { <Loading short=true/> }.into_any()),
        Some(false) => {
            Some(view! { <p class="quiet">"The driver is being asked which GPUs there are."</p> }.into_any())
        }
        Some(true) => None,
    };
    view! {
        <Card title="Machine" about="Read once a second while this page is open. Lines show the last minutes.">
            {live(state)}
            {live(move || none.get().flatten().map(|sentence| view! { <p class="quiet" data-testid="no-gpus">{sentence}</p> }))}
            <div class="gpus" data-testid="gpu-cards">
                <For
                    each=move || gpus.get().unwrap_or_default()
                    key=|gpu| gpu.source.clone()
                    children=move |gpu| view! { <GpuCard of=of gpu=gpu several=several/> }
                />
                {live(move || asked.with(Option::is_some).then(|| view! { <HostCard of=of/> }))}
            </div>
            <ul class="said" data-testid="machine-said">
                {live(move || said.get().unwrap_or_default().into_iter().map(|line| view! { <li>{line}</li> }).collect_view())}
                {live(move || left_out.get().map(|line| view! { <li>{line}</li> }))}
            </ul>
        </Card>
    }
    .into_any()
}

/// Lines of a card, which stay while their texts change.
fn readings(of: Kept<Option<Vec<Reading>>>) -> AnyView {
    let labels = kept(move || of.with(|of| of.iter().flatten().map(|reading| reading.label).collect::<Vec<_>>()));
    let line = move |label: &'static str| {
        let reading = kept(move || {
            of.with(|of| of.iter().flatten().find(|reading| reading.label == label).cloned().unwrap_or_default())
        });
        // Without its line, which moves on with each second.
        let text = kept(move || reading.with(|reading| Reading { path: String::new(), ..reading.clone() }));
        let value = move || {
            let Reading { text, beside, why, share, .. } = text.get();
            let bar = share.map(|share| {
                view! { <progress class="bar" max="1" value=share aria-label=format!("{label} in use")></progress> }
            });
            // Whoever has no pointer to hold over it reads why, too.
            let beside = if why.is_empty() { beside } else { why };
            view! { <span class="reading-text">{text}" "<span class="quiet">{beside}</span>{bar}</span> }
        };
        view! {
            <div class="reading">
                <span class="reading-label">{label}</span>
                {live(value)}
                <Spark path=Signal::derive(move || reading.with(|reading| reading.path.clone()))/>
            </div>
        }
    };
    view! { <For each=move || labels.get() key=|label| *label children=line/> }.into_any()
}

fn badge((shape, word, is_grave): Badge) -> AnyView {
    let gravity = if is_grave { "failed" } else { "interrupted" };
    view! { <span class="badge" data-state=gravity><span class="shape" aria-hidden="true">{shape}</span>{word}</span> }
        .into_any()
}

#[component]
fn GpuCard(of: Looked, gpu: GpuSeen, several: Kept<bool>) -> impl IntoView {
    let name = gpu.name.clone().unwrap_or_else(|| "GPU of unknown type".to_owned());
    let uuid = gpu.source.trim_start_matches(Telemetry::GPU).to_owned();
    let short = gpu.short.clone();
    let (one, two, three) = (gpu.clone(), gpu.clone(), gpu);
    let now = of.says(move |view| of_gpu(view, &one));
    let wrong = of.says(move |view| badges(view, &two));
    let source = three.source.clone();
    let lacks = of.says(move |view| missing("Not supported", &view.telemetry, &[&source]));
    let kind = three.slice_of.as_ref().map(|_| "slice").or_else(|| three.is_unified.then_some("unified memory"));
    let used = of.says(move |view| {
        let look = view.telemetry.looks.iter().find(|look| look.source == three.source);
        look.map(|look| processes(std::iter::once((String::new(), look)))).unwrap_or_default()
    });
    view! {
        <article class="gpu-card" data-testid="gpu-card">
            <header>
                <h3 title=uuid>{name}</h3>
                {live(move || several.get().then(|| view! { <span class="quiet">{short.clone()}</span> }))}
                {kind.map(|kind| view! { <span class="quiet">{kind}</span> })}
                {live(move || wrong.get().unwrap_or_default().into_iter().map(badge).collect_view())}
            </header>
            {readings(now)}
            {live(move || {
                let of = used.get().unwrap_or_default();
                (!of.is_empty()).then(|| view! { <Processes of=of busy="busy" others="others'" none=""/> })
            })}
            {live(move || lacks.get().unwrap_or_default().into_iter().map(|line| view! { <p class="quiet lacks">{line}</p> }).collect_view())}
        </article>
    }
    .into_any()
}

#[component]
fn HostCard(of: Looked) -> impl IntoView {
    let app = of.app;
    let name = move || app.agent.with(|agent| agent.host.clone());
    let now = of.says(of_host);
    let cores = of.says(|view| {
        let look = view.telemetry.looks.iter().find(|look| look.source == Telemetry::HOST);
        look.map(|look| look.cores.clone()).unwrap_or_default()
    });
    view! {
        <article class="gpu-card" data-testid="host-card">
            <header><h3>"Host"</h3><span class="quiet">{live(name)}</span></header>
            {readings(now)}
            {live(move || {
                let busy = cores.get().unwrap_or_default();
                (!busy.is_empty()).then(|| view! { <Cores busy=busy/> })
            })}
        </article>
    }
    .into_any()
}
