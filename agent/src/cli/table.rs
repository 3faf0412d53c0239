//! Owns how a run's figures look in a terminal.
//! Must not know how they came about.

use comfy_table::{CellAlignment, Table, presets};
use shared::summary::{Distribution, Percentile, Summary};
use shared::units::{ns_to_ms, ns_to_s};
use shared::view::RunView;

/// Three significant digits; absent is a dash and never a zero.
#[must_use]
pub fn number(value: Option<f64>) -> String {
    let Some(value) = value else { return "—".into() };
    let digits = if value == 0.0 { 2 } else { (2 - value.abs().log10().floor() as i64).clamp(0, 6) as usize };
    format!("{value:.digits$}")
}

fn percentile(value: Percentile) -> String {
    match value {
        Percentile::Ms(ms) => number(Some(ms)),
        Percentile::AtLeastMs(ms) => format!("≥ {}", number(Some(ms))),
        Percentile::Needs(n) => format!("needs n ≥ {n}"),
    }
}

fn latency(d: &Distribution) -> [String; 3] {
    [format!("{} (n={})", number(d.mean_ms), d.n), percentile(d.p50), percentile(d.p99)]
}

/// The table of points, then verdict and caveats, as printed at the end of a run.
#[must_use]
pub fn render(view: &RunView) -> String {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header([
        "level",
        "ok/tried",
        "TTFT mean ms",
        "p50",
        "p99",
        "TPOT mean ms",
        "p50",
        "p99",
        "output tok/s",
        "req/s",
        "$/Mtok",
    ]);
    for point in &view.points {
        let mut row = vec![point.level.short()];
        match &point.summary {
            Some(summary) => row.extend(figures(summary)),
            None => row.extend(vec!["—".to_owned(); 10]),
        }
        table.add_row(row);
    }
    table.column_iter_mut().for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    let mut text = format!("{table}\n");
    if let Some(search) = &view.search {
        text.push_str(&format!("Search: {}\n", search.sentence()));
    }
    if let Some(verdict) = view.verdict() {
        text.push_str(&format!("Verdict: {}\n", verdict.label()));
    }
    for finding in view.findings.iter().flatten() {
        let level = view.points.get(finding.point as usize).map(|p| p.level.words()).unwrap_or_default();
        text.push_str(&format!("  at {level}: {}\n", finding.rule.sentence()));
    }
    for caveat in &view.caveats {
        text.push_str(&format!("  note: {}\n", caveat.sentence()));
    }
    text
}

fn figures(s: &Summary) -> Vec<String> {
    let mut row = vec![format!("{}/{}", s.ok, s.attempted)];
    row.extend(latency(&s.ttft));
    row.extend(latency(&s.tpot));
    row.extend([
        number(s.output_throughput),
        number(s.request_throughput),
        number(s.cost_per_mtok_output.map(|c| c.0)),
    ]);
    row
}

/// One line of what happens now.
#[must_use]
pub fn live_line(view: &RunView) -> String {
    let (done, total) = view.progress();
    let of = total.map(|n| format!("/{n}")).unwrap_or_default();
    let now = (done + 1).min(total.unwrap_or(u32::MAX).max(1));
    let mut line = format!("{} · trial {now}{of}", view.run_state().label());
    if let Some((_, trial)) = view.current_trial() {
        let level = view.points.get(trial.point as usize).map(|p| p.level.words()).unwrap_or_default();
        line.push_str(&format!(" · {level}: {} in flight now · {} ok", view.in_flight, trial.ended.ok));
        if trial.ended.failed > 0 {
            line.push_str(&format!(", {} failed", trial.ended.failed));
        }
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
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_significant_digits_and_absence_is_a_dash() {
        for (value, expect) in [
            (Some(0.0), "0.00"),
            (Some(0.012_34), "0.0123"),
            (Some(1.234), "1.23"),
            (Some(12.34), "12.3"),
            (Some(123.4), "123"),
            (Some(12345.0), "12345"),
            (None, "—"),
        ] {
            assert_eq!(number(value), expect, "{value:?}");
        }
    }
}
