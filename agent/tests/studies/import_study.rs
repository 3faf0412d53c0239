//! Owns the tests of the published study's folder, imported whole by the program: its figures, its caveats, its time.
//! Must not know how files are read. Where the folder is absent they say so.

use serde_json::Value;
use shared::caveat::{Caveat, Verdict};
use shared::compare::{Arm, Recorded, Trait, Unlike, unlike};
use shared::plan::Level;
use shared::summary::{Distribution, Percentile, Summary};
use shared::view::RunView;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;
use tokenprism::log::SqliteLog;

/// The folder, where it is.
fn study() -> Option<PathBuf> {
    let dir = std::env::var_os("TOKENPRISM_STUDY")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/published-study"), PathBuf::from);
    if dir.is_dir() {
        return Some(dir);
    }
    println!("skipped: no published study at {} (TOKENPRISM_STUDY names another place)", dir.display());
    None
}

fn import(study: &Path, data: &Path) -> (bool, String) {
    let program = Command::new(env!("CARGO_BIN_EXE_tokenprism"));
    let output = { program }.arg("import").arg(study).arg("--data").arg(data).output().unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

async fn views(data: &Path) -> BTreeMap<String, RunView> {
    let log = SqliteLog::open(&data.join("log.sqlite")).unwrap();
    let mut views = BTreeMap::new();
    for row in log.rows(1000, None).await.unwrap() {
        views.insert(row.name, (*log.view(&row.run).await.unwrap().unwrap()).clone());
    }
    views
}

#[tokio::test]
async fn the_study_is_imported_whole() {
    let Some(study) = study() else { return };
    let data = tempfile::tempdir().unwrap();
    let begun = Instant::now();
    let (success, told) = import(&study, data.path());
    println!("the study's folder was imported in {:.2} s", begun.elapsed().as_secs_f64());
    assert!(success, "{told}");
    // Its README is no result, and everything else is one.
    assert!(told.ends_with("171 files: 170 imported, 0 there already, 1 refused; new runs: 10\n"), "{told}");
    assert!(told.contains("refused: published-study/README.md: It is text, but no result"), "{told}");
    let (_, again) = import(&study, data.path());
    assert!(again.ends_with("171 files: 0 imported, 170 there already, 1 refused; new runs: 0\n"), "{again}");
    let views = views(data.path()).await;
    let tasks = ["fact_recall", "sentiment_classification", "simple_reasoning", "summarization_1", "summarization_2"];
    for task in tasks {
        agrees_with_its_summaries(&study, task, &views[&format!("vLLM {task}")]);
        wears_its_caveats(&views[&format!("vLLM {task}")]);
    }
    // Output tokens of a request, whatever its end of sequence gave.
    let tokens = |task: &str| {
        let summary = views[&format!("vLLM {task}")].points[0].summary.clone().unwrap();
        summary.output_tokens.unwrap() / summary.ok
    };
    assert_eq!(tasks.map(tokens), [5, 23, 60, 111, 256]);
    // No plan of these names a length of outputs, so only what was counted tells that they are unlike.
    let recorded = |task: &str| Recorded::of(&views[&format!("vLLM {task}")]).unwrap();
    let (short, long) = (recorded("fact_recall"), recorded("summarization_1"));
    let measured = |base: &Recorded, other: &Recorded| -> Vec<String> {
        let unlike = unlike(&Arm::of(base, 0).unwrap(), &Arm::of(other, 0).unwrap());
        let differ = unlike.iter().filter(|unlike| matches!(unlike.what, Trait::MeasuredOutput));
        differ.map(Unlike::words).collect()
    };
    assert_eq!(measured(&short, &long), ["outputs differ: 5.00 and 111 tokens a request"]);
    assert!(measured(&short, &short).is_empty());
    // Its table says 593 and 601 ms at 128; the files say otherwise.
    let ttft = |task: &str| {
        let points = &views[&format!("vLLM {task}")].points;
        points.last().unwrap().summary.as_ref().unwrap().ttft.mean_ms.unwrap().round()
    };
    assert_eq!([ttft("fact_recall"), ttft("simple_reasoning")], [543.0, 501.0]);
    caches_were_as_full_as_it_says(&views);
}

/// A figure of a summary by its name in the files; what stands in for one that is unknown is null.
fn figure(s: &Summary, key: &str) -> Option<f64> {
    let latency = |d: &Distribution, what: &str| match what {
        "mean" => d.mean_ms,
        "median" => d.p50.ms(),
        "p99" => d.p99.ms(),
        _ => panic!("{what}"),
    };
    let (what, name) = key.split_once('_')?;
    match (key, name) {
        ("duration", _) => Some(s.window_s),
        ("completed", _) => Some(s.ok as f64),
        ("total_input_tokens", _) => s.prompt_tokens.map(|n| n as f64),
        ("total_output_tokens", _) => s.output_tokens.map(|n| n as f64),
        ("request_throughput", _) => s.request_throughput,
        ("output_throughput", _) => s.output_throughput,
        ("total_token_throughput", _) => s.total_throughput,
        (_, "ttft_ms") => latency(&s.ttft, what),
        (_, "tpot_ms") => latency(&s.tpot, what),
        (_, "itl_ms") => latency(&s.chunk_gap, what),
        (_, "e2el_ms") => latency(&s.e2e, what),
        _ => panic!("{key}"),
    }
}

/// Every figure of every trial is that of the sweep's `summary.csv`, digit by digit.
fn agrees_with_its_summaries(study: &Path, task: &str, view: &RunView) {
    let sweep = std::fs::read_dir(study.join("vllm").join(task)).unwrap().next().unwrap().unwrap().path();
    let csv = std::fs::read_to_string(sweep.join("summary.csv")).unwrap();
    let mut lines = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let names = lines.next().unwrap();
    let figures = [
        "total_input_tokens",
        "total_output_tokens",
        "request_throughput",
        "output_throughput",
        "total_token_throughput",
        "mean_ttft_ms",
        "median_ttft_ms",
        "p99_ttft_ms",
        "mean_tpot_ms",
        "median_tpot_ms",
        "p99_tpot_ms",
        "mean_itl_ms",
        "median_itl_ms",
        "p99_itl_ms",
        "mean_e2el_ms",
        "median_e2el_ms",
        "p99_e2el_ms",
    ];
    let mut rows = 0;
    for row in lines {
        let field = |name: &str| row[names.iter().position(|of| *of == name).unwrap()];
        let level = Level::Concurrency(field("max_concurrency").parse().unwrap());
        let point = view.points.iter().position(|p| p.level == level).unwrap() as u32;
        let repeat: u32 = field("run_number").parse().unwrap();
        let trial = view.trials.iter().find(|t| (t.point, t.repeat) == (point, repeat)).unwrap();
        let summary = trial.summary.as_ref().unwrap();
        assert_eq!(Some(summary.window_s), field("duration").parse().ok());
        for name in figures {
            let expect: f64 = field(name).parse().unwrap();
            assert_eq!(figure(summary, name), Some(expect), "{task}, {level:?}, run {repeat}, {name}");
        }
        rows += 1;
    }
    assert_eq!((rows, view.trials.len(), view.points.len()), (24, 24, 8), "{task}");
}

fn wears_its_caveats(view: &RunView) {
    // 100 requests never are 128 in flight. At the other levels no rule objects, but most cannot look.
    for (index, point) in (0..).zip(&view.points) {
        let expect = if point.level == Level::Concurrency(128) { Verdict::Invalid } else { Verdict::NotJudged };
        assert_eq!(view.verdict_of_point(index), expect, "{:?}", point.level);
    }
    let sentence = view.findings.as_ref().unwrap()[0].rule.sentence();
    assert!(sentence.starts_with("100 requests cannot make 128 in flight"), "{sentence}");
    let expect = [
        Caveat::OthersDefinitions,
        Caveat::SummariesOnly,
        Caveat::WholeTime,
        Caveat::CacheHitsUnknown,
        Caveat::LengthAskedUnknown,
        Caveat::LengthsAlike,
        Caveat::TimeZoneUnknown,
    ];
    assert_eq!(view.caveats, expect);
    // A count of a second's bucket is no concurrency.
    let in_flight = view.source.as_ref().unwrap().definition("in_flight").unwrap();
    assert!(in_flight.contains("one-second bucket"), "{in_flight}");
    for trial in &view.trials {
        let summary = trial.summary.as_ref().unwrap();
        assert_eq!((summary.in_flight_peak, summary.in_flight_mean), (None, None));
        assert_eq!((summary.ttft.p90, summary.ttft.p95), (Percentile::Unknown, Percentile::Unknown));
    }
}

fn caches_were_as_full_as_it_says(views: &BTreeMap<String, RunView>) {
    let check = |task: &str, percent: f64| {
        let view = &views[&format!("vLLM {task}, KV cache")];
        let peak_ppm = view.telemetry.track("engine", "kv_used").unwrap().bins().map(|bin| bin.max).max().unwrap();
        assert_eq!((peak_ppm as f64 / 1e3).round() / 10.0, percent, "{task}");
        assert_eq!(view.caveats.contains(&Caveat::KvCacheFull), percent == 100.0, "{task}");
    };
    check("fact_recall", 29.1);
    check("sentiment_classification", 29.9);
    check("reasoning", 73.4);
    check("summarization_1", 100.0);
    check("summarization_2", 100.0);
}

#[tokio::test]
async fn results_of_a_real_vllm_bench_are_read() {
    let dir = std::env::var_os("TOKENPRISM_CAPTURES")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/captures"), PathBuf::from);
    let dir = dir.join("vllm-0.25.1-h100");
    if !dir.is_dir() {
        return println!("skipped: no captured bytes at {}", dir.display());
    }
    let data = tempfile::tempdir().unwrap();
    let (success, told) = import(&dir, data.path());
    assert!(success && told.contains("3 files, vllm-0.25.1-h100/bench_c1.json first"), "{told}");
    let views = views(data.path()).await;
    let view = &views["OpenAI completions vllm-0.25.1-h100"];
    let file: Value = serde_json::from_str(&std::fs::read_to_string(dir.join("bench_c128.json")).unwrap()).unwrap();
    let point = view.points[2].summary.as_ref().unwrap();
    // One trial is its point, its 95th percentile included.
    assert_eq!(point.ttft.p95.ms(), file["p95_ttft_ms"].as_f64());
    // All outputs are of one length, so each request has a time per token.
    assert_eq!((point.ok, point.tpot.n, view.points.len()), (512, Some(512), 3));
}
