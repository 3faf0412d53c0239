//! Owns the tests of what is read again: the JSON form by compare and import, the layouts by import.
//! Must not know how files are written.

use super::fixture::{Store, fixtures, trials};
use crate::export::{Format, METRICS_DATA, PLOTS_MISSING, Part, RunForm, untar};
use serde_json::Value;
use shared::compare::Recorded;
use shared::ids::RunId;
use shared::plan::Level;
use shared::summary::Summary;
use shared::view::RunView;
use shared::wire::FileFate;
use std::path::Path;
use std::sync::Arc;

async fn view(store: &Store, run: &RunId) -> Arc<RunView> {
    store.log.view(run).await.unwrap().unwrap()
}

fn parts(tar: &[u8]) -> Vec<(String, Vec<u8>)> {
    untar(tar).unwrap().into_iter().map(|Part { path, bytes }| (format!("out/{path}"), bytes)).collect()
}

#[tokio::test]
async fn our_own_form_is_read_by_compare_and_becomes_a_run_with_the_same_figures() {
    let (here, there) = (Store::new(), Store::new());
    let run = here.own_run(&trials()).await;
    let before = view(&here, &run).await;
    let json = here.bytes(&run, Format::Json).await;
    assert_eq!(serde_json::from_slice::<Recorded>(&json).unwrap(), Recorded::of(&before).unwrap());
    let report = there.import(&[("run.json".to_owned(), json.clone())]).await;
    let [new] = report.new_runs()[..] else { panic!("{report:?}") };
    assert_ne!(*new, run);
    let after = view(&there, new).await;
    assert_eq!((after.points.clone(), after.engines.clone()), (before.points.clone(), before.engines.clone()));
    let of = |view: &RunView| {
        view.trials.iter().map(|t| (t.point, t.repeat, t.summary.clone(), t.started_ns, t.ended_ns)).collect::<Vec<_>>()
    };
    assert_eq!(of(&after), of(&before));
    assert_eq!((after.verdict(), after.run_state()), (before.verdict(), before.run_state()));
    let source = after.source.as_ref().unwrap();
    assert_eq!((source.tool.as_str(), source.version.as_deref()), ("Tokenprism", Some("0.1.0")));
    assert_eq!(after.header.as_ref().unwrap().host, before.header.as_ref().unwrap().host);
    // What is written again has the same figures, and the same file is known.
    let again: RunForm = serde_json::from_slice(&there.bytes(new, Format::Json).await).unwrap();
    let first: RunForm = serde_json::from_slice(&json).unwrap();
    assert_eq!((&again.points, &again.trials), (&first.points, &first.trials));
    let report = there.import(&[("other.json".to_owned(), json)]).await;
    assert_eq!(report.files[0].fate, FileFate::Known { runs: vec![new.clone()] });
    // It has no records.
    assert!(there.refusal(new, Format::Sweep).await.contains("whose definitions are others"));
}

#[tokio::test]
async fn a_form_that_cannot_be_a_run_is_refused() {
    let (here, there) = (Store::new(), Store::new());
    let run = here.own_run(&trials()).await;
    let form: Value = serde_json::from_slice(&here.bytes(&run, Format::Json).await).unwrap();
    let check = async |change: &dyn Fn(&mut Value), words: &str| {
        let mut form = form.clone();
        change(&mut form);
        let report = there.import(&[("x.json".to_owned(), form.to_string().into_bytes())]).await;
        let FileFate::Refused { why } = &report.files[0].fate else { panic!("{report:?}") };
        assert!(why.contains(words), "{why}");
    };
    check(&|f| f["schema"] = 2.into(), "version 2").await;
    check(&|f| f["state"] = "running".into(), "had not ended").await;
    check(&|f| f["trials"][0]["point"] = 9.into(), "of no point").await;
    check(&|f| f["trials"][1] = f["trials"][0].clone(), "there twice").await;
    check(&|f| f["trials"][0]["engine"] = 5.into(), "an engine that is not in it").await;
    check(&|f| f["points"] = Value::Array(vec![]), "Its plan has 2 points").await;
    check(&|f| f["points"][0]["level"] = "high".into(), "broken").await;
}

#[tokio::test]
async fn a_sweep_is_read_again_with_its_own_figures() {
    let (here, there) = (Store::new(), Store::new());
    let run = here.own_run(&trials()).await;
    let files = parts(&here.bytes(&run, Format::Sweep).await);
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    let at = |level: u32, file: &str| {
        format!("out/20251202_234641/SERVE--max_num_seqs=64-prefix_caching=False-BENCH--max_concurrency={level}/{file}")
    };
    for level in [1, 4] {
        for file in ["run=0.json", "run=1.json", "summary.json"] {
            assert!(names.contains(&at(level, file).as_str()), "{file} of {level} is not in {names:?}");
        }
    }
    let report = there.import(&files).await;
    let [new] = report.new_runs()[..] else { panic!("{report:?}") };
    let refused: Vec<&str> = report
        .files
        .iter()
        .filter(|file| matches!(file.fate, FileFate::Refused { .. }))
        .map(|file| file.name.as_str())
        .collect();
    assert_eq!(refused, ["out/20251202_234641/definitions.json"]);
    let after = view(&there, new).await;
    let levels: Vec<Level> = after.points.iter().map(|point| point.level).collect();
    assert_eq!((levels, after.trials.len()), (vec![Level::Concurrency(1), Level::Concurrency(4)], 4));
    let params: Vec<&str> = after.header.as_ref().unwrap().plan.engine.params.keys().map(String::as_str).collect();
    assert_eq!(params, ["max_num_seqs", "prefix_caching"]);
    // A run that the bench measured goes out again with what came in.
    let again = parts(&there.bytes(new, Format::Sweep).await);
    let json = |files: &[(String, Vec<u8>)], end: &str| -> Value {
        let (_, bytes) = files.iter().find(|(name, _)| name.ends_with(end)).unwrap();
        serde_json::from_slice(bytes).unwrap()
    };
    for end in ["max_concurrency=1/run=0.json", "max_concurrency=4/run=1.json"] {
        let (first, second) = (json(&files, end), json(&again, end));
        for (name, value) in first.as_object().unwrap() {
            // What a summary of it has no place for is gone.
            let kept = !name.starts_with("std_") && !name.starts_with("max_") && name != "request_goodput";
            assert!(!kept || second[name] == *value, "{end}, {name}: {value} became {}", second[name]);
        }
    }
}

#[tokio::test]
async fn a_sweep_of_the_bench_itself_goes_out_as_it_came() {
    let store = Store::new();
    let runs = store.import_folder(fixtures().join("sweep")).await;
    let files = parts(&store.bytes(&runs[0], Format::Sweep).await);
    let mut compared = 0;
    for found in crate::import::walk(&[fixtures().join("sweep")]) {
        let crate::import::Found::File { name, path } = found else { panic!("{found:?}") };
        if !name.contains("run=") {
            continue;
        }
        let came: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let same = |went: &Value| {
            went["max_concurrency"] == came["max_concurrency"] && went["run_number"] == came["run_number"]
        };
        let went: Vec<Value> = files
            .iter()
            .filter(|(name, _)| name.contains("run="))
            .map(|(_, bytes)| serde_json::from_slice(bytes).unwrap())
            .collect();
        let went = went.iter().find(|went| same(went)).unwrap();
        for name in [
            "date",
            "duration",
            "completed",
            "mean_ttft_ms",
            "p99_tpot_ms",
            "median_itl_ms",
            "output_throughput",
            "max_num_seqs",
            "backend",
        ] {
            assert_eq!(went[name], came[name], "{name}");
        }
        compared += 1;
    }
    assert_eq!(compared, 4);
}

#[tokio::test]
async fn the_studys_folders_are_read_again() {
    let (here, there) = (Store::new(), Store::new());
    let run = here.own_run(&trials()).await;
    let files = parts(&here.bytes(&run, Format::Study).await);
    let all: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    let (names, plots) = all.split_at(4);
    let expect = [
        "out/results/metrics_study/metrics_data.json",
        "out/results/metrics_study/metrics_summary.csv",
        "out/results/kv_cache_study/gpu_memory_data.json",
        "out/kv_cache_study/QA,_two_levels/kv_cache_data.json",
    ];
    assert_eq!(names, expect);
    assert!(names[0].ends_with(METRICS_DATA));
    plots_are_drawn(plots, &files[4..]);
    let report = there.import(&files).await;
    let refused: Vec<&str> = report
        .files
        .iter()
        .filter(|file| matches!(file.fate, FileFate::Refused { .. }))
        .map(|file| file.name.as_str())
        .collect();
    // In the order of names.
    let mut unread = vec!["out/results/metrics_study/metrics_summary.csv"];
    unread.extend(plots);
    unread.sort_unstable();
    assert_eq!(refused, unread);
    let mut found = Vec::new();
    for run in report.new_runs() {
        let view = view(&there, run).await;
        assert_eq!(view.source.as_ref().unwrap().tool, "Tokenprism");
        let peak = |source: &str, signal: &str| {
            view.telemetry.track(source, signal).and_then(|track| track.bins().map(|bin| bin.max).max())
        };
        found.push((view.points.len(), peak("engine", "kv_used"), peak("gpu:all", "memory_used")));
    }
    found.sort();
    // The figures, the memory of the trial at the highest level, and the cache's share in ppm.
    assert_eq!(found, [(0, Some(291_429), None), (1, None, Some(21 << 30)), (2, None, None)]);
    let cache: Value = serde_json::from_slice(&files[3].1).unwrap();
    // A read without an answer is a gap.
    assert_eq!(cache["history_values"], serde_json::json!([0.0, 12.5, 29.1429]));
    assert_eq!((&cache["peak_usage_percent"], &cache["max_concurrency"]), (&29.1429.into(), &4.into()));
    let memory: Value = serde_json::from_slice(&files[2].1).unwrap();
    assert_eq!((&memory["peak_memory_mb"], &memory["total_memory_mb"]), (&21_504.0.into(), &24_576.0.into()));
    assert_eq!((&memory["num_prompts"], &memory["baseline_memory_mb"]), (&6.into(), &Value::Null));
}

/// Each plot is a picture of twice its size, or where this binary has no chart library the reason stands in their place.
fn plots_are_drawn(names: &[&str], files: &[(String, Vec<u8>)]) {
    if crate::dashboard::file("echarts.min.js").is_none() {
        assert_eq!(names, [format!("out/{PLOTS_MISSING}")]);
        let told = String::from_utf8(files[0].1.clone()).unwrap();
        assert!(told.contains("kv_cache_timeline.png: This agent was built without its dashboard"), "{told}");
        return;
    }
    let expect = [
        "out/results/metrics_study/plots/by-level.png",
        "out/results/metrics_study/plots/ttft-by-level.png",
        "out/results/metrics_study/plots/curve-per-user-throughput.png",
        "out/results/metrics_study/plots/curve-ttft-mean.png",
        "out/results/metrics_study/plots/curve-tpot-mean.png",
        "out/results/metrics_study/plots/curve-e2e-mean.png",
        "out/results/metrics_study/plots/pareto.png",
        "out/results/kv_cache_study/gpu_memory_timeline.png",
        "out/kv_cache_study/QA,_two_levels/kv_cache_timeline.png",
    ];
    assert_eq!(names, expect);
    for (name, bytes) in files {
        // The width of a PNG stands at a fixed place.
        assert_eq!((&bytes[1..4], &bytes[16..20]), (&b"PNG"[..], &1600u32.to_be_bytes()[..]), "{name}");
    }
}

#[tokio::test]
async fn the_table_has_a_line_a_trial_and_a_point_and_empty_cells_for_what_is_unknown() {
    let store = Store::new();
    let run = store.own_run(&trials()).await;
    let bytes = store.bytes(&run, Format::Csv).await;
    let mut reader = csv::Reader::from_reader(bytes.as_slice());
    let names: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let rows: Vec<Vec<String>> = reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
    let cell = |row: usize, name: &str| rows[row][names.iter().position(|of| of == name).unwrap()].as_str();
    let scopes: Vec<&str> = (0..rows.len()).map(|row| cell(row, "scope")).collect();
    assert_eq!(scopes, ["trial", "trial", "point", "trial", "trial", "point"]);
    let before = view(&store, &run).await;
    let summary: &Summary = before.points[1].summary.as_ref().unwrap();
    let number = |row: usize, name: &str| cell(row, name).parse::<f64>().ok();
    assert_eq!(number(5, "ttft_mean_ms"), summary.ttft.mean_ms);
    assert_eq!(number(5, "output_throughput_tok_per_s"), summary.output_throughput);
    assert_eq!(number(5, "ttft_mean_half_width_ms"), Some(before.points[1].intervals["ttft.mean"].half_width));
    assert_eq!((cell(5, "trial"), cell(4, "trial"), cell(4, "repeat")), ("", "3", "1"));
    for unknown in ["cost_usd_per_mtok_output", "energy_j", "kv_peak_share", "offered_rate_req_per_s", "ttft_p99_ms"] {
        assert_eq!(cell(5, unknown), "", "{unknown}");
    }
    assert!(cell(5, "ttft_bounds").contains("p99 needs n >= 100"), "{}", cell(5, "ttft_bounds"));
}

/// Names of columns and of the records' columns are all in the documentation.
#[test]
fn every_column_is_documented() {
    let docs = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/export.md")).unwrap();
    let of_table = crate::export::COLUMNS.iter().map(|column| (column.name, column.says));
    let of_records = crate::export::parquet::COLUMNS.iter().map(|column| (column.name, column.says));
    for (name, says) in of_table.chain(of_records) {
        assert!(
            docs.contains(&format!("| `{name}` |")) && docs.contains(says),
            "{name} is not in docs/export.md as it is"
        );
    }
}
