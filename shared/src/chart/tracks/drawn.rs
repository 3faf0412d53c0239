//! Owns how a chart of tracks is drawn: its lines, a band of least and greatest, strips, and marks of what happened.
//! Must not know which charts there are.

use super::column::Column;
use super::{Line, Look, Top, TrackChart, Whose};
use crate::chart::definition::{Marks, Series};
use crate::chart::live::has_lone_point;
use crate::chart::theme::{PALETTE, Theme};
use crate::chart::{ChartData, ChartDefinition, frame, legend, with_legend_below};
use crate::telemetry::{Signal, THROTTLED_BY_HARDWARE, THROTTLED_BY_HEAT, THROTTLED_BY_POWER, Trouble, TroubleKind};
use crate::units::ns_to_s;
use crate::view::{GpuSeen, Telemetry};
use charming::datatype::CompositeValue;
use charming::element::{AxisType, DimensionEncode, LineStyleType, Trigger};
use std::borrow::Cow;

/// Colours and dashes of the lines of one source.
const OWN: [(usize, LineStyleType); 3] =
    [(0, LineStyleType::Solid), (2, LineStyleType::Dashed), (1, LineStyleType::Dotted)];
/// Columns before those of lines: a row's middle and its ends, s.
const BEFORE_LINES: [&str; 3] = ["s", "from", "to"];
/// Letters of title and legend that stand beside one another on a narrow screen.
const BESIDE: usize = 26;
/// Most marks in a chart, the least part of the run between two of them, and letters of one to which no more are added. All
/// that happened is told in words elsewhere.
const MOST_MARKS: usize = 8;
const MARKS_APART: f64 = 0.08;
const MARK_LETTERS: usize = 12;
/// What holds clocks down: signal, name, colour.
const HOLDS: [(Signal, &str, usize); 3] = [
    (THROTTLED_BY_HEAT, "held by heat, %", 5),
    (THROTTLED_BY_POWER, "held by power, %", 1),
    (THROTTLED_BY_HARDWARE, "held by hardware, %", 3),
];

/// A line with its values.
struct Drawn {
    name: String,
    colour: &'static str,
    dash: LineStyleType,
    look: Look,
    per: f64,
    column: Column,
}

impl TrackChart {
    /// The chart as of `now_ns`, of GPUs only those that are shown: several have a line each, one has all there is of it.
    #[must_use]
    pub fn draw(&self, telemetry: &Telemetry, now_ns: u64, shown: &[GpuSeen], theme: Theme) -> ChartDefinition {
        self.drawn(telemetry, now_ns, shown, false, theme)
    }

    /// The same for who shows no colours of GPUs beside it: it names them itself.
    #[must_use]
    pub fn draw_alone(&self, telemetry: &Telemetry, now_ns: u64, shown: &[GpuSeen], theme: Theme) -> ChartDefinition {
        self.drawn(telemetry, now_ns, shown, true, theme)
    }

    fn drawn(
        &self,
        telemetry: &Telemetry,
        now_ns: u64,
        shown: &[GpuSeen],
        names_gpus: bool,
        theme: Theme,
    ) -> ChartDefinition {
        let several = matches!(self.whose, Whose::Gpus) && shown.len() > 1;
        let lines = if several { self.by_gpu(telemetry, shown) } else { self.of_one(telemetry, shown) };
        let held: Vec<(&str, usize, Vec<Column>)> =
            HOLDS.iter().filter(|_| self.is_held).filter_map(|hold| holds(telemetry, shown, hold)).collect();

        // Of several, who shows them shows their colours: the same in every chart.
        let named = lines.iter().filter(|_| !several || names_gpus);
        let mut names: Vec<String> = named.map(|line| line.name.clone()).collect();
        names.extend(held.iter().map(|(name, ..)| (*name).to_owned()));
        let title = match self.lines.first() {
            Some(first) if several && self.lines.len() > 1 => format!("{}: {}", self.title, first.name),
            _ => self.title.to_owned(),
        };
        let letters: usize = title.len() + names.iter().map(String::len).sum::<usize>();
        let mut option = frame(theme, &title, "s", self.unit, AxisType::Value, Trigger::Axis);
        if names.len() > 1 || several && !names.is_empty() {
            let legend = legend(theme).item_width(12).item_gap(8).data(names);
            option = if letters > BESIDE { with_legend_below(option, legend) } else { option.legend(legend) };
        }
        let top = (self.top, self.top(shown));
        option.y_axis = option.y_axis.with(|axis| match top {
            (Top::At(_), Some(top)) => axis.max(top).interval(top / 2.0),
            (_, Some(top)) => axis.max(top).split_number(3),
            (_, None) => axis.split_number(3),
        });
        let data = rows(telemetry.width_ns(), now_ns, &lines, &held);
        let mut marks = Marks::of(self.marks(telemetry, now_ns, shown), theme);
        for (place, line) in lines.iter().enumerate() {
            let series = Series::line("s", &line.name, &line.name, line.colour).dashed(line.dash);
            let is_lone = has_lone_point(&data, BEFORE_LINES.len() + place);
            let series = if is_lone { series.marked(3) } else { series.plain() };
            let series = if line.look == Look::Filled { series.filled() } else { series };
            option = option.series(series.marks(marks.take()));
        }
        let from_to = || DimensionEncode::new().x(CompositeValue::from(vec!["from", "to"]));
        for line in lines.iter().filter(|line| line.look == Look::Banded) {
            let [low, high] = band_names(&line.name);
            let encode = from_to().y(CompositeValue::from(vec![low.as_str(), high.as_str()]));
            option = option.series(Series::cells(&line.name, encode).behind(format!("{}30", line.colour)));
        }
        for (row, (name, colour, _)) in (0..).zip(&held) {
            let encode = from_to().y(*name).tooltip(vec![*name]);
            option = option.series(Series::strip(name, encode, PALETTE[*colour], row));
        }
        ChartDefinition { option, data }
    }

    /// A line for each GPU: of the first signal, in colours of their own.
    fn by_gpu(&self, telemetry: &Telemetry, shown: &[GpuSeen]) -> Vec<Drawn> {
        let of = |gpu: &GpuSeen| {
            let line = self.lines.first()?;
            let (colour, dash) = (PALETTE[gpu.place % PALETTE.len()], LineStyleType::Solid);
            drawn(telemetry, &gpu.source, line, gpu.short.clone(), colour, dash, Look::Plain)
        };
        shown.iter().filter_map(of).collect()
    }

    /// Every signal of one source.
    fn of_one(&self, telemetry: &Telemetry, shown: &[GpuSeen]) -> Vec<Drawn> {
        let source = match self.whose {
            Whose::Gpus => shown.first().map_or("", |gpu| gpu.source.as_str()),
            Whose::Source(source) => source,
        };
        let of = |(line, (colour, dash)): (&Line, (usize, LineStyleType))| {
            drawn(telemetry, source, line, line.name.to_owned(), PALETTE[colour], dash, line.look)
        };
        self.lines.iter().zip(OWN).filter_map(of).collect()
    }

    fn top(&self, shown: &[GpuSeen]) -> Option<f64> {
        match self.top {
            Top::Values => None,
            Top::At(top) => Some(top),
            // To a tenth upwards, so that the axis' last number is short and no value lies above it.
            Top::Memory => {
                let most = shown.iter().filter_map(|gpu| gpu.memory_bytes).max()?;
                Some((most as f64 / super::GIB * 10.0).ceil() / 10.0)
            }
        }
    }

    /// When what happened to GPUs, in a word; what happened at almost one time has one mark.
    fn marks(&self, telemetry: &Telemetry, now_ns: u64, shown: &[GpuSeen]) -> Vec<(f64, String)> {
        let of_gpus = telemetry.troubles.iter().filter(|_| matches!(self.whose, Whose::Gpus));
        let mark = |trouble: &Trouble| {
            let gpu = shown.iter().find(|gpu| gpu.source == trouble.source)?;
            let word = match trouble.kind {
                TroubleKind::Lost => "lost".to_owned(),
                TroubleKind::Back => "back".to_owned(),
                TroubleKind::Xid => format!("XID {}", trouble.code),
                TroubleKind::Unknown => "!".to_owned(),
            };
            let word = if shown.len() > 1 { format!("{} {word}", gpu.short) } else { word };
            Some((ns_to_s(trouble.at_ns), word))
        };
        let apart_s = ns_to_s(now_ns) * MARKS_APART;
        let mut marks: Vec<(f64, String)> = Vec::new();
        for (at_s, word) in of_gpus.filter_map(mark) {
            match marks.last_mut().filter(|(last_s, _)| (at_s - *last_s).abs() < apart_s) {
                Some((_, words)) if words.len() < MARK_LETTERS => *words = format!("{words}, {word}"),
                Some(_) => {}
                None => marks.push((at_s, word)),
            }
        }
        marks.truncate(MOST_MARKS);
        marks
    }
}

fn drawn(
    telemetry: &Telemetry,
    source: &str,
    line: &Line,
    name: String,
    colour: &'static str,
    dash: LineStyleType,
    look: Look,
) -> Option<Drawn> {
    let track = telemetry.track(source, line.signal.key)?;
    let column = Column::of(track, line.signal.kind, telemetry.width_ns())?;
    Some(Drawn { name, colour, dash, look, per: line.per, column })
}

/// How a cause held clocks down, GPU by GPU; nothing where it never did.
fn holds(
    telemetry: &Telemetry,
    shown: &[GpuSeen],
    (signal, name, colour): &(Signal, &'static str, usize),
) -> Option<(&'static str, usize, Vec<Column>)> {
    let tracks = || shown.iter().filter_map(|gpu| telemetry.track(&gpu.source, signal.key));
    let ever = tracks().any(|track| track.bins().any(|bin| bin.max > 0));
    let columns = tracks().filter_map(|track| Column::of(track, signal.kind, telemetry.width_ns()));
    ever.then(|| (*name, *colour, columns.collect()))
}

fn band_names(name: &str) -> [String; 2] {
    [format!("{name}, least"), format!("{name}, most")]
}

/// A bin's middle, begin and end, s; one that is not over ends now.
pub(super) fn stretch_s(bin: u64, width_ns: u64, now_ns: u64) -> [f64; 3] {
    let start_ns = bin * width_ns;
    let end_ns = (start_ns + width_ns).min(now_ns.max(start_ns));
    [start_ns + (end_ns - start_ns) / 2, start_ns, end_ns].map(ns_to_s)
}

/// One row a bin of the finest grid: its middle, its ends, what lines say, their bands, and how clocks were held.
fn rows(width_ns: u64, now_ns: u64, lines: &[Drawn], held: &[(&str, usize, Vec<Column>)]) -> ChartData {
    let mut data = ChartData::of(&BEFORE_LINES);
    let banded = || lines.iter().filter(|line| line.look == Look::Banded);
    data.dimensions.extend(lines.iter().map(|line| Cow::Owned(line.name.clone())));
    data.dimensions.extend(banded().flat_map(|line| band_names(&line.name)).map(Cow::Owned));
    data.dimensions.extend(held.iter().map(|(name, ..)| Cow::Owned((*name).to_owned())));
    let columns = || lines.iter().map(|line| &line.column);
    let all = columns().chain(held.iter().flat_map(|(.., of_gpus)| of_gpus));
    let Some(shift) = all.map(|column| column.shift).min() else { return data };
    let ends = || columns().filter_map(|column| column.ends(shift));
    let first = ends().map(|(first, _)| first).min().unwrap_or(0);
    let last = ends().map(|(_, last)| last).max().unwrap_or(0);
    let width_ns = width_ns << shift;
    // A wider bin of one column may reach beyond what has come.
    for bin in first..=last.min(now_ns / width_ns) {
        let mut row = stretch_s(bin, width_ns, now_ns).map(Some).to_vec();
        let cells: Vec<_> = columns().map(|column| column.at(bin, shift)).collect();
        row.extend(lines.iter().zip(&cells).map(|(line, cell)| cell.map(|cell| cell.mean / line.per)));
        for (line, cell) in lines.iter().zip(&cells).filter(|(line, _)| line.look == Look::Banded) {
            row.extend([cell.map(|cell| cell.min / line.per), cell.map(|cell| cell.max / line.per)]);
        }
        for (.., of_gpus) in held {
            let shares = of_gpus.iter().filter_map(|column| column.at(bin, shift));
            row.push(shares.map(|cell| cell.mean * 100.0).reduce(f64::max));
        }
        data.push(&row);
    }
    data
}
