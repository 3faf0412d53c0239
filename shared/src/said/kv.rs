//! Owns the figures of an engine's KV cache as text, point by point: how full it was, by arithmetic too, what fills it.
//! Must not know how any of it is read or computed, nor elements.

use crate::format;
use crate::telemetry::{FillSign, KvFigures, KvFill, KvTheory};
use crate::units::ns_to_s;
use crate::view::{PointView, RunView};

/// One figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Its name.
    pub label: &'static str,
    /// The metric that the label leads to.
    pub metric: &'static str,
    /// The value with its unit.
    pub value: String,
    /// What must be said beside it; empty for nothing.
    pub note: String,
}

fn line(label: &'static str, metric: &'static str, value: String, note: String) -> Line {
    Line { label, metric, value, note }
}

/// What is known of a cache.
fn lines(kv: &KvFigures) -> Vec<Line> {
    let mut lines = Vec::new();
    let peak = kv.peak.as_ref();
    let of = |all: Option<String>| all.map(|all| format!("of {all}")).unwrap_or_default();
    if let Some((peak, share)) = peak.and_then(|peak| Some((peak, peak.share?))) {
        let with = peak.running.map(|n| format!(" with {} running", format::count(n))).unwrap_or_default();
        let when = format!("{:.1} s into the run{with}", ns_to_s(peak.at_ns));
        lines.push(line("Fullest", "kv_usage", format::share(share), when));
    }
    if let Some(tokens) = peak.and_then(|peak| peak.tokens) {
        lines.push(line("Tokens then", "kv_usage", format::count(tokens), of(kv.capacity.tokens.map(format::count))));
    }
    if let Some(bytes) = peak.and_then(|peak| peak.bytes) {
        lines.push(line("Bytes then", "kv_usage", format::bytes(bytes), of(kv.capacity.bytes.map(format::bytes))));
    }
    if let Some(bytes) = peak.and_then(|peak| peak.measured_bytes) {
        let all = of(kv.capacity.bytes.map(format::bytes));
        lines.push(line(
            "Measured",
            "kv_bytes",
            format::bytes(bytes),
            format!("of its tensors {all}").trim().to_owned(),
        ));
    }
    if let Some(theory) = peak.and_then(|peak| peak.theory) {
        let bytes = theory.bytes.map(|bytes| format!(", {}", format::bytes(bytes))).unwrap_or_default();
        let value = format!("{} tokens{bytes}", format::count(theory.tokens));
        lines.push(line("By arithmetic", "kv_bytes", value, theory_words(&theory)));
    }
    if let Some(most) = kv.running_most {
        let waiting = kv.waiting_most.map(|n| format!("{} waiting", format::count(n))).unwrap_or_default();
        lines.push(line("Most running", "kv_usage", format::count(most), waiting));
    }
    if let Some(preemptions) = kv.preemptions {
        lines.push(line("Preempted", "kv_preemptions", format::count(preemptions), String::new()));
    }
    match kv.fill {
        Some(KvFill::At { running, sign, .. }) => {
            lines.push(line(
                "Full with",
                "kv_fill",
                format!("{} running", format::count(running)),
                sign_words(sign).to_owned(),
            ));
        }
        Some(KvFill::Not { share, .. }) => {
            lines.push(line(
                "Full with",
                "kv_fill",
                "never full".to_owned(),
                format!("at most {}", format::share(share)),
            ));
        }
        None => {}
    }
    if let Some(predicted) = kv.predicted {
        let value = format!("{} at their end", format::count(predicted.at_end.ceil() as u64));
        let (tokens, on_way) =
            (format::bare(Some(predicted.request_tokens)), format::count(predicted.on_average.ceil() as u64));
        lines.push(line("Predicted", "kv_fill", value, format!("of {tokens} tokens each; {on_way} on their way")));
    }
    if let Some((memory, above)) = kv.memory.and_then(|memory| Some((memory, memory.bytes()?))) {
        let gpus = if memory.gpus == 1 { "one GPU".to_owned() } else { format!("{} GPUs", memory.gpus) };
        let note = format!("{gpus}, {} when idle", format::bytes(memory.idle_bytes));
        lines.push(line("Above idle", "gpu_memory_overhead", format::bytes(above), note));
    }
    lines
}

fn theory_words(theory: &KvTheory) -> String {
    let mut words = match theory.agrees {
        Some(true) => "the engine's account agrees".to_owned(),
        Some(false) => "△ the engine's account is another".to_owned(),
        None => String::new(),
    };
    let mut add = |more: String| words = if words.is_empty() { more } else { format!("{words}; {more}") };
    if theory.starting_tokens > 0 {
        let (tokens, requests) = (format::count(theory.starting_tokens), format::count(theory.starting));
        add(format!("{tokens} more in prompts of {requests} requests without output"));
    }
    if theory.estimated {
        add("tokens of chunks are estimated".to_owned());
    }
    words
}

fn sign_words(sign: FillSign) -> &'static str {
    match sign {
        FillSign::Used => "99 % or more in use",
        FillSign::Preempted => "a request lost its memory",
        FillSign::NoRoom => "a request waited for room",
        FillSign::Unknown => "by a sign that this page does not know",
    }
}

/// The figures of each point that has any: of all its trials, or of the last one that ended.
#[must_use]
pub fn points(view: &RunView) -> Vec<(String, Vec<Line>)> {
    let of = |(place, point): (usize, &PointView)| {
        let last = view.trials_of(place as u32).filter_map(|(_, trial)| trial.summary.as_ref()).last();
        let kv = point.summary.as_ref().or(last)?.kv.as_ref()?;
        Some((point.words(), lines(kv))).filter(|(_, lines)| !lines.is_empty())
    };
    view.points.iter().enumerate().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{KvCapacity, KvPeak, KvPrediction, MemoryAboveIdle};

    /// Label, value and note of each.
    fn check(kv: &KvFigures, expect: &[(&str, &str, &str)]) {
        let lines = lines(kv);
        let said: Vec<_> = lines.iter().map(|l| (l.label, l.value.as_str(), l.note.as_str())).collect();
        assert_eq!(said, expect);
    }

    #[test]
    fn what_is_known_of_a_cache_has_a_figure_and_nothing_else() {
        check(&KvFigures::default(), &[]);
        let theory =
            KvTheory { tokens: 120_400, starting: 2, starting_tokens: 512, agrees: Some(true), ..KvTheory::default() };
        let peak = KvPeak {
            at_ns: 12_300_000_000,
            share: Some(0.968),
            tokens: Some(121_000),
            bytes: Some(15 << 30),
            running: Some(128),
            theory: Some(theory),
            ..KvPeak::default()
        };
        let kv = KvFigures {
            capacity: KvCapacity { tokens: Some(125_000), bytes: Some(16 << 30), ..KvCapacity::default() },
            peak: Some(peak),
            preemptions: Some(0),
            fill: Some(KvFill::Not { share: 0.968, running: Some(128) }),
            predicted: KvPrediction::of(121_424, 400.0, 330.0),
            memory: Some(MemoryAboveIdle { idle_bytes: 70 << 30, peak_bytes: 73 << 30, gpus: 1 }),
            ..KvFigures::default()
        };
        check(
            &kv,
            &[
                ("Fullest", "96.8 %", "12.3 s into the run with 128 running"),
                ("Tokens then", "121,000", "of 125,000"),
                ("Bytes then", "15.0 GiB", "of 16.0 GiB"),
                (
                    "By arithmetic",
                    "120,400 tokens",
                    "the engine's account agrees; 512 more in prompts of 2 requests without output",
                ),
                ("Preempted", "0", ""),
                ("Full with", "never full", "at most 96.8 %"),
                ("Predicted", "304 at their end", "of 400 tokens each; 368 on their way"),
                ("Above idle", "3.00 GiB", "one GPU, 70.0 GiB when idle"),
            ],
        );
        let measured = KvPeak { measured_bytes: Some(1 << 20), ..KvPeak::default() };
        check(
            &KvFigures { peak: Some(measured), ..KvFigures::default() },
            &[("Measured", "1.00 MiB", "of its tensors")],
        );
    }
}
