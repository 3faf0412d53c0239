//! Owns the part of a run's page that shows its machine: GPUs, the engine's own account and the host, each of which folds.
//! Must not know how charts are computed (`shared::chart`), nor the words for what happened (`machine`).

mod followed;
mod gpu;
mod kv;

use super::super::machine::{Cores, Processes, failures, gpu_words, missing, processes};
use crate::charts::{Chart, TimeAxis};
use crate::erased::{kept, live};
use crate::format;
use crate::model::App;
use crate::parts::Fold;
use followed::{Followed, lines};
use gpu::gpu_part;
use kv::kv_figures;
use leptos::prelude::*;
use shared::chart::{self, ENGINE_CHARTS, HOST_CHARTS};
use shared::telemetry::{KV_BYTES, KV_USED};
use shared::units::ns_to_s;
use shared::view::{RunView, Telemetry};

/// "at 12.3 s of the run".
fn run_time(at_ns: u64) -> String {
    format!("{:.1} s into the run", ns_to_s(at_ns))
}

/// How the machine was looked at.
fn about(view: &RunView) -> String {
    let telemetry = &view.telemetry;
    let lost = match telemetry.dropped {
        0 => String::new(),
        n => format!(" {} reads were lost on their way to the log.", format::count(n)),
    };
    match (&telemetry.began, telemetry.observer.figures()) {
        (Some(began), Some(cost)) => format!("{}{lost}", cost.sentence(began.rate_hz)),
        (Some(began), None) => {
            // Of an import it is what its times come to.
            let rate_hz = (began.rate_hz * 100.0).round() / 100.0;
            format!("Read at {rate_hz} Hz on the run's own clock.{lost}")
        }
        (None, _) if view.run_state().is_final() => "Nothing was read of the machine in this run.".to_owned(),
        (None, _) => "The machine is read once the engine is ready.".to_owned(),
    }
}

/// The machine of the followed run.
#[component]
pub fn Machine(axis: TimeAxis) -> impl IntoView {
    let app = App::get();
    let of = Followed::of(app);
    let about = of.says(about);
    let began = of.says(|view| view.telemetry.began.is_some() || !view.telemetry.tracks.is_empty());
    let has_engine = of.says(|view| has(&view.telemetry, Telemetry::ENGINE));
    let (gpus_open, engine_open, host_open) = (RwSignal::new(true), RwSignal::new(true), RwSignal::new(false));
    let gpus = of.says(|view| view.telemetry.gpus());
    let gpu_note = of.says(|view| match view.telemetry.gpus() {
        gpus if gpus.is_empty() => "none".to_owned(),
        gpus => gpu_words(&gpus),
    });
    let engine_note = of.says(|view| view.engine.as_ref().map(|engine| engine.label.clone()).unwrap_or_default());
    let host_note = of.says(|view| view.header.as_ref().map(|header| header.host.name.clone()).unwrap_or_default());
    let parts = move || {
        began.get().then(|| {
            view! {
                <Fold title="GPU" note=gpu_note testid="machine-gpu" open=gpus_open>{gpu_part(of, axis, gpus)}</Fold>
                {live(move || has_engine.get().then(|| view! {
                    <Fold title="Engine" note=engine_note testid="machine-engine" open=engine_open>{engine_part(of, axis)}</Fold>
                }))}
                <Fold title="Host" note=host_note testid="machine-host" open=host_open>{host_part(of, axis)}</Fold>
            }
        })
    };
    view! {
        <section class="card machine" data-testid="machine">
            <header class="card-head"><h2>"Machine"</h2><p class="quiet">{about}</p></header>
            {live(parts)}
        </section>
    }
    .into_any()
}

fn has(telemetry: &Telemetry, source: &str) -> bool {
    telemetry.tracks.iter().any(|track| track.source == source)
}

fn engine_part(of: Followed, axis: TimeAxis) -> AnyView {
    let none = kept(Vec::new);
    let lacks = of.says(|view| {
        let mut lines = missing("Not told by this engine", &view.telemetry, &[Telemetry::ENGINE]);
        lines.extend(failures("The engine", &view.telemetry, Telemetry::ENGINE));
        lines
    });
    let has_kv = of.says(|view| {
        let is_told = |key| view.telemetry.track(Telemetry::ENGINE, key).is_some_and(|track| !track.bins.is_empty());
        is_told(KV_USED.key) || is_told(KV_BYTES.key)
    });
    let cache = live(move || {
        has_kv.get().then(|| {
            let label = "How full the KV cache is over run time, and when memory was taken away from requests";
            view! { <Chart name="kv-cache" label=label axis=axis define=of.define(chart::kv_use)/> }
        })
    });
    view! {
        {of.charts(axis, ENGINE_CHARTS, none, cache, lines(lacks, "engine-lacks"))}
        {kv_figures(of)}
    }
    .into_any()
}

fn host_part(of: Followed, axis: TimeAxis) -> AnyView {
    let none = kept(Vec::new);
    let look = of.says(|view| {
        view.telemetry.looks.iter().find(|look| look.source == Telemetry::HOST).cloned().unwrap_or_default()
    });
    let lacks = of.says(|view| {
        let mut lines = missing("Not told by this host", &view.telemetry, &[Telemetry::HOST]);
        lines.extend(failures("The host", &view.telemetry, Telemetry::HOST));
        lines
    });
    let cores = move || {
        look.with(|look| {
            (!look.cores.is_empty()).then(|| {
                view! {
                    <p class="quiet cores-note">{format!("Each core, {}", run_time(look.at_ns))}</p>
                    <Cores busy=look.cores.clone()/>
                }
            })
        })
    };
    view! {
        {of.charts(axis, HOST_CHARTS, none, (), view! { {live(cores)}{lines(lacks, "host-lacks")} })}
        {live(move || {
            let of = look.with(|look| processes(std::iter::once((String::new(), look))));
            view! { <Processes of=of busy="of a core" others="the agent" none="No process of the agent was seen."/> }
        })}
    }
    .into_any()
}
