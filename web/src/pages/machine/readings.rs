//! Owns what a card says of a GPU or of the host now: texts, why one is absent, a sparkline each, badges.
//! Must not know elements.

use super::spark::path;
use crate::format;
use shared::said::machine::code_words;
use shared::telemetry::{
    BUSY, CORE_BUSY_MOST, CPU_BUSY, ECC_UNCORRECTED, Field, HOST_MEMORY_USED, MEMORY_BUSY, MEMORY_CLOCK,
    MEMORY_TEMPERATURE, MEMORY_USED, POWER, SM_CLOCK, Signal, TEMPERATURE, THROTTLED_BY_HARDWARE, THROTTLED_BY_HEAT,
    THROTTLED_BY_POWER,
};
use shared::view::{GpuSeen, MachineView, Telemetry, Track};

/// One line of a card.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    pub label: &'static str,
    /// The value with its unit, or the dash.
    pub text: String,
    /// What stands beside it, more quietly.
    pub beside: String,
    /// Why it is absent; empty where it is not.
    pub why: String,
    /// Used part of all that there is, where that is known.
    pub share: Option<f64>,
    pub path: String,
}

/// A badge: a shape, a word, and whether it is grave.
pub type Badge = (&'static str, String, bool);

/// What a line is made of: its signal, another one that stands beside it, and how they are written.
struct Line {
    label: &'static str,
    signal: Signal,
    beside: Option<(Signal, &'static str)>,
    text: fn(u64) -> String,
    top: Option<f64>,
}

const GPU_LINES: [Line; 4] = [
    Line {
        label: "Busy",
        signal: BUSY,
        beside: Some((MEMORY_BUSY, "memory")),
        text: |n| format!("{n} %"),
        top: Some(100.0),
    },
    Line {
        label: "Power",
        signal: POWER,
        beside: None,
        text: |n| format::figure(Some(n as f64 / 1e3), "W"),
        top: None,
    },
    Line {
        label: "Temperature",
        signal: TEMPERATURE,
        beside: Some((MEMORY_TEMPERATURE, "memory")),
        text: |n| format!("{n} °C"),
        top: None,
    },
    Line {
        label: "Clock",
        signal: SM_CLOCK,
        beside: Some((MEMORY_CLOCK, "memory")),
        text: |n| format!("{} MHz", format::count(n)),
        top: None,
    },
];

const HOST_LINES: [Line; 2] = [
    Line {
        label: "CPU",
        signal: CPU_BUSY,
        beside: Some((CORE_BUSY_MOST, "busiest core")),
        text: |n| format::share(n as f64 / 1e3),
        top: Some(1000.0),
    },
    Line { label: "Memory", signal: HOST_MEMORY_USED, beside: None, text: format::bytes, top: None },
];

/// What a GPU says now. What it never can is left out.
pub fn of_gpu(view: &MachineView, gpu: &GpuSeen) -> Vec<Reading> {
    let mut readings: Vec<Reading> = memory(view, gpu).into_iter().collect();
    readings.extend(lines(view, &gpu.source, &GPU_LINES));
    readings
}

/// What the host says now.
pub fn of_host(view: &MachineView) -> Vec<Reading> {
    lines(view, Telemetry::HOST, &HOST_LINES)
}

fn lines(view: &MachineView, source: &str, lines: &[Line]) -> Vec<Reading> {
    let of = |line: &Line| {
        let (track, mut reading) = reading(view, source, line.label, line.signal, line.text)?;
        let beside = line.beside.and_then(|(signal, name)| {
            let beside = view.telemetry.track(source, signal.key)?;
            let value = view.telemetry.now_of(beside, view.now_ns).value()?;
            Some(format!("{name} {}", (line.text)(value)))
        });
        reading.beside = beside.unwrap_or_default();
        reading.path = path(&view.telemetry, track, view.now_ns, line.top);
        Some(reading)
    };
    lines.iter().filter_map(of).collect()
}

/// A GPU without memory of its own has the host's, so what of that is in use is what matters to it.
fn memory(view: &MachineView, gpu: &GpuSeen) -> Option<Reading> {
    let (source, signal, label) = match gpu.is_unified {
        true => (Telemetry::HOST, HOST_MEMORY_USED, "Host's memory"),
        false => (gpu.source.as_str(), MEMORY_USED, "Memory"),
    };
    let (track, mut reading) = reading(view, source, label, signal, format::bytes)?;
    let all = gpu.memory_bytes.map(|all| all as f64);
    if let (Some(used), Some(all)) = (view.telemetry.now_of(track, view.now_ns).value(), gpu.memory_bytes) {
        reading.beside = format!("of {}", format::bytes(all));
        reading.share = Some(used as f64 / all.max(1) as f64);
    }
    reading.path = path(&view.telemetry, track, view.now_ns, all);
    Some(reading)
}

/// The latest of a signal; nothing where its source has none.
fn reading<'a>(
    view: &'a MachineView,
    source: &str,
    label: &'static str,
    signal: Signal,
    text: fn(u64) -> String,
) -> Option<(&'a Track, Reading)> {
    // That there is no such value does not grow old.
    let track = view.telemetry.track(source, signal.key).filter(|track| track.now() != Field::NotSupported)?;
    let (text, why) = match view.telemetry.now_of(track, view.now_ns) {
        Field::Value(value) => (text(value), String::new()),
        Field::NotSupported => return None,
        Field::Failed(code) => (format::ABSENT.to_owned(), format!("Not told: {}.", code_words(code.into()))),
    };
    Some((track, Reading { label, text, why, ..Reading::default() }))
}

/// What is wrong with a GPU now.
pub fn badges(view: &MachineView, gpu: &GpuSeen) -> Vec<Badge> {
    let telemetry = &view.telemetry;
    let now =
        |signal: Signal| telemetry.track(&gpu.source, signal.key).map(|track| telemetry.now_of(track, view.now_ns));
    let fate = telemetry.fate(&gpu.source);
    let is_silent = telemetry.tracks.iter().any(|track| {
        track.source == gpu.source && telemetry.now_of(track, view.now_ns) == Field::Failed(Field::NO_ANSWER)
    });
    let mut badges: Vec<Badge> = Vec::new();
    if fate.is_some_and(|fate| fate.is_lost) {
        badges.push(("✕", "lost".to_owned(), true));
    } else if is_silent {
        badges.push(("✕", "no answer".to_owned(), true));
    }
    let xid = fate.and_then(|fate| fate.last_xid);
    badges.extend(xid.map(|xid| ("✕", format!("XID {xid}"), true)));
    let errors = telemetry.track(&gpu.source, ECC_UNCORRECTED.key).and_then(Track::total).filter(|errors| *errors > 0);
    badges.extend(errors.map(|errors| ("✕", format!("{} memory errors", format::count(errors)), true)));
    let holds = [
        (THROTTLED_BY_HEAT, "held by heat"),
        (THROTTLED_BY_POWER, "held by power"),
        (THROTTLED_BY_HARDWARE, "held by hardware"),
    ];
    for (signal, word) in holds {
        if now(signal).and_then(Field::value).is_some_and(|held| held > 0) {
            badges.push(("△", word.to_owned(), false));
        }
    }
    badges
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::event::{Body, Event};
    use shared::telemetry::{Began, GpuFacts, Group, Samples, Trouble, TroubleKind};
    use shared::units::NS_PER_S;

    const GPU: &str = "gpu:GPU-aa11";

    /// One read of these at 20 s, as of `now_s`.
    fn view(now_s: u64, fields: &[(Signal, i64)], more: Vec<Body>) -> (MachineView, GpuSeen) {
        let facts = GpuFacts { source: GPU.into(), memory_bytes: Some(24 << 30), ..GpuFacts::default() };
        of_facts(facts, now_s, fields, more)
    }

    fn of_facts(facts: GpuFacts, now_s: u64, fields: &[(Signal, i64)], more: Vec<Body>) -> (MachineView, GpuSeen) {
        let began = Began { rate_hz: 1.0, gpus: vec![facts], ..Began::default() };
        let group = Group {
            at_ns: vec![20 * NS_PER_S],
            took_ns: vec![1],
            keys: fields.iter().map(|(signal, _)| signal.key.to_owned()).collect(),
            values: fields.iter().map(|(_, value)| *value).collect(),
        };
        let samples = Samples { source: GPU.into(), groups: vec![group], dropped: 0 };
        let mut view = MachineView::new(0);
        let bodies = [Body::TelemetryBegan(began), Body::Samples(samples)].into_iter().chain(more);
        for (seq, body) in (1..).zip(bodies) {
            view.apply(&Event { seq, t_ns: now_s * NS_PER_S, body });
        }
        let gpu = view.telemetry.gpus().remove(0);
        (view, gpu)
    }

    fn check(now_s: u64, fields: &[(Signal, i64)], expect: &[(&str, &str, &str)]) {
        let (view, gpu) = view(now_s, fields, vec![]);
        let said = of_gpu(&view, &gpu);
        let said: Vec<_> = said.iter().map(|r| (r.label, format!("{} {}", r.text, r.beside), r.why.as_str())).collect();
        let said: Vec<_> = said.iter().map(|(label, text, why)| (*label, text.trim(), *why)).collect();
        assert_eq!(said, expect);
    }

    #[test]
    fn a_card_says_what_is_known_now_and_why_something_is_not() {
        let fields = [(MEMORY_USED, 6 << 30), (BUSY, 85), (MEMORY_BUSY, 52), (POWER, 304_000), (SM_CLOCK, -1)];
        let known = [("Memory", "6.00 GiB of 24.0 GiB", ""), ("Busy", "85 % memory 52 %", ""), ("Power", "304 W", "")];
        check(21, &fields, &known);
        let silent = known.map(|(label, ..)| (label, "—", "Not told: no answer."));
        check(40, &fields, &silent);
        check(21, &[(POWER, -16)], &[("Power", "—", "Not told: GPU is lost.")]);
    }

    #[test]
    fn a_gpu_without_memory_of_its_own_says_what_of_the_hosts_is_in_use() {
        let facts =
            GpuFacts { source: GPU.into(), memory_bytes: Some(128 << 30), is_unified: true, ..GpuFacts::default() };
        let group = Group {
            at_ns: vec![20 * NS_PER_S],
            took_ns: vec![1],
            keys: vec![HOST_MEMORY_USED.key.to_owned()],
            values: vec![32 << 30],
        };
        let host = Body::Samples(Samples { source: Telemetry::HOST.into(), groups: vec![group], dropped: 0 });
        let (view, gpu) = of_facts(facts, 21, &[(MEMORY_USED, -1), (POWER, 35_000)], vec![host]);
        let memory = &of_gpu(&view, &gpu)[0];
        assert_eq!(
            (memory.label, memory.text.as_str(), memory.beside.as_str(), memory.share),
            ("Host's memory", "32.0 GiB", "of 128 GiB", Some(0.25))
        );
    }

    #[test]
    fn badges_say_what_is_wrong_now() {
        let trouble = |kind, code| Body::Trouble(Trouble { source: GPU.into(), at_ns: 1, kind, code });
        let check = |now_s, fields: &[(Signal, i64)], more: Vec<Body>, expect: &[&str]| {
            let (view, gpu) = view(now_s, fields, more);
            let words: Vec<String> = badges(&view, &gpu).into_iter().map(|(_, word, _)| word).collect();
            assert_eq!(words, expect);
        };
        check(21, &[(POWER, 1), (THROTTLED_BY_HEAT, 1), (THROTTLED_BY_POWER, 0)], vec![], &["held by heat"]);
        check(21, &[(THROTTLED_BY_HARDWARE, 1)], vec![], &["held by hardware"]);
        check(40, &[(THROTTLED_BY_POWER, 1)], vec![], &["no answer"]);
        let lost = || trouble(TroubleKind::Lost, 15);
        check(21, &[(POWER, -16)], vec![lost()], &["lost"]);
        check(
            21,
            &[(POWER, 1)],
            vec![lost(), trouble(TroubleKind::Back, 0), trouble(TroubleKind::Xid, 79)],
            &["XID 79"],
        );
        // One from before it answered again is over with.
        check(21, &[(POWER, 1)], vec![trouble(TroubleKind::Xid, 79), lost(), trouble(TroubleKind::Back, 0)], &[]);
    }
}
