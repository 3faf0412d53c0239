//! Owns how the bench's figures are written: Markdown with the machine, the date, and marks where a row is doubtful.
//! Must not know how figures were had.

use super::client::ClientBench;
use super::figures::{Figures, Pair, median};
use super::peers;
use super::report;
use super::scenario::{FULL_SPEED_CHUNKS_PER_WRITE, Load, Scenario};
use std::fmt::Write as _;

/// Lateness of the pacing server above which a row says more of it than of the reader, ms.
pub(super) const SERVER_LATE_LIMIT_MS: f64 = 2.0;

/// All trials of one row.
pub(super) struct Row {
    /// What was asked.
    pub scenario: Scenario,
    /// Trials of the load generator.
    pub client: Vec<Figures>,
    /// Trials of the raw reader.
    pub raw: Vec<Figures>,
    /// What a request that failed said.
    pub error: Option<String>,
}

/// What the trials have in common.
pub(super) struct Setting<'a> {
    /// Whether reader and server have a core each.
    pub bound: bool,
    /// What was asked for.
    pub args: &'a ClientBench,
}

/// The tables, with what is needed to read and repeat them.
pub(super) fn markdown(setting: &Setting<'_>, rows: &[Row]) -> String {
    let mut text = preamble(setting);
    let (streams, schedules): (Vec<&Row>, Vec<&Row>) =
        rows.iter().partition(|row| matches!(row.scenario.load, Load::Streams { .. }));
    table(&mut text, "Load generator", STREAMS, &streams, |row| &row.client);
    table(&mut text, "Raw reader", STREAMS, &streams, |row| &row.raw);
    if !schedules.is_empty() {
        table(&mut text, "Open loop", OPEN_LOOP, &schedules, |row| &row.client);
    }
    text
}

fn preamble(setting: &Setting<'_>) -> String {
    let ClientBench { tokens, ttft_ms, gap_ms, repeats, .. } = setting.args;
    let cores = match setting.bound {
        true => "reader and pacing server bound to one core each",
        false => "reader and pacing server share one core: both are late together",
    };
    let command = format!("client{}", options(setting.args));
    let mut text = report::head("The load generator against a server that knows the truth", cores, &command);
    text.push_str(&format!(
        "- Each request: {tokens} tokens, first after {ttft_ms} ms, then one every {gap_ms} ms, over loopback. \
         Medians of {repeats} trials, each in a new process.\n\n\
         True: by the pacing server's own account, from the read that completed the request to just before the write. \
         Error: reported − true. Apart: 99th percentile over requests of |reported − true|. All times in ms. \
         A row is server-limited where the server wrote over {SERVER_LATE_LIMIT_MS} ms late at the 99th percentile. \
         At full speed the server puts {FULL_SPEED_CHUNKS_PER_WRITE} chunks into each write, and requests and tokens \
         wait in buffers, which no account sees: that row is for tokens per CPU-second.\n"
    ));
    text
}

/// The options that differ from nothing: what repeats this bench.
fn options(args: &ClientBench) -> String {
    let streams: Vec<String> = args.streams.iter().map(u32::to_string).collect();
    format!(
        " --streams {} --tokens {} --ttft-ms {} --gap-ms {} --repeats {} --full-speed-streams {} --many-streams {} \
         --long-prompt-tokens {} --rate {} --rate-seconds {}{}",
        streams.join(","),
        args.tokens,
        args.ttft_ms,
        args.gap_ms,
        args.repeats,
        args.full_speed_streams,
        args.many_streams,
        args.long_prompt_tokens,
        args.rate,
        args.rate_seconds,
        peers::options(&args.peers),
    )
}

/// Some columns of a table that belong together: their heads and a row's cells, both with ` | ` between them.
struct Columns {
    head: &'static str,
    cells: fn(&Row, &[Figures]) -> String,
}

const fn columns(head: &'static str, cells: fn(&Row, &[Figures]) -> String) -> Columns {
    Columns { head, cells }
}

const NAME: fn(&Row, &[Figures]) -> String = |row, _| row.scenario.name.clone();
const OK: fn(&Row, &[Figures]) -> String =
    |_, trials| format!("{} / {}", middle(trials, |f| Some(f.ok), 0), middle(trials, |f| Some(f.attempted), 0));
const IN_FLIGHT: Columns = columns("in flight", |_, trials| middle(trials, |f| Some(f.in_flight), 0));
const TTFT_MEAN: Columns = columns("TTFT mean | true | error", |_, trials| pair(trials, |f| f.ttft_mean_ms));
const TTFT_P99: Columns = columns("TTFT p99 | true | error", |_, trials| pair(trials, |f| f.ttft_p99_ms));
const TOKENS_PER_CPU_S: Columns = columns("tokens/CPU-s", |_, trials| middle(trials, |f| f.tokens_per_cpu_s, 0));
const NOTES: Columns = columns("notes", |row, trials| notes(row, trials).join("; "));

/// Streams that are kept open.
const STREAMS: &[Columns] = &[
    columns("streams", NAME),
    columns("ok / begun", OK),
    IN_FLIGHT,
    TTFT_MEAN,
    TTFT_P99,
    columns("apart", |_, trials| middle(trials, |f| f.ttft_apart_p99_ms, 2)),
    columns("gap p99 | true | error", |_, trials| pair(trials, |f| f.gap_p99_ms)),
    columns("tokens/s", |_, trials| middle(trials, |f| f.tokens_per_s, 0)),
    TOKENS_PER_CPU_S,
    columns("peak MiB", |_, trials| middle(trials, |f| f.peak_mib, 1)),
    columns("KiB a stream", |_, trials| middle(trials, |f| Some(f.peak_mib? * 1024.0 / f.in_flight), 1)),
    columns("reader late p99", |_, trials| middle(trials, |f| f.late_p99_ms, 2)),
    columns("server late p99", |row, trials| match row.scenario.is_paced() {
        true => middle(trials, |f| f.server_late_p99_ms, 2),
        false => "not paced".to_owned(),
    }),
    NOTES,
];

/// Schedules: whether what was due was sent, and when.
const OPEN_LOOP: &[Columns] = &[
    columns("offered", NAME),
    columns("ok / due", OK),
    columns("sent/s", |_, trials| middle(trials, |f| f.sent_per_s, 2)),
    columns("due to sent p99", |_, trials| middle(trials, |f| f.due_to_sent_p99_ms, 3)),
    IN_FLIGHT,
    TTFT_MEAN,
    TTFT_P99,
    TOKENS_PER_CPU_S,
    columns("server late p99", |_, trials| middle(trials, |f| f.server_late_p99_ms, 2)),
    NOTES,
];

/// A table of those rows that have trials.
fn table(text: &mut String, title: &str, columns: &[Columns], rows: &[&Row], of: fn(&Row) -> &[Figures]) {
    let head: Vec<&str> = columns.iter().flat_map(|columns| columns.head.split(" | ")).collect();
    begin(text, &format!("## {title}"), &head);
    for row in rows.iter().filter(|row| !of(row).is_empty()) {
        let cells: Vec<String> = columns.iter().map(|columns| (columns.cells)(row, of(row))).collect();
        line(text, &format!("| {} |", cells.join(" | ")));
    }
}

/// A title, which says its own level, and the head of a table below it.
pub(super) fn begin(text: &mut String, title: &str, head: &[&str]) {
    line(text, &format!("\n{title}\n"));
    line(text, &format!("| {} |", head.join(" | ")));
    line(text, &format!("|{}", "---|".repeat(head.len())));
}

/// Reported, true and error.
fn pair(trials: &[Figures], pair: fn(&Figures) -> Pair) -> String {
    let part = |f: fn(&Pair) -> Option<f64>| number(median(trials, |t| f(&pair(t))), 2);
    [part(|p| p.reported), part(|p| p.truth), part(Pair::error)].join(" | ")
}

/// The median over trials.
fn middle(trials: &[Figures], figure: fn(&Figures) -> Option<f64>, digits: usize) -> String {
    number(median(trials, figure), digits)
}

/// Adds a line.
pub(super) fn line(text: &mut String, line: &str) {
    // Writing to a String cannot fail.
    if writeln!(text, "{line}").is_err() {
        text.push('\n');
    }
}

fn notes(row: &Row, trials: &[Figures]) -> Vec<String> {
    let mut notes = Vec::new();
    let sum = |figure: fn(&Figures) -> f64| trials.iter().map(figure).sum::<f64>();
    if row.scenario.is_paced() && median(trials, |f| f.server_late_p99_ms).is_some_and(|ms| ms > SERVER_LATE_LIMIT_MS) {
        notes.push("server-limited".to_owned());
    }
    let failed = sum(|f| f.attempted - f.ok);
    if failed > 0.0 {
        notes.push(format!("{failed} requests failed: {}", row.error.as_deref().unwrap_or("no reason given")));
    }
    let contradictions = sum(|f| f.contradictions);
    if contradictions > 0.0 {
        notes.push(format!("account and reader disagree on {contradictions} requests"));
    }
    let blocked = sum(|f| f.blocked_writes);
    if blocked > 0.0 {
        notes.push(format!("{blocked} writes waited for the reader"));
    }
    notes
}

/// A figure, or a dash where it is absent.
pub(super) fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.digits$}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doubtful_row_says_why() {
        let late = Figures { server_late_p99_ms: Some(2.5), attempted: 3.0, ok: 2.0, ..Figures::default() };
        let row = |figures, paced: bool| {
            let scenario = Scenario {
                name: "1".to_owned(),
                load: Load::Streams { streams: 1, requests: 1 },
                tokens: 1,
                prompt_tokens: 0,
                ttft_ms: 0.0,
                gap_ms: f64::from(u8::from(paced)),
                chunks_per_write: 1,
            };
            Row { scenario, client: vec![figures], raw: vec![], error: None }
        };
        let check = |row: Row, expect: &[&str]| assert_eq!(notes(&row, &row.client), expect);
        check(row(late, true), &["server-limited", "1 requests failed: no reason given"]);
        check(row(late, false), &["1 requests failed: no reason given"]);
        check(row(Figures { server_late_p99_ms: Some(2.0), ..Figures::default() }, true), &[]);
        let denied = Figures { contradictions: 2.0, blocked_writes: 1.0, ..Figures::default() };
        check(row(denied, true), &["account and reader disagree on 2 requests", "1 writes waited for the reader"]);
    }
}
