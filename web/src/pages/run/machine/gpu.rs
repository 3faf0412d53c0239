//! Owns what a run's page shows of GPUs: charts of those that are chosen, what happened to them, who uses them.
//! Must not know how charts are computed (`shared::chart`), nor the words for what happened (`machine`).

use super::super::super::machine::{Account, Gpus, Process, Processes, driver_says, missing, processes, sentences};
use super::followed::{Followed, lines};
use super::run_time;
use crate::charts::TimeAxis;
use crate::erased::{Kept, kept, live};
use leptos::prelude::*;
use shared::chart::{GPU_CHARTS, MOST_GPUS, PALETTE};
use shared::view::GpuSeen;
use std::sync::Arc;

/// The GPUs that are shown: those chosen, at first as many as can be read.
fn shown(gpus: &[GpuSeen], chosen: Option<&[String]>) -> Vec<GpuSeen> {
    let is_chosen = |gpu: &&GpuSeen| chosen.is_none_or(|chosen| chosen.contains(&gpu.source));
    gpus.iter().filter(is_chosen).take(MOST_GPUS).cloned().collect()
}

/// What is known of the GPUs.
pub fn gpu_part(of: Followed, axis: TimeAxis, gpus: Kept<Vec<GpuSeen>>) -> AnyView {
    let none = of.says(|view| driver_says(&view.telemetry));
    let said = of.says(|view| sentences(&view.telemetry, &view.telemetry.gpus(), run_time));
    let lacks = of.says(|view| {
        let gpus = view.telemetry.gpus();
        let sources: Vec<&str> = gpus.iter().map(|gpu| gpu.source.as_str()).collect();
        let who = if sources.len() > 1 { "Not supported by these GPUs" } else { "Not supported by this GPU" };
        missing(who, &view.telemetry, &sources)
    });
    let used = of.says(|view| {
        let gpus = view.telemetry.gpus();
        let look = |gpu: &GpuSeen| view.telemetry.looks.iter().find(|look| look.source == gpu.source);
        let name = |gpu: &GpuSeen| if gpus.len() > 1 { gpu.short.clone() } else { String::new() };
        processes(gpus.iter().filter_map(|gpu| Some((name(gpu), look(gpu)?))))
    });
    let accounts =
        of.says(|view| view.telemetry.gpus().iter().map(|gpu| Account::of(&view.telemetry, gpu)).collect::<Vec<_>>());
    let chosen = RwSignal::new(None::<Vec<String>>);
    let shown = kept(move || gpus.with(|gpus| chosen.with(|chosen| shown(gpus, chosen.as_deref()))));
    let has_any = kept(move || gpus.with(|gpus| !gpus.is_empty()));
    let tables = move || {
        has_any.get().then(|| {
            view! {
                {chooser(gpus, shown, chosen)}
                {of.charts(axis, GPU_CHARTS, shown, (), view! { {lines(said, "gpu-said")}{lines(lacks, "gpu-lacks")} })}
                {live(move || view! { <Gpus of=accounts.get()/> })}
                {live(move || {
                    let of: Vec<Process> = used.get();
                    view! { <Processes of=of busy="busy" others="others'" none="The driver names no process that uses a GPU."/> }
                })}
            }
        })
    };
    view! {
        {live(move || none.get().map(|sentence| view! { <p class="quiet" data-testid="no-gpus">{sentence}</p> }))}
        {live(tables)}
    }
    .into_any()
}

/// Which GPUs are shown, where there are several.
fn chooser(gpus: Kept<Vec<GpuSeen>>, shown: Kept<Vec<GpuSeen>>, chosen: RwSignal<Option<Vec<String>>>) -> AnyView {
    let is_on = move |source: &str| shown.with(|shown| shown.iter().any(|gpu| gpu.source == source));
    let toggle = move |source: &str| {
        let mut now: Vec<String> = shown.with_untracked(|shown| shown.iter().map(|gpu| gpu.source.clone()).collect());
        match now.iter().position(|on| on == source) {
            Some(at) => drop(now.remove(at)),
            None => now.push(source.to_owned()),
        }
        chosen.set(Some(now));
    };
    let chip = move |gpu: GpuSeen| {
        let source = Arc::new(gpu.source);
        let (on, off, toggled) = (Arc::clone(&source), Arc::clone(&source), source);
        view! {
            <label class="chip" style:border-color=PALETTE[gpu.place % PALETTE.len()]>
                <input
                    type="checkbox"
                    prop:checked=move || is_on(&on)
                    disabled=move || shown.with(|shown| shown.len() >= MOST_GPUS) && !is_on(&off)
                    on:change=move |_| toggle(&toggled)
                />
                {format!("GPU {}", gpu.short)}
            </label>
        }
    };
    live(move || {
        let gpus = gpus.get();
        (gpus.len() > 1).then(|| {
            let most = (gpus.len() > MOST_GPUS)
                .then(|| view! { <span class="quiet">{format!("{MOST_GPUS} of {} at once", gpus.len())}</span> });
            view! { <div class="chips" data-testid="gpu-chooser">{gpus.into_iter().map(chip).collect_view()}{most}</div> }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_gpus_as_can_be_read_or_those_chosen() {
        let gpus: Vec<GpuSeen> =
            (0..6).map(|place| GpuSeen { source: format!("gpu:{place}"), place, ..GpuSeen::default() }).collect();
        let check = |chosen: Option<&[&str]>, expect: &[usize]| {
            let chosen = chosen.map(|chosen| chosen.iter().map(|source| (*source).to_owned()).collect::<Vec<_>>());
            let places: Vec<usize> = shown(&gpus, chosen.as_deref()).iter().map(|gpu| gpu.place).collect();
            assert_eq!(places, expect);
        };
        check(None, &[0, 1, 2, 3]);
        check(Some(&["gpu:5", "gpu:0", "gpu:9"]), &[0, 5]);
        check(Some(&[]), &[]);
    }
}
