//! Owns the list of charts that a subject has: the one that command line, HTTP and reports go by.
//! Must not know how charts are computed (`shared::chart`) or drawn.

use super::subject::{RunSubject, Subject};
use shared::chart::{
    self, ChartDefinition, ENGINE_CHARTS, GPU_CHARTS, HOST_CHARTS, Latency, MOST_GPUS, Theme, TrackChart,
};
use shared::compare::{Compared, Curve, Figure, Recorded};
use shared::ids::RequestId;
use shared::study::{Case, Decomposition, LADDER_FIGURES};
use shared::units::ns_to_s;
use shared::view::{GpuSeen, RunView};
use std::rc::Rc;

/// Figures of a run that have no chart over levels of their own on its page.
const FURTHER: [&str; 6] =
    ["per_user_throughput", "ttft.mean", "tpot.mean", "e2e.mean", "cost_per_mtok", "energy_per_token"];

/// What a chart is about: reports group by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// Figures over load levels.
    Levels,
    /// A ladder of configurations.
    Ladder,
    /// The full configuration without each of its options.
    LeftOut,
    /// The run over its time.
    Time,
    /// Requests and their latencies.
    Requests,
    /// The engine's own account.
    Engine,
    /// GPUs.
    Gpus,
    /// The host.
    Host,
}

/// One chart of a subject.
pub struct Chart<'a> {
    /// Its name: that of its file, and in addresses.
    pub name: String,
    /// What a reader who cannot see it hears.
    pub label: String,
    /// What it is about.
    pub section: Section,
    /// End of its time axis, s; absent where it has none.
    pub end_s: Option<f64>,
    /// The height that it takes at least to be legible, CSS pixels; 0 where it fits into any.
    pub least_height: u32,
    /// Its definition for a theme; nothing where there is nothing to draw.
    pub define: Box<dyn Fn(Theme) -> Option<ChartDefinition> + 'a>,
}

/// Every chart that the subject has something for, in the order of its page.
#[must_use]
pub fn charts(subject: &Subject) -> Vec<Chart<'_>> {
    match subject {
        Subject::Run(run) => of_run(run),
        Subject::Study(study) => {
            let compared = study.view.compared.as_ref().map(of_compared).unwrap_or_default();
            compared.into_iter().chain(study.view.decomposition.as_ref().map(of_ladder).unwrap_or_default()).collect()
        }
        Subject::Compared(compared) => of_compared(compared),
    }
}

fn chart<'a>(
    (section, name, label): (Section, impl Into<String>, impl Into<String>),
    end_s: Option<f64>,
    define: impl Fn(Theme) -> ChartDefinition + 'a,
) -> Chart<'a> {
    let define = Box::new(move |theme| Some(define(theme)));
    Chart { name: name.into(), label: label.into(), section, end_s, least_height: 0, define }
}

/// True where any row has a value besides the first column, which places it.
fn has_values(chart: &Chart) -> bool {
    let Some(ChartDefinition { data, .. }) = (chart.define)(Theme::Light) else { return false };
    data.rows.chunks(data.dimensions.len().max(1)).any(|row| row.iter().skip(1).any(|value| value.is_finite()))
}

fn of_run(run: &RunSubject) -> Vec<Chart<'_>> {
    let view: &RunView = &run.view;
    let mut charts = if view.points.len() > 1 { over_levels(view) } else { Vec::new() };
    charts.extend(over_time(view));
    charts.extend(of_requests(run));
    charts.extend(of_machine(view));
    charts.retain(has_values);
    charts
}

/// Where the time axis of a run ends, s.
fn end_s(view: &RunView) -> f64 {
    ns_to_s(view.last_ns).ceil().max(1.0)
}

fn over_levels(view: &RunView) -> Vec<Chart<'_>> {
    let throughput = "Output throughput by load level";
    let ttft = "Time to first token by load level, percentiles 50 and 99";
    let mut charts = vec![
        chart((Section::Levels, "by-level", throughput), None, move |theme| chart::throughput_by_level(view, theme)),
        chart((Section::Levels, "ttft-by-level", ttft), None, move |theme| chart::ttft_by_level(view, theme)),
    ];
    let Some(recorded) = Recorded::of(view) else { return charts };
    let curves: Rc<[Curve]> = Curve::of(&recorded, &recorded.plan.name).into();
    charts.extend(FURTHER.iter().filter_map(|key| Figure::parse(key).ok()).map(|figure| curve(&curves, figure)));
    charts.push(pareto(&curves));
    charts
}

fn curve<'a>(curves: &Rc<[Curve]>, figure: Figure) -> Chart<'a> {
    let (name, label) = (format!("curve-{}", slug(&figure.key())), format!("{} by load level", figure.name()));
    let curves = Rc::clone(curves);
    chart((Section::Levels, name, label), None, move |theme| chart::curves(&curves, figure, theme))
}

fn pareto<'a>(curves: &Rc<[Curve]>) -> Chart<'a> {
    let curves = Rc::clone(curves);
    let label = "What one user gets against what the hardware gives";
    chart((Section::Levels, "pareto", label), None, move |theme| chart::pareto(&curves, theme))
}

fn over_time(view: &RunView) -> Vec<Chart<'_>> {
    let end = Some(end_s(view));
    let ttft = "Time to first token over run time, percentiles 50, 90 and 99";
    let tpot = "Time per output token over run time, percentiles 50, 90 and 99";
    let all = (0.0, f64::INFINITY);
    vec![
        chart((Section::Time, "throughput", "Output tokens per second over run time"), end, move |theme| {
            chart::throughput(view, theme)
        }),
        chart((Section::Time, "in-flight", "Requests in flight over run time"), end, move |theme| {
            chart::in_flight(view, theme)
        }),
        chart((Section::Time, "ttft", ttft), end, move |theme| chart::latency(view, Latency::Ttft, theme)),
        chart((Section::Time, "tpot", tpot), end, move |theme| chart::latency(view, Latency::Tpot, theme)),
        chart((Section::Time, "gaps", "Gaps between output chunks over run time"), end, move |theme| {
            chart::gap_map(view, all, theme)
        }),
    ]
}

/// Charts of exact distributions, which only a run's records tell, and what their names begin with.
const AT_MOST: &str = "ecdf";
const HOW_OFTEN: &str = "histogram";

/// True where a chart of this name is drawn from a run's records.
#[must_use]
pub fn needs_records(name: &str) -> bool {
    [AT_MOST, HOW_OFTEN].iter().any(|kind| name.starts_with(kind))
}

/// What names of charts of one request begin with.
const REQUEST: &str = "request-";

/// The name of the chart of one request.
#[must_use]
pub fn request_name(id: RequestId) -> String {
    format!("{REQUEST}{id}")
}

/// The request that a chart of this name shows; nothing where it is another chart's.
#[must_use]
pub fn request_of(name: &str) -> Option<RequestId> {
    name.strip_prefix(REQUEST)?.parse().ok()
}

fn of_requests(run: &RunSubject) -> Vec<Chart<'_>> {
    let view: &RunView = &run.view;
    let label = "Requests: time to first token by time sent";
    let scatter = move |theme| chart::request_scatter(view, theme);
    let mut charts = vec![chart((Section::Requests, "scatter", label), Some(end_s(view)), scatter)];
    for overlays in &run.distributions {
        let key = overlays.first().map_or("", |(.., of)| of.metric.as_str());
        let names = [(AT_MOST, "at most"), (HOW_OFTEN, "how often")];
        let [at_most, how_often] = names.map(|(kind, words)| {
            (Section::Requests, format!("{kind}-{}", slug(key)), format!("Distribution of {key}, {words}"))
        });
        charts.push(chart(at_most, None, move |theme| chart::ecdf(overlays, theme)));
        charts.push(chart(how_often, None, move |theme| chart::histogram(overlays, theme)));
    }
    if let Some(timeline) = &run.request {
        let label = "Output of one request over the time since it was sent";
        let of = (Section::Requests, request_name(timeline.sample.id), label);
        charts.push(chart(of, None, move |theme| chart::request_timeline(timeline, theme)));
    }
    charts
}

fn of_machine(view: &RunView) -> Vec<Chart<'_>> {
    let mut charts = Vec::new();
    charts.push(Chart {
        name: "kv-cache".to_owned(),
        label: "How full the KV cache is over run time, and when memory was taken away from requests".to_owned(),
        section: Section::Engine,
        end_s: Some(end_s(view)),
        least_height: 0,
        define: Box::new(move |theme| chart::kv_use(view, theme)),
    });
    let gpus = view.telemetry.gpus();
    charts.extend(tracks(view, Section::Engine, ENGINE_CHARTS, &[]));
    charts.extend(tracks(view, Section::Gpus, GPU_CHARTS, &gpus));
    charts.extend(tracks(view, Section::Host, HOST_CHARTS, &[]));
    charts
}

/// Charts of tracks; of more GPUs than one chart can show, several, which are numbered from the second on.
fn tracks<'a>(view: &'a RunView, section: Section, of: &'static [TrackChart], gpus: &[GpuSeen]) -> Vec<Chart<'a>> {
    let mut charts = Vec::new();
    for track in of.iter().filter(|track| track.is_known(&view.telemetry)) {
        let groups: Vec<Vec<GpuSeen>> = match gpus {
            [] => vec![Vec::new()],
            gpus => gpus.chunks(MOST_GPUS).map(<[GpuSeen]>::to_vec).collect(),
        };
        for (place, shown) in groups.into_iter().enumerate() {
            let name = if place == 0 { track.name.to_owned() } else { format!("{}-{}", track.name, place + 1) };
            let define = move |theme| track.draw_alone(&view.telemetry, view.last_ns, &shown, theme);
            charts.push(chart((section, name, track.label), Some(end_s(view)), define));
        }
    }
    charts
}

fn of_compared(compared: &Compared) -> Vec<Chart<'_>> {
    let curves: Rc<[Curve]> = compared.curves.as_slice().into();
    let mut charts: Vec<Chart> = Figure::usual().into_iter().map(|figure| curve(&curves, figure)).collect();
    charts.push(pareto(&curves));
    charts.retain(has_values);
    charts
}

fn of_ladder(ladder: &Decomposition) -> Vec<Chart<'_>> {
    let mut charts = Vec::new();
    for case in &ladder.cases {
        let is_known = |key: &&str| case.steps.iter().any(|rung| rung.figures.contains_key(*key));
        let figures = LADDER_FIGURES.into_iter().filter(is_known).filter_map(|key| Figure::parse(key).ok());
        let figures: Vec<Figure> = figures.collect();
        charts.extend(figures.iter().map(|figure| waterfall(case, *figure)));
        charts.extend(figures.iter().map(|figure| left_out(case, *figure)));
    }
    charts.retain(has_values);
    charts
}

fn waterfall(case: &Case, figure: Figure) -> Chart<'_> {
    let name = format!("waterfall-{}-{}", slug(&case.name), slug(&figure.key()));
    let label = format!("{} step by step, {}", figure.name(), case.name);
    let drawn = chart((Section::Ladder, name, label), None, move |theme| chart::waterfall(case, figure, theme));
    Chart { least_height: chart::waterfall_height(case.steps.len()), ..drawn }
}

fn left_out(case: &Case, figure: Figure) -> Chart<'_> {
    let name = format!("left-out-{}-{}", slug(&case.name), slug(&figure.key()));
    let label = format!("{} with each option left out, {}", figure.name(), case.name);
    let drawn = chart((Section::LeftOut, name, label), None, move |theme| chart::left_out(case, figure, theme));
    Chart { least_height: chart::left_out_height(case.without.len()), ..drawn }
}

/// Letters and digits with hyphens between them, for names of files.
fn slug(text: &str) -> String {
    text.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-")
}
