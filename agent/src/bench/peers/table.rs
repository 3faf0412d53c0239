//! Owns how the comparison with other tools is written: what each reported beside what was true, and errors beside ours.
//! Must not know how the figures were had.

use super::compared::Compared;
use super::{Peer, PeerRow, PeersArgs};
use crate::bench::figures::{Pair, median};
use crate::bench::table::{SERVER_LATE_LIMIT_MS, begin, line, number};

/// Name of our own rows.
pub(super) const OURS: &str = "Tokenprism";

/// The section.
pub(super) fn markdown(args: &PeersArgs, peers: &[Peer], rows: &[PeerRow]) -> String {
    let mut text = String::new();
    line(&mut text, "\n## Peers\n");
    line(
        &mut text,
        &format!(
            "Load tools that people use today, in the same call, against the same server: its core is the server's and \
             theirs is the load generator's, with all their processes. The same answers; requests four times the \
             streams, at least 128 more than streams; trials in turns, medians of {}. Each cell is reported / true \
             (ratio), – where a tool does not say. TPOT: time per output token after the first, which GuideLLM, AIPerf \
             and inference-benchmarker call inter-token latency. Tokens/CPU-s: true tokens for a second of CPU time of \
             all processes of a tool, from its first request to the last token; its start and its report do not count. \
             All get a tokenizer that takes each token of the server for one token, and have no network.\n",
            args.peer_repeats
        ),
    );
    peers.iter().for_each(|peer| line(&mut text, &presence(peer)));
    figures(&mut text, rows);
    errors(&mut text, rows);
    text
}

fn presence(peer: &Peer) -> String {
    let tool = peer.tool;
    match &peer.found {
        Some(found) => {
            let version = found.version.as_deref().unwrap_or("of unknown version");
            format!("- {} {version}: {}.", tool.title, tool.setting)
        }
        None => format!(
            "- {}: not present. `{}`, then put `{}` on PATH or name it: `--peer-command {}=COMMAND`.",
            tool.title, tool.install, tool.program, tool.program
        ),
    }
}

/// The table of what was reported and what was true.
fn figures(text: &mut String, rows: &[PeerRow]) {
    let head = [
        "streams",
        "tool",
        "answered",
        "in flight",
        "TTFT mean",
        "TTFT p99",
        "TPOT mean",
        "TPOT p99",
        "tokens",
        "tokens/s",
        "tokens/CPU-s",
        "server late p99",
        "notes",
    ];
    begin(text, "### Reported and true", &head);
    for row in rows {
        let one = |figure: fn(&Compared) -> Option<f64>, digits| number(median(&row.trials, figure), digits);
        let cells = [
            row.streams.to_string(),
            row.title.to_owned(),
            cell(row, |c| c.completed, 0),
            cell(row, |c| c.in_flight, 0),
            cell(row, |c| c.ttft_mean_ms, 2),
            cell(row, |c| c.ttft_p99_ms, 2),
            cell(row, |c| c.tpot_mean_ms, 2),
            cell(row, |c| c.tpot_p99_ms, 2),
            cell(row, |c| c.tokens, 0),
            cell(row, |c| c.tokens_per_s, 0),
            one(|c| c.tokens_per_cpu_s, 0),
            one(|c| c.server_late_p99_ms, 2),
            notes(row).join("; "),
        ];
        line(text, &format!("| {} |", cells.join(" | ")));
    }
}

/// The table of errors, each beside ours at the same number of streams.
fn errors(text: &mut String, rows: &[PeerRow]) {
    let head = [
        "streams",
        "tool",
        "TTFT mean, error ms",
        "of ours",
        "TTFT p99, error ms",
        "of ours",
        "TPOT mean, error ms",
        "in flight, of those asked",
        "our tokens/CPU-s, of theirs",
    ];
    begin(text, "### Errors, and times ours", &head);
    for row in rows {
        let ours = rows.iter().find(|other| other.streams == row.streams && other.title == OURS);
        let speed = |row: &PeerRow| median(&row.trials, |c| c.tokens_per_cpu_s);
        let true_peak = median(&row.trials, |c| c.in_flight.truth);
        let mut cells = vec![row.streams.to_string(), row.title.to_owned()];
        let pairs: [fn(&Compared) -> Pair; 2] = [|c| c.ttft_mean_ms, |c| c.ttft_p99_ms];
        for pair in pairs {
            cells.push(number(error(row, pair), 2));
            cells.push(times(error(row, pair).map(f64::abs), ours.and_then(|ours| error(ours, pair)).map(f64::abs)));
        }
        cells.push(number(error(row, |c| c.tpot_mean_ms), 2));
        cells.push(number(true_peak.map(|peak| peak / f64::from(row.streams)), 2));
        cells.push(times(ours.and_then(speed), speed(row)));
        line(text, &format!("| {} |", cells.join(" | ")));
    }
}

fn error(row: &PeerRow, pair: fn(&Compared) -> Pair) -> Option<f64> {
    median(&row.trials, |compared| pair(compared).error())
}

/// How many times one is the other; absent where the other is nothing.
fn times(one: Option<f64>, other: Option<f64>) -> String {
    let ratio = Pair { reported: one, truth: other }.ratio();
    ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{} ×", number(Some(ratio), if ratio < 10.0 { 1 } else { 0 })))
}

/// Reported, true, and the first divided by the second.
fn cell(row: &PeerRow, pair: fn(&Compared) -> Pair, digits: usize) -> String {
    let pair = Pair {
        reported: median(&row.trials, |compared| pair(compared).reported),
        truth: median(&row.trials, |compared| pair(compared).truth),
    };
    let (reported, truth) = (number(pair.reported, digits), number(pair.truth, digits));
    match pair.ratio() {
        Some(ratio) => format!("{reported} / {truth} ({ratio:.2})"),
        None => format!("{reported} / {truth}"),
    }
}

fn notes(row: &PeerRow) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(failure) = &row.failure {
        // A cell of the table is one line.
        notes.push(format!("gave no result: {}", failure.replace('|', "/").replace('\n', " · ")));
    }
    let failed: f64 = row.trials.iter().filter_map(|compared| compared.failed).sum();
    if failed > 0.0 {
        notes.push(format!("says that {failed} requests failed"));
    }
    if median(&row.trials, |compared| compared.server_late_p99_ms).is_some_and(|ms| ms > SERVER_LATE_LIMIT_MS) {
        notes.push("server-limited".to_owned());
    }
    notes
}
