//! Owns the tests of whole imports, from bytes to the fold of a run's events: fixtures of each format, twins, contradictions.
//! Must not know how any format is read.

use super::*;
use crate::blob::BlobStore;
use crate::log::SqliteLog;
use shared::caveat::{Caveat, Rule};
use shared::event::{Event, RunState};
use shared::ids::RunId;
use shared::plan::{Arrival, Lengths, Level};
use shared::summary::Percentile;
use shared::view::RunView;
use shared::wire::{FileFate, ImportReport};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/import")
}

/// Everything at a path of the fixtures, by name.
fn given(path: &str) -> Vec<(String, Vec<u8>)> {
    let found = walk(&[fixtures().join(path)]).into_iter();
    let files = found.map(|found| match found {
        Found::File { name, path } => (name, std::fs::read(path).unwrap()),
        Found::LeftOut { name, why } => panic!("{name}: {why}"),
    });
    files.collect()
}

fn taken(files: &[(String, Vec<u8>)]) -> Intake {
    let mut intake = Intake::default();
    files.iter().for_each(|(name, bytes)| intake.take(name, bytes));
    intake
}

/// The runs that files become, folded, by name, and what is said of each file.
fn imported(files: &[(String, Vec<u8>)]) -> (BTreeMap<String, RunView>, ImportReport) {
    let (made, mut report) = taken(files).runs(&BTreeMap::new(), 1_800_000_000_000);
    let mut views = BTreeMap::new();
    for made in made {
        let mut view = RunView::default();
        for (seq, (t_ns, body)) in (1..).zip(made.items.clone()) {
            view.apply(&Event { seq, t_ns, body });
        }
        assert_eq!((view.run_state(), view.unknown_events), (RunState::Done, 0));
        report.note(&made, Ok(()));
        views.insert(view.header.as_ref().unwrap().plan.name.clone(), view);
    }
    (views, report.done())
}

fn refused(report: &ImportReport) -> Vec<(&str, &str)> {
    let why =
        |fate: &FileFate| if let FileFate::Refused { why } = fate { Some(why.clone().leak() as &str) } else { None };
    report.files.iter().filter_map(|file| Some((file.name.as_str(), why(&file.fate)?))).collect()
}

fn one(path: &str) -> RunView {
    let (views, report) = imported(&given(path));
    assert_eq!(refused(&report), [], "{path}");
    assert_eq!(views.len(), 1, "{path}: {:?}", views.keys());
    views.into_values().next().unwrap()
}

#[test]
fn a_sweep_is_one_run_and_its_summaries_repeat_it() {
    let (views, report) = imported(&given("sweep"));
    assert_eq!((views.len(), report.files.len(), refused(&report)), (1, 7, vec![]));
    let view = &views["vLLM sweep"];
    let source = view.source.as_ref().unwrap();
    assert_eq!((source.tool.as_str(), source.engine.as_deref(), source.files.len()), ("vLLM bench", Some("vllm"), 7));
    assert!(source.definition("percentiles").is_some() && source.definition("ttft").is_some());
    let plan = &view.header.as_ref().unwrap().plan;
    assert_eq!((&plan.load.concurrency[..], plan.load.trials, plan.load.requests), (&[2, 16][..], 2, Some(12)));
    assert_eq!(plan.engine.params.keys().collect::<Vec<_>>(), ["dtype", "max_model_len", "max_num_seqs"]);
    let at: Vec<(u32, u32)> = view.trials.iter().map(|t| (t.point, t.repeat)).collect();
    assert_eq!(at, [(0, 0), (0, 1), (1, 0), (1, 1)]);
    // Its window ended when the file was written.
    assert!(view.trials.iter().all(|t| t.window_ns == Some(t.started_ns) && t.ended_ns > t.window_ns));
    let findings: Vec<(u32, &str)> = view.findings.iter().flatten().map(|f| (f.point, f.rule.label())).collect();
    assert_eq!(findings, [(0, "too few samples"), (1, "concurrency never reached"), (1, "too few samples")]);
    let rule = &view.findings.as_ref().unwrap()[1].rule;
    assert_eq!(*rule, Rule::ConcurrencyNotReached { reached: 12, target: 16, requests: Some(12) });
    for caveat in [Caveat::CacheHitsUnknown, Caveat::LengthsAlike, Caveat::LengthAskedUnknown, Caveat::TimeZoneUnknown]
    {
        assert!(view.caveats.contains(&caveat), "{caveat:?} is not in {:?}", view.caveats);
    }
    assert!(!view.caveats.contains(&Caveat::OutputsUnequal));
}

#[test]
fn figures_are_the_files_own_and_percentiles_of_repeats_are_unknown() {
    let files = given("sweep");
    let (views, _) = imported(&files);
    let view = views.values().next().unwrap();
    for (name, bytes) in files.iter().filter(|(name, _)| name.contains("run=")) {
        let file: serde_json::Value = serde_json::from_slice(bytes).unwrap();
        let level = Level::Concurrency(file["max_concurrency"].as_u64().unwrap() as u32);
        let point = view.points.iter().position(|p| p.level == level).unwrap() as u32;
        let of = |t: &&shared::view::TrialView| t.point == point && file["run_number"] == t.repeat;
        let summary = view.trials.iter().find(of).unwrap().summary.as_ref().unwrap();
        let said = |key: &str| file[key].as_f64();
        assert_eq!(summary.ttft.mean_ms, said("mean_ttft_ms"), "{name}");
        assert_eq!(summary.tpot.p50, Percentile::Ms(said("median_tpot_ms").unwrap()), "{name}");
        assert_eq!(summary.chunk_gap.p99, Percentile::Ms(said("p99_itl_ms").unwrap()), "{name}");
        assert_eq!(summary.output_throughput, said("output_throughput"), "{name}");
        assert_eq!(Some(summary.window_s), said("duration"), "{name}");
        // Not said, or not what its name says here.
        assert_eq!((summary.ttft.p90, summary.in_flight_peak, summary.chunk_gap.n), (Percentile::Unknown, None, None));
    }
    let point = view.points[0].summary.as_ref().unwrap();
    assert_eq!((point.ttft.n, point.ttft.p99, point.ok), (Some(24), Percentile::Unknown, 24));
    assert_eq!(view.points[0].intervals["ttft.mean"].n, 2);
}

#[test]
fn a_summary_stands_in_for_files_that_are_not_there() {
    let only = |end: &str| {
        let files: Vec<_> = given("sweep").into_iter().filter(|(name, _)| name.ends_with(end)).collect();
        imported(&files).0.remove("vLLM sweep").unwrap()
    };
    let whole = one("sweep");
    for end in ["summary.csv", "summary.json", ".json"] {
        let view = only(end);
        assert_eq!((&view.points, &view.trials), (&whole.points, &whole.trials), "{end}");
    }
}

#[test]
fn a_summary_that_says_otherwise_is_not_used() {
    let mut files = given("sweep");
    let summary = files.iter_mut().find(|(name, _)| name.ends_with("=2/summary.json")).unwrap();
    summary.1 =
        String::from_utf8(summary.1.clone()).unwrap().replacen("\"mean_ttft_ms\": ", "\"mean_ttft_ms\": 1", 1).into();
    let (views, report) = imported(&files);
    let [(name, why)] = refused(&report)[..] else { panic!("{:?}", refused(&report)) };
    assert!(
        name.ends_with("=2/summary.json") && why.contains("says otherwise than") && why.contains("run=0.json"),
        "{why}"
    );
    assert_eq!((&views["vLLM sweep"].points, views.len()), (&one("sweep").points, 1));
}

#[test]
fn old_detailed_and_appended_results() {
    let old = one("vllm-bench-2024.json");
    let summary = old.trials[0].summary.as_ref().unwrap();
    assert_eq!((summary.attempted, summary.ok, summary.not_connected), (10, 9, None));
    assert_eq!((summary.tpot.mean_ms, summary.tpot.n, summary.e2e.mean_ms), (Some(12.5), None, None));
    assert_eq!(old.points[0].level, Level::Burst(10));
    let detailed = one("vllm-bench-detailed.json");
    let plan = &detailed.header.as_ref().unwrap().plan;
    // Python's Infinity is no number here: requests came at a rate, evenly or not.
    assert_eq!((plan.load.arrival, &plan.load.rate[..]), (Arrival::Poisson, &[2.5][..]));
    assert_eq!(detailed.trials[0].summary.as_ref().unwrap().tpot.n, Some(6));
    let appended = one("vllm-bench-appended.json");
    assert_eq!(appended.points.iter().map(|p| p.level.value()).collect::<Vec<_>>(), [1.0, 2.0]);
    assert_eq!(appended.points[0].summary, appended.trials[0].summary);
}

#[test]
fn a_report_of_guidellm_leaves_its_secrets_behind() {
    let view = one("guidellm-0.8.1.json");
    let source = view.source.as_ref().unwrap();
    assert_eq!((source.tool.as_str(), source.version.as_deref()), ("GuideLLM", Some("0.8.1")));
    let summary = view.trials[0].summary.as_ref().unwrap();
    assert_eq!((summary.ok, summary.ttft.mean_ms, summary.ttft.n), (40, Some(51.514482498168945), Some(40)));
    assert_eq!((summary.tpot.n, summary.in_flight_peak), (Some(280), Some(4)));
    assert_eq!((summary.output_tokens, summary.prompt_tokens), (Some(320), Some(640)));
    assert!(!view.caveats.contains(&Caveat::TimeZoneUnknown) && !view.caveats.contains(&Caveat::TimesUnknown));
    assert_eq!(view.header.as_ref().unwrap().plan.engine.model.as_deref(), Some("pacer"));
    let all = serde_json::to_string(&view).unwrap();
    for secret in ["a-key-that-must-not-leak", "a private prompt", "a private answer", "127.0.0.1"] {
        assert!(!all.contains(secret), "{secret}");
    }
}

#[test]
fn a_sweep_of_guidellm_is_a_run_for_each_way_of_asking() {
    let (views, report) = imported(&given("guidellm-0.3.json"));
    let FileFate::Imported { runs } = &report.files[0].fate else { panic!("{report:?}") };
    assert_eq!((runs.len(), views.len()), (3, 1), "three runs of one name");
    let (made, _) = taken(&given("guidellm-0.3.json")).runs(&BTreeMap::new(), 1);
    let plans: Vec<_> = made.iter().map(|made| format!("{:?}", made.items[0].1)).collect();
    for word in ["arrival: Closed", "arrival: Burst", "rate: [2.5, 3.5]", "output_tokens: Some(Fixed(32))"] {
        assert!(plans.iter().any(|plan| plan.contains(word)), "{word}");
    }
    let view = views.values().next().unwrap();
    let summary = view.trials[0].summary.as_ref().unwrap();
    assert_eq!((summary.attempted - summary.ok, summary.outcomes.len(), summary.window_s), (1, 1, 30.0));
}

#[test]
fn exports_of_aiperf_old_and_new() {
    let new = one("aiperf-0.13.0.json");
    let summary = new.trials[0].summary.as_ref().unwrap();
    assert_eq!((summary.ttft.p99, summary.ttft.n), (Percentile::Ms(73.26226622999998), Some(40)));
    assert_eq!((summary.chunk_gap.n, summary.in_flight_mean), (Some(280), Some(3.707068888023352)));
    assert_eq!((new.points[0].level, new.trials[0].repeat), (Level::Concurrency(4), 0));
    assert_eq!(new.source.as_ref().unwrap().version.as_deref(), Some("0.13.0"));
    assert!(new.caveats.contains(&Caveat::TimeZoneUnknown) && new.caveats.contains(&Caveat::LengthsAlike));
    let old = one("aiperf-0.2.json");
    let plan = &old.header.as_ref().unwrap().plan;
    assert_eq!(
        (plan.workload.input_tokens.clone(), plan.workload.output_tokens.clone()),
        (Some(Lengths::Fixed(128)), None)
    );
    let summary = old.trials[0].summary.as_ref().unwrap();
    assert_eq!((summary.attempted, summary.ok, summary.ttft.n), (53, 50, None));
    assert!(old.findings.iter().flatten().any(|f| f.rule == Rule::Failures { failed: 3, attempted: 53 }));
}

#[test]
fn the_studys_scripts() {
    let (views, report) = imported(&given("study"));
    assert_eq!(refused(&report), []);
    let names: Vec<&str> = views.keys().map(String::as_str).collect();
    let tgi = "Text Generation Inference";
    let expect = [
        format!("{tgi} kv_cache_study, GPU memory"),
        format!("{tgi} study, throughput, prompt 0"),
        format!("{tgi} study, throughput, prompt 1"),
        "vLLM recall, KV cache".to_owned(),
    ];
    assert_eq!(names, expect);
    let cache = &views["vLLM recall, KV cache"];
    assert_eq!((cache.points.len(), cache.trials.len()), (0, 0));
    let track = cache.telemetry.track("engine", "kv_used").unwrap();
    let peak = track.bins().map(|bin| bin.max).max();
    assert_eq!((peak, track.bins().map(|bin| bin.n).sum::<u64>()), (Some(271_429), 45));
    let memory = &views[&expect[0]];
    let track = memory.telemetry.track("gpu:all", "memory_used").unwrap();
    assert_eq!((track.absent[1], memory.points[0].level), (1, Level::Concurrency(128)));
    assert!(memory.findings.iter().flatten().any(|f| f.rule.label() == "concurrency never reached"));
    let script = &views[&expect[1]];
    assert_eq!(script.points.iter().map(|p| p.level).collect::<Vec<_>>(), [Level::Burst(1), Level::Burst(4)]);
    let point = script.points[1].summary.as_ref().unwrap();
    // Requests are there one by one, so a median over repeats is.
    assert!(point.ttft.n == Some(8) && point.ttft.p50.ms().is_some());
    assert!(script.caveats.contains(&Caveat::TimesUnknown) && !script.caveats.contains(&Caveat::SummariesOnly));
}

#[test]
fn a_broken_file_is_named_and_the_rest_goes_in() {
    let mut files = given("sweep");
    files.push(("sweep/cut.json".to_owned(), files[0].1[..200].to_vec()));
    files.push(("sweep/../../twin.json".to_owned(), files[0].1.clone()));
    files.push(("sweep/notes.txt".to_owned(), b"a note".to_vec()));
    files.push(("sweep/run=1.failure.json".to_owned(), br#"{"run_number": 1, "error_type": "X"}"#.to_vec()));
    files.push(("sweep/deep.json".to_owned(), "[".repeat(100_000).into_bytes()));
    files.push(("sweep/<script>alert(1)</script>.json".to_owned(), b"{}".to_vec()));
    let (views, report) = imported(&files);
    assert_eq!(views["vLLM sweep"], one_with_ids_of(&views["vLLM sweep"]));
    let refused = refused(&report);
    let check = |name: &str, words: &str| {
        let why = refused.iter().find(|(of, _)| *of == name).map(|(_, why)| *why);
        assert!(why.is_some_and(|why| why.contains(words)), "{name}: {why:?}");
    };
    check("sweep/cut.json", "It is broken: EOF");
    check("sweep/twin.json", "the same bytes as");
    check("sweep/notes.txt", "no result that is known here");
    check("sweep/run=1.failure.json", "a sweep's note that a run failed");
    check("sweep/deep.json", "recursion limit");
    check("sweep/<script>alert(1)</script>.json", "no result that is known here");
    assert_eq!(refused.len(), 6);
}

/// The sweep's run as it is without any other file, with the ids of another.
fn one_with_ids_of(other: &RunView) -> RunView {
    let mut view = one("sweep");
    view.header.clone_from(&other.header);
    view
}

#[tokio::test]
async fn what_is_there_already_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let log = SqliteLog::open(&dir.path().join("log.sqlite")).unwrap();
    let importer = Importer::new(log.clone(), BlobStore::open(dir.path().join("blobs")).unwrap());
    let first = importer.import(taken(&given("sweep"))).await.unwrap();
    let [run] = first.new_runs()[..] else { panic!("{first:?}") };
    let runs =
        async || log.rows(100, None).await.unwrap().into_iter().map(|row| (row.run, row.seq)).collect::<Vec<_>>();
    let before = runs().await;
    let again = importer.import(taken(&given("sweep"))).await.unwrap();
    let known = FileFate::Known { runs: vec![run.clone()] };
    assert!(again.files.iter().all(|file| file.fate == known), "{again:?}");
    assert_eq!((again.new_runs().len(), runs().await), (0, before));
    assert_eq!(log.rows(1, None).await.unwrap()[0].source.as_deref(), Some("vLLM bench"));
    // The projection is made anew as it was.
    drop((importer, log));
    let log = SqliteLog::open_as(&dir.path().join("log.sqlite"), u32::MAX).unwrap();
    let importer = Importer::new(log.clone(), BlobStore::open(dir.path().join("blobs")).unwrap());
    assert_eq!(importer.import(taken(&given("sweep"))).await.unwrap(), again);
    // What was deleted can come back.
    log.delete(run, None).await.unwrap();
    let back = importer.import(taken(&given("sweep"))).await.unwrap();
    let ids: Vec<&RunId> = back.new_runs();
    assert!(ids.len() == 1 && ids[0] != run);
}
