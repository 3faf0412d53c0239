//! Owns how a run's figures look in a terminal.
//! Must not know how they came about.

use comfy_table::{CellAlignment, Table, presets};
use shared::calendar;
use shared::outcome::Outcome;
use shared::roofline::Limit;
use shared::summary::{Distribution, Percentile, Summary};
use shared::telemetry::{Bucketed, ServerLatency};
use shared::units::{ns_to_ms, ns_to_s};
use shared::view::{PointView, RunView};

/// Three significant digits; absent is a dash and never a zero.
#[must_use]
pub fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "—".to_owned(), |value| digits(value, 3))
}

/// A time as a date and a clock of UTC.
pub(super) fn utc(unix_ms: u64) -> String {
    let seconds = i64::try_from(unix_ms / 1_000).unwrap_or(i64::MAX);
    let ((year, month, day), (hour, minute, _)) = calendar::date_and_clock(seconds);
    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
}

/// A number with this many significant digits, whole ones never cut.
fn digits(value: f64, significant: i64) -> String {
    let after =
        if value == 0.0 { 2 } else { (significant - 1 - value.abs().log10().floor() as i64).clamp(0, 6) as usize };
    format!("{value:.after$}")
}

fn percentile(value: Percentile) -> String {
    match value {
        Percentile::Ms(ms) => number(Some(ms)),
        Percentile::AtLeastMs(ms) => format!("≥ {}", number(Some(ms))),
        Percentile::Needs(n) => format!("needs n ≥ {n}"),
        Percentile::Unknown => number(None),
    }
}

/// A percentile out of a server's histogram, with the bounds of its bucket.
fn bucketed(of: Bucketed) -> String {
    let bound = |ms: f64| digits(ms, 3);
    match (of.ms, of.up_to_ms) {
        (Some(ms), Some(up_to_ms)) => format!("≈{} ({}–{})", bound(ms), bound(of.above_ms), bound(up_to_ms)),
        _ => format!("> {}", bound(of.above_ms)),
    }
}

/// A table of one row a point.
struct Columns<'a> {
    view: &'a RunView,
    heads: Vec<String>,
    columns: Vec<Vec<String>>,
}

impl<'a> Columns<'a> {
    fn new(view: &'a RunView) -> Self {
        Self { view, heads: Vec::new(), columns: Vec::new() }.with("level", |point| Some(point.short()))
    }

    /// Adds a column; a cell that is absent is a dash.
    fn with(mut self, head: &str, cell: impl Fn(&PointView) -> Option<String>) -> Self {
        self.heads.push(head.to_owned());
        let cells = self.view.points.iter().map(|point| cell(point).unwrap_or_else(|| "—".to_owned()));
        self.columns.push(cells.collect());
        self
    }

    /// Adds a column where any point has a cell in it.
    fn with_any(self, head: &str, cell: impl Fn(&PointView) -> Option<String>) -> Self {
        if self.view.points.iter().any(|point| cell(point).is_some()) { self.with(head, cell) } else { self }
    }

    /// Adds a latency: its mean with n, then p50 and p99, each with its interval where there are repeats.
    fn with_latency(self, name: &str, key: &str, latency: impl Fn(&Summary) -> &Distribution) -> Self {
        let of = |point: &PointView, what: &str, cell: &dyn Fn(&Distribution) -> String| {
            let cell = cell(latency(point.summary.as_ref()?));
            Some(format!("{cell}{}", plus_minus(point, &format!("{key}.{what}"))))
        };
        self.with(&format!("{name} mean ms"), |point| {
            let mean = of(point, "mean", &|d| number(d.mean_ms))?;
            Some(match latency(point.summary.as_ref()?).n {
                Some(n) => format!("{mean} (n={n})"),
                None => mean,
            })
        })
        .with("p50", |point| of(point, "p50", &|d| percentile(d.p50)))
        .with("p99", |point| of(point, "p99", &|d| percentile(d.p99)))
    }

    /// Adds a figure with its interval, where any point has it.
    fn with_figure(self, head: &str, key: &str, figure: impl Fn(&Summary) -> Option<f64>) -> Self {
        self.with_any(head, |point| {
            let value = figure(point.summary.as_ref()?)?;
            Some(format!("{}{}", number(Some(value)), plus_minus(point, key)))
        })
    }
}

impl std::fmt::Display for Columns<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Before any point was measured there is nothing but their levels to say.
        if self.heads.len() == 1 {
            return Ok(());
        }
        let mut table = Table::new();
        table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
        table.set_header(&self.heads);
        for row in 0..self.view.points.len() {
            table.add_row(self.columns.iter().map(|column| &column[row]));
        }
        table.column_iter_mut().for_each(|column| column.set_cell_alignment(CellAlignment::Right));
        writeln!(f, "{table}")
    }
}

/// Half the width of a figure's interval over repeats, which its own spread gives no third digit; nothing without one.
fn plus_minus(point: &PointView, key: &str) -> String {
    point.intervals.get(key).map(|i| format!("±{}", digits(i.half_width, 2))).unwrap_or_default()
}

/// How many requests ended well, and how many there were.
fn ok_of_tried(point: &PointView) -> Option<String> {
    point.summary.as_ref().map(|s| format!("{}/{}", s.ok, s.attempted))
}

/// Requests that were due and never sent; open loop only.
fn unsent(summary: &Summary) -> Option<u64> {
    summary.offered_rate?;
    Some(summary.outcomes.get(&Outcome::Unsent).copied().unwrap_or(0))
}

/// What the hardware allows at each point, and how much of that was reached; nothing where that is unknown.
fn limits(view: &RunView) -> String {
    type Figure = fn(&Limit) -> Option<f64>;
    let of = |figure: Figure, cell: fn(f64) -> String| {
        move |point: &PointView| figure(point.summary.as_ref()?.limit.as_ref()?).map(cell)
    };
    let plain: fn(f64) -> String = |value| number(Some(value));
    let percent: fn(f64) -> String = |share| format!("{} %", digits(share * 100.0, 3));
    let table = Columns::new(view)
        .with_any("least TPOT ms", of(|limit| limit.tpot_floor_ms, plain))
        .with_any("reached", of(|limit| limit.of_tpot, percent))
        .with_any("most output tok/s", of(|limit| limit.throughput_ceiling, plain))
        .with_any("reached", of(|limit| limit.of_throughput, percent))
        .with_any("least TTFT ms", of(|limit| limit.ttft_floor_ms, plain))
        .with_any("reached", of(|limit| limit.of_ttft, percent));
    let table = table.to_string();
    if !table.is_empty() {
        return format!(
            "{table}Least and most are what the memory and the arithmetic of the GPUs allow (docs/limits.md).\n"
        );
    }
    // Nobody expects a limit where there is no GPU.
    let has_gpus = view.engine.as_ref().is_some_and(|engine| !engine.gpus.is_empty());
    let why = view.points.iter().find_map(|point| point.summary.as_ref()?.no_limit.as_ref()).filter(|_| has_gpus);
    why.map(|why| format!("What the hardware allows is unknown: {why}\n")).unwrap_or_default()
}

/// What the run cost, by which prices; nothing where no engine was ready, or had no GPU.
fn money(view: &RunView) -> String {
    let has_gpus = view.engines.iter().any(|engine| !engine.gpus.is_empty());
    let Some(life) = view.spending.lives.last().filter(|life| has_gpus || life.pricing.price.is_some()) else {
        return String::new();
    };
    match (view.spending.usd(view.last_ns), &life.pricing.price, life.pricing.gpus) {
        (Some(usd), Some(price), Some(gpus)) => format!(
            "Cost: {} USD from when the engine was ready until it was gone, {gpus} × {} USD per GPU-hour ({}).\n",
            digits(usd, 3),
            price.usd_per_gpu_hour.0,
            price.origin.words()
        ),
        _ => life.pricing.reason.as_ref().map(|why| format!("Cost: unknown. {why}\n")).unwrap_or_default(),
    }
}

/// The tables of points, latencies and rates, then verdict and caveats, as printed at the end of a run.
#[must_use]
pub fn render(view: &RunView) -> String {
    let open = view.header.as_ref().is_some_and(|header| header.plan.load.arrival.is_open());
    let latencies = Columns::new(view).with("ok/tried", ok_of_tried);
    // Under an open loop a late send is the user's wait, too: the headline counts from the instant it was due.
    let latencies = if open {
        latencies.with_latency("TTFT from due,", "ttft_scheduled", |s| &s.ttft_scheduled)
    } else {
        latencies.with_latency("TTFT", "ttft", |s| &s.ttft)
    };
    let latencies = latencies.with_latency("TPOT", "tpot", |s| &s.tpot);
    let count = |n: Option<u64>| n.map(|n| n.to_string());
    let rates = Columns::new(view)
        .with_figure("output tok/s", "output_throughput", |s| s.output_throughput)
        .with_figure("req/s", "request_throughput", |s| s.request_throughput)
        .with_figure("due/s", "offered_rate", |s| s.offered_rate)
        .with_figure("sent/s", "sent_rate", |s| s.sent_rate)
        .with_any("late", |point| count(point.summary.as_ref()?.sent_late))
        .with_any("unsent", |point| count(unsent(point.summary.as_ref()?)))
        .with_figure("goodput req/s", "goodput", |s| s.goodput?.requests_per_s)
        .with_any("met", |point| point.summary.as_ref()?.goodput.map(|g| format!("{}/{}", g.met, g.of)))
        .with_figure("$/Mtok", "cost_per_mtok", |s| s.cost_per_mtok_output.map(|c| c.0));
    let server = |point: &PointView| point.summary.as_ref()?.server.as_ref()?.ttft.clone();
    let of_server = |latency: fn(&ServerLatency) -> Option<Bucketed>| {
        move |point: &PointView| server(point).as_ref().and_then(latency).map(bucketed)
    };
    let machine = Columns::new(view)
        .with_any("server's TTFT mean ms", |point| {
            let ttft = server(point)?;
            Some(format!("{} (n={})", number(ttft.mean_ms), ttft.n))
        })
        .with_any("p50", of_server(|ttft| ttft.p50))
        .with_any("p99", of_server(|ttft| ttft.p99))
        .with_figure("J/token", "energy_per_token", |s| s.energy?.joules_per_token)
        .with_figure("tok/s per W", "tokens_per_joule", |s| s.energy?.tokens_per_joule);
    let (limits, money) = (limits(view), money(view));
    let mut text = format!("{latencies}{rates}{machine}{}{limits}{money}", kv_cache(view));
    if view.points.iter().any(|point| !point.intervals.is_empty()) {
        text.push_str("± is half the interval over repeats at 95 %.\n");
    }
    for (point, kv) in view.points.iter().filter_map(|point| Some((point, point.summary.as_ref()?.kv.as_ref()?))) {
        if let Some(sentence) = kv.fill_sentence() {
            text.push_str(&format!("At {}: {sentence}\n", point.words()));
        }
    }
    if let Some(search) = &view.search {
        text.push_str(&format!("Search: {}\n", search.sentence()));
    }
    if let Some(verdict) = view.verdict() {
        text.push_str(&format!("Verdict: {}\n", verdict.label()));
    }
    for finding in view.findings.iter().flatten() {
        let level = view.points.get(finding.point as usize).map(|p| p.words()).unwrap_or_default();
        text.push_str(&format!("  at {level}: {}\n", finding.rule.sentence()));
    }
    for failure in &view.failures {
        let variant = view.points.iter().find(|point| point.configuration == failure.configuration);
        let variant = variant.map(|point| point.variant.as_str()).unwrap_or_default();
        text.push_str(&format!("  failed with {variant}: {}\n", failure.reason));
    }
    for caveat in &view.caveats {
        text.push_str(&format!("  note: {}\n", caveat.sentence()));
    }
    if let (Some(cost), Some(began)) = (view.telemetry.observer.figures(), &view.telemetry.began) {
        text.push_str(&format!("{}\n", cost.sentence(began.rate_hz)));
    }
    text
}

/// The table of KV caches and of device memory beside them; what no engine tells has no column.
fn kv_cache(view: &RunView) -> Columns<'_> {
    const GIB: f64 = (1u64 << 30) as f64;
    let kv = |point: &PointView| point.summary.as_ref()?.kv.clone();
    let peak = move |point: &PointView| kv(point)?.peak;
    let gib = |bytes: Option<u64>| bytes.map(|bytes| number(Some(bytes as f64 / GIB)));
    let count = |n: Option<u64>| n.map(|n| n.to_string());
    Columns::new(view)
        .with_any("KV peak %", |point| Some(number(Some(peak(point)?.share? * 100.0))))
        .with_any("tokens", |point| count(peak(point)?.tokens))
        .with_any("of", |point| count(kv(point)?.capacity.tokens))
        .with_any("GiB", |point| gib(peak(point)?.bytes))
        .with_any("measured GiB", |point| gib(peak(point)?.measured_bytes))
        .with_any("theory tokens", |point| count(peak(point)?.theory.map(|theory| theory.tokens)))
        .with_any("GiB", |point| gib(peak(point)?.theory?.bytes))
        .with_any("running", |point| count(kv(point)?.running_most))
        .with_any("waiting", |point| count(kv(point)?.waiting_most))
        .with_any("preempted", |point| count(kv(point)?.preemptions))
        .with_any("above idle GiB", |point| gib(kv(point)?.memory?.bytes()))
}

/// One line of what happens now.
#[must_use]
pub fn live_line(view: &RunView) -> String {
    let (done, total) = view.progress();
    let of = total.map(|n| format!("/{n}")).unwrap_or_default();
    let now = (done + 1).min(total.unwrap_or(u32::MAX).max(1));
    let mut line = format!("{} · trial {now}{of}", view.run_state().label());
    if let Some((_, trial)) = view.current_trial() {
        let level = view.points.get(trial.point as usize).map(|p| p.words()).unwrap_or_default();
        line.push_str(&format!(" · {level}: {} in flight now · {} ok", view.in_flight, trial.ended.ok));
        if trial.ended.failed > 0 {
            line.push_str(&format!(", {} failed", trial.ended.failed));
        }
    }
    if let Some(usd) = view.spending.usd(view.last_ns) {
        line.push_str(&format!(" · {} USD so far", digits(usd, 3)));
    }
    // The last whole bin: the one under way would read too low.
    if let Some(bin) = view.series.bins.iter().rev().nth(1) {
        let tokens = bin.millitokens as f64 / 1000.0 / ns_to_s(view.series.width_ns());
        line.push_str(&format!(" · ≈ {} tok/s", number(Some(tokens))));
        if let Some(ttft) = bin.ttft.percentile_ns(50) {
            line.push_str(&format!(" · TTFT p50 ≈ {} ms", number(Some(ns_to_ms(ttft)))));
        }
    }
    line
}

#[cfg(test)]
mod tests;
