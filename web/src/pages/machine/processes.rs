//! Owns the table of processes that use a machine, and the bars of its cores.
//! Must not know where a look at it comes from.

use crate::format;
use leptos::prelude::*;
use shared::telemetry::{Look, ProcessUse};

/// One line of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Process {
    /// The device, where there are several.
    pub on: String,
    pub used: ProcessUse,
}

/// The processes of looks at devices of these names, in the order of the devices.
pub fn processes<'a>(looks: impl Iterator<Item = (String, &'a Look)>) -> Vec<Process> {
    let of = |(on, look): (String, &Look)| -> Vec<Process> {
        look.processes.iter().map(|used| Process { on: on.clone(), used: used.clone() }).collect()
    };
    looks.flat_map(of).collect()
}

/// Per cent of thousandths.
fn percent(thousandths: u32) -> String {
    format::share(f64::from(thousandths) / 1000.0)
}

fn row(process: Process, several: bool, others: &'static str) -> AnyView {
    let Process { on, used } = process;
    // The driver names processes of the host, which a container does not see: it cannot tell whose such a one is.
    let (name, whose, why) = match (used.name, used.is_ours) {
        (Some(name), true) => (name, "the engine's", ""),
        (Some(name), false) => (name, others, ""),
        (None, _) => (
            format::ABSENT.to_owned(),
            format::ABSENT,
            "Nothing here has a process of that id: it may be in another container.",
        ),
    };
    view! {
        <tr data-testid="process-row">
            {several.then(|| view! { <td>{on}</td> })}
            <th scope="row" title=why>{name}</th>
            <td class="number">{used.pid}</td>
            <td title=why>{whose}</td>
            <td class="number">{format::or_absent(used.memory_bytes, format::bytes)}</td>
            <td class="number">{format::or_absent(used.busy, percent)}</td>
        </tr>
    }
    .into_any()
}

/// Who uses a device or the host.
#[component]
pub fn Processes(
    of: Vec<Process>,
    /// What the last column is a share of.
    busy: &'static str,
    /// Whose those are that the agent has not started.
    others: &'static str,
    /// Said where there is none.
    none: &'static str,
) -> impl IntoView {
    if of.is_empty() {
        return view! { <p class="quiet">{none}</p> }.into_any();
    }
    let several = of.iter().any(|process| !process.on.is_empty());
    view! {
        <div class="scroll" tabindex="0" role="region" aria-label="Processes">
            <table class="processes" data-testid="processes">
                <thead><tr>
                    {several.then(|| view! { <th scope="col">"GPU"</th> })}
                    <th scope="col">"Process"</th><th scope="col" class="number">"id"</th><th scope="col">"whose"</th>
                    <th scope="col" class="number">"memory"</th><th scope="col" class="number">{busy}</th>
                </tr></thead>
                <tbody>{of.into_iter().map(|process| row(process, several, others)).collect_view()}</tbody>
            </table>
        </div>
    }
    .into_any()
}

/// A bar for each core, of thousandths of its time.
#[component]
pub fn Cores(busy: Vec<u32>) -> impl IntoView {
    let bar = |(core, busy): (usize, u32)| {
        let (words, height) = (percent(busy), f64::from(busy.min(1000)) / 10.0);
        view! {
            <span class="core" title=format!("Core {core}: {words} busy")><i style:height=format!("{height:.0}%")></i></span>
        }
    };
    let words = format!("Busy time of each of {} cores", busy.len());
    view! { <div class="cores" role="img" aria-label=words data-testid="cores">{busy.into_iter().enumerate().map(bar).collect_view()}</div> }
        .into_any()
}
