//! Owns the proof that every fault of the matrix comes right to whoever looks: in a run's view, in the page's words, in the
//! exported file, and at `/metrics`. The whole agent is asked, as a user asks it.
//! Must not know how anything is read: a played driver and a played engine stand in for real ones.

use crate::fake_nvml::FakeNvml;
use crate::fault_matrix::{Case, Expect, each, trouble_words};
use crate::played_engine::{ABLE, play};
use crate::support::{Agent, attached, state};
use futures_util::{StreamExt, stream};
use shared::said::machine::{driver_says, missing, sentences};
use shared::telemetry::Field;
use shared::view::{RunView, Telemetry, Track};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(60);
/// Agents that are asked at a time.
const AT_ONCE: usize = 5;
/// How often a run reads what is quickly read, Hz.
const RATE_HZ: f64 = 20.0;
/// What Prometheus puts behind a signal's name.
const UNITS: [&str; 8] = ["", "_bytes", "_ratio", "_watts", "_joules", "_celsius", "_hertz", "_bytes_per_second"];
/// What is read once a second, so that in a run of seconds only its first reads are there.
const SLOWLY: [&str; 7] = [
    "pcie_rx",
    "pcie_tx",
    "ecc_corrected",
    "ecc_uncorrected",
    "engine_memory",
    "engine_memory_by_difference",
    "others_memory",
];

/// What is known of a GPU's memory only to who started its engine and looked before.
const OF_A_START: [&str; 3] = ["engine_memory", "engine_memory_by_difference", "others_memory"];

/// Whether a run of some seconds that attaches to a server can tell that.
fn is_in_a_run(case: &Case, expect: &Expect, signal: &str) -> bool {
    let is_of_a_start = !case.before.is_empty() && OF_A_START.contains(&signal);
    !is_of_a_start && (!SLOWLY.contains(&signal) || expect.read <= 1)
}

/// Whether a track holds that somewhere.
fn holds(track: &Track, expected: &toml::Value) -> bool {
    let failed = |code: u32| track.absent.chunks_exact(2).any(|pair| pair[0] == u64::from(code) && pair[1] > 0);
    match expected {
        toml::Value::Integer(value) => {
            let value = u64::try_from(*value).unwrap();
            track.bins().any(|bin| bin.min == value || bin.max == value)
        }
        toml::Value::String(words) => match words.as_str() {
            "not supported" => track.bins.is_empty() && track.now() == Field::NotSupported,
            "implausible" => failed(Field::IMPLAUSIBLE),
            "began anew" => failed(Field::BEGAN_ANEW),
            words => failed(words.strip_prefix("failed ").unwrap().parse().unwrap()),
        },
        other => panic!("{other} is nothing that a field can be"),
    }
}

fn check_view(name: &str, case: &Case, view: &RunView) {
    let telemetry = &view.telemetry;
    let began = telemetry.began.as_ref().unwrap();
    let found: Vec<&String> = began.gpus.iter().map(|gpu| &gpu.uuid).collect();
    assert_eq!(found, case.found.iter().collect::<Vec<_>>(), "{name}: found");
    for gpu in &began.gpus {
        assert_eq!(gpu.is_unified, case.unified.contains(&gpu.uuid), "{name}: {gpu:?}");
        assert_eq!(gpu.slice_of.as_ref(), case.slice_of.get(&gpu.uuid), "{name}: {gpu:?}");
    }
    for expect in &case.expect {
        for (signal, expected) in expect.fields.iter().filter(|(signal, _)| is_in_a_run(case, expect, signal)) {
            let track = telemetry.track(&format!("{}{}", Telemetry::GPU, expect.gpu), signal);
            let track = track.unwrap_or_else(|| panic!("{name}: no {signal} of {}", expect.gpu));
            assert!(holds(track, expected), "{name}: {signal} of {} is not {expected}: {track:?}", expect.gpu);
        }
    }
    let uuid = |source: &str| source.trim_start_matches(Telemetry::GPU).to_owned();
    let troubles: BTreeSet<(String, String)> =
        telemetry.troubles.iter().map(|trouble| (uuid(&trouble.source), trouble_words(trouble))).collect();
    assert_eq!(troubles, case.troubles.iter().cloned().collect(), "{name}: troubles");
    assert_eq!(telemetry.troubles.len(), case.troubles.len(), "{name}: each once");
}

/// What the run's page says.
fn check_words(name: &str, case: &Case, telemetry: &Telemetry) {
    let gpus = telemetry.gpus();
    let sources: Vec<&str> = gpus.iter().map(|gpu| gpu.source.as_str()).collect();
    let mut said = sentences(telemetry, &gpus, |_| "then".to_owned());
    said.extend(driver_says(telemetry));
    said.extend(missing("Not supported", telemetry, &sources));
    for words in &case.says {
        assert!(said.iter().any(|sentence| sentence.contains(words)), "{name}: nobody says {words}: {said:?}");
    }
}

/// The line of a signal of a GPU.
fn shown<'a>(page: &'a str, signal: &str, gpu: &str) -> Option<&'a str> {
    let of_gpu = format!("gpu=\"{gpu}\"");
    page.lines().find(|line| {
        let (name, labels) = line.split_once('{').unwrap_or_default();
        let unit = name.strip_prefix("tokenprism_gpu_").and_then(|name| name.strip_prefix(signal));
        unit.is_some_and(|unit| UNITS.contains(&unit.trim_end_matches("_total"))) && labels.contains(&of_gpu)
    })
}

/// What is wrong with what `/metrics` shows of the GPUs in the end: a value that is told must be there, and nothing in place of
/// one that is not. Nothing where all is right.
fn wrong_at_metrics(case: &Case, page: &str) -> Option<String> {
    for gpu in &case.found {
        let is_lost = case.troubles.iter().rfind(|(of, what)| of == gpu && !what.starts_with("xid"));
        let is_lost = is_lost.is_some_and(|(_, what)| what.starts_with("lost"));
        let line = format!("tokenprism_gpu_lost{{gpu=\"{gpu}\"}} {}\n", u8::from(is_lost));
        if !page.contains(&line) {
            return Some(format!("no {line}"));
        }
        let of_gpu = || case.expect.iter().filter(|expect| expect.gpu == *gpu);
        let last = of_gpu().map(|expect| expect.read).max();
        let ended = of_gpu().filter(|expect| Some(expect.read) == last);
        let fields = ended.flat_map(|expect| expect.fields.iter().map(move |(signal, of)| (expect, signal, of)));
        for (_, signal, expected) in fields.filter(|(expect, signal, _)| is_in_a_run(case, expect, signal)) {
            let line = shown(page, signal, gpu);
            match (expected.as_integer(), line) {
                (Some(_), None) => return Some(format!("no {signal} of {gpu}")),
                (Some(power), Some(line))
                    if signal == "power" && !line.ends_with(&format!(" {}", power as f64 / 1e3)) =>
                {
                    return Some(line.to_owned());
                }
                (None, Some(line)) if expected.as_str() != Some("began anew") => return Some(line.to_owned()),
                _ => {}
            }
        }
    }
    None
}

async fn check(name: String, text: String, case: Case) {
    let (fake, data, played) =
        (FakeNvml::without(&text, &case.missing_functions), tempfile::tempdir().unwrap(), play(ABLE));
    let agent = Agent::driven_by(&fake.driver(), data.path());
    // All are read where none is named; a GPU that is not there would be refused.
    let are_alike = case.slice_of.is_empty() || case.slice_of.len() == case.found.len();
    let is_named = !case.wanted.is_empty() && are_alike;
    let named = if is_named { format!("gpus = {:?}\n", case.found) } else { String::new() };
    let seconds = (case.reads as f64 / RATE_HZ + 1.0).max(2.5);
    let plan = attached(&played.url, &named).replace("requests = 12", &format!("duration_s = {seconds:.1}"));
    let plan = plan.replace("trials = 2", "trials = 1");
    // Who looks only when a GPU is gone is told that it does not answer; who looked before knows which one was lost.
    if case.troubles.last().is_some_and(|(_, what)| what.starts_with("lost")) {
        agent.get("/metrics").await;
    }
    let run = agent.submit(&format!("{plan}\n[telemetry]\nrate_hz = {RATE_HZ:.1}\n")).await;
    let told = agent.wait(&run, LIMIT, |view| ["done", "failed"].contains(&state(view))).await;
    assert_eq!(state(&told), "done", "{name}: {}", told["reason"]);
    let view: RunView = serde_json::from_value(told.clone()).unwrap();
    check_view(&name, &case, &view);
    check_words(&name, &case, &view.telemetry);
    let (_, exported) = agent.get(&format!("/api/v1/runs/{run}/export?format=json")).await;
    assert_eq!(exported["machine"], told["telemetry"]["began"], "{name}: exported");
    let troubles = exported["troubles"].as_array().cloned().unwrap_or_default();
    assert_eq!(&troubles, told["telemetry"]["troubles"].as_array().unwrap(), "{name}: exported");

    // The machine, as a scraper sees it; the first pages may be there before what is read slowly.
    let begun = Instant::now();
    loop {
        let page = agent.get("/metrics").await.1.as_str().unwrap().to_owned();
        let Some(wrong) = wrong_at_metrics(&case, &page) else { break };
        assert!(begun.elapsed() < LIMIT, "{name}: {wrong}: {page}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_of_the_matrix_comes_right_to_whoever_looks() {
    let cases = each();
    assert!(cases.len() >= 10, "{} cases", cases.len());
    let checks = cases.into_iter().map(|(name, text, case)| tokio::spawn(check(name, text, case)));
    let mut checks = stream::iter(checks).buffer_unordered(AT_ONCE);
    while let Some(checked) = checks.next().await {
        checked.unwrap();
    }
}
