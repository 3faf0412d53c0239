//! Owns the charts of what was seen of the machine over time: GPUs, the engine's own account, the host.
//! Must not know who draws them; times and values are those of the view.

mod column;
mod drawn;
mod kv;

pub use kv::kv_use;

use crate::telemetry::{
    BUSY, CHILDREN_MEMORY, CORE_BUSY_MOST, CPU_BUSY, DISK_READ, DISK_WRITTEN, ENGINE_MEMORY, HOST_MEMORY_USED,
    MEMORY_BUSY, MEMORY_CLOCK, MEMORY_TEMPERATURE, MEMORY_USED, NET_RX, NET_TX, OTHERS_MEMORY, PCIE_RX, PCIE_TX, POWER,
    RUNNING, SM_CLOCK, Signal, TEMPERATURE, WAITING,
};
use crate::view::Telemetry;

/// GPUs that one chart can show and still be read.
pub const MOST_GPUS: usize = 4;

/// Bytes in a GiB and in a MiB.
const GIB: f64 = (1u64 << 30) as f64;
const MIB: f64 = (1u64 << 20) as f64;

/// A chart of signals that are read together.
pub struct TrackChart {
    /// Its name, which is that of its file, too.
    pub name: &'static str,
    /// What a reader who cannot see it hears.
    pub label: &'static str,
    title: &'static str,
    unit: &'static str,
    whose: Whose,
    top: Top,
    lines: &'static [Line],
    /// It shows when clocks were held down.
    is_held: bool,
}

/// Whose signals they are.
#[derive(Clone, Copy)]
enum Whose {
    /// Those of the GPUs that are chosen.
    Gpus,
    /// Those of one source.
    Source(&'static str),
}

/// Where the vertical axis ends.
#[derive(Clone, Copy)]
enum Top {
    /// Where the values do.
    Values,
    /// At this one.
    At(f64),
    /// At the memory that there is.
    Memory,
}

/// A signal of a chart.
struct Line {
    signal: Signal,
    name: &'static str,
    /// How many of the signal's unit are one of the chart's.
    per: f64,
    look: Look,
}

/// How a line looks where its source is the only one that is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    Plain,
    /// With the area below it filled.
    Filled,
    /// With the least and the greatest value of each bin behind it.
    Banded,
}

const fn line(signal: Signal, name: &'static str, per: f64) -> Line {
    Line { signal, name, per, look: Look::Plain }
}

const fn filled(signal: Signal, name: &'static str, per: f64) -> Line {
    Line { signal, name, per, look: Look::Filled }
}

const fn banded(signal: Signal, name: &'static str, per: f64) -> Line {
    Line { signal, name, per, look: Look::Banded }
}

const fn chart(
    name: &'static str,
    label: &'static str,
    title: &'static str,
    unit: &'static str,
    whose: Whose,
    lines: &'static [Line],
) -> TrackChart {
    TrackChart { name, label, title, unit, whose, top: Top::Values, lines, is_held: false }
}

const fn up_to(top: Top, chart: TrackChart) -> TrackChart {
    TrackChart { top, ..chart }
}

const fn held(chart: TrackChart) -> TrackChart {
    TrackChart { is_held: true, ..chart }
}

/// Charts of GPUs.
pub const GPU_CHARTS: &[TrackChart] = &[
    up_to(
        Top::Memory,
        chart(
            "gpu-memory",
            "GPU memory in use over run time",
            "GPU memory",
            "GiB",
            Whose::Gpus,
            &[
                filled(MEMORY_USED, "used", GIB),
                line(ENGINE_MEMORY, "engine's", GIB),
                line(OTHERS_MEMORY, "others'", GIB),
            ],
        ),
    ),
    up_to(
        Top::At(100.0),
        chart(
            "gpu-busy",
            "Share of time in which GPU and memory were busy, over run time",
            "Busy",
            "%",
            Whose::Gpus,
            &[line(BUSY, "GPU", 1.0), line(MEMORY_BUSY, "memory", 1.0)],
        ),
    ),
    chart("gpu-power", "Power over run time", "Power", "W", Whose::Gpus, &[banded(POWER, "drawn", 1e3)]),
    held(chart(
        "gpu-clocks",
        "Clocks over run time, and when heat or power held them down",
        "Clocks",
        "MHz",
        Whose::Gpus,
        &[banded(SM_CLOCK, "SM", 1.0), line(MEMORY_CLOCK, "memory", 1.0)],
    )),
    chart(
        "gpu-temperature",
        "Temperatures over run time",
        "Temperature",
        "°C",
        Whose::Gpus,
        &[line(TEMPERATURE, "chip", 1.0), line(MEMORY_TEMPERATURE, "memory", 1.0)],
    ),
    chart(
        "gpu-pcie",
        "Traffic over PCIe, over run time",
        "PCIe",
        "MiB/s",
        Whose::Gpus,
        &[line(PCIE_RX, "to the GPU", MIB), line(PCIE_TX, "from it", MIB)],
    ),
];

/// Charts of what the engine says of itself, beside [`kv_use`].
pub const ENGINE_CHARTS: &[TrackChart] = &[chart(
    "engine-requests",
    "Requests that the engine works on and that wait in it, over run time",
    "Requests in the engine",
    "",
    Whose::Source(Telemetry::ENGINE),
    &[filled(RUNNING, "running", 1.0), line(WAITING, "waiting", 1.0)],
)];

/// Charts of the host.
pub const HOST_CHARTS: &[TrackChart] = &[
    up_to(
        Top::At(100.0),
        chart(
            "host-cpu",
            "Busy time of all cores and of the busiest one, over run time",
            "CPU",
            "%",
            Whose::Source(Telemetry::HOST),
            &[banded(CPU_BUSY, "all cores", 10.0), line(CORE_BUSY_MOST, "busiest core", 10.0)],
        ),
    ),
    chart(
        "host-memory",
        "Memory of the host in use over run time",
        "Host memory",
        "GiB",
        Whose::Source(Telemetry::HOST),
        &[filled(HOST_MEMORY_USED, "used", GIB), line(CHILDREN_MEMORY, "engine's", GIB)],
    ),
    chart(
        "host-network",
        "Received and sent over the network, over run time",
        "Network",
        "MiB/s",
        Whose::Source(Telemetry::HOST),
        &[line(NET_RX, "received", MIB), line(NET_TX, "sent", MIB)],
    ),
    chart(
        "host-disk",
        "Read from disks and written to them, over run time",
        "Disks",
        "MiB/s",
        Whose::Source(Telemetry::HOST),
        &[line(DISK_READ, "read", MIB), line(DISK_WRITTEN, "written", MIB)],
    ),
];

impl TrackChart {
    /// Whether any of its values is known.
    #[must_use]
    pub fn is_known(&self, telemetry: &Telemetry) -> bool {
        telemetry.tracks.iter().any(|track| {
            let is_its = match self.whose {
                Whose::Gpus => track.source.starts_with(Telemetry::GPU),
                Whose::Source(source) => track.source == source,
            };
            is_its && !track.bins.is_empty() && self.lines.iter().any(|line| line.signal.key == track.signal)
        })
    }
}

#[cfg(test)]
mod tests;
