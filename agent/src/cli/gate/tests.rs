//! Owns the cases of the gate's arguments, exit codes and reports.
//! Must not know how the gate decides.

use super::*;
use clap::Parser;
use shared::caveat::Verdict;
use shared::compare::{Recorded, RecordedPoint, RecordedTrial};
use shared::event::{Body, Event, Host, RunState};
use shared::ids::RunId;
use shared::plan::Level;
use shared::summary::Summary;
use shared::view::RunView;

#[test]
fn a_limit_is_a_percentage() {
    let check = |text: &str, expect: Option<f64>| assert_eq!(share(text).ok(), expect, "{text}");
    check("5%", Some(0.05));
    check("5 %", Some(0.05));
    check("0", Some(0.0));
    check("12.5%", Some(0.125));
    check("-1%", None);
    check("nan", None);
    check("five", None);
}

#[test]
fn one_limit_serves_all_figures_or_each_has_its_own() {
    let of = |metrics: &[&str], regressions: &[f64]| {
        let metrics: Vec<String> = metrics.iter().map(|m| (*m).to_owned()).collect();
        limits(&metrics, regressions)
            .map(|limits| limits.iter().map(|limit| (limit.figure.key(), limit.max_regression)).collect::<Vec<_>>())
            .ok()
    };
    let pair = |key: &str, share: f64| (key.to_owned(), share);
    assert_eq!(of(&["ttft_p99"], &[0.05]), Some(vec![pair("ttft.p99", 0.05)]));
    assert_eq!(of(&["ttft", "tpot"], &[0.05]), Some(vec![pair("ttft.mean", 0.05), pair("tpot.mean", 0.05)]));
    assert_eq!(of(&["ttft", "tpot"], &[0.05, 0.1]), Some(vec![pair("ttft.mean", 0.05), pair("tpot.mean", 0.1)]));
    assert_eq!(of(&["ttft", "tpot", "itl"], &[0.05, 0.1]), None);
    assert_eq!(of(&["nonsense"], &[0.05]), None);
}

#[test]
fn a_run_before_its_creation_is_none() {
    assert_eq!(Recorded::of(&RunView::default()), None);
    assert_eq!(code(&[]), BAD_INPUT);
}

#[derive(Parser)]
struct Words {
    #[command(flatten)]
    gate: GateArgs,
}

/// A run that is done: so many trials of these levels, each about as fast.
fn measured(number: u64, levels: &[u32]) -> Recorded {
    let plan = Box::new(shared::preset::find("first").unwrap());
    let run = RunId::new(number, 1);
    let created = Body::Created { run, plan, anchor_unix_ms: 1, host: Host::default(), agent_version: "1".to_owned() };
    let mut view = RunView::default();
    view.apply(&Event { seq: 1, t_ns: 1, body: created });
    let mut recorded = Recorded::of(&view).unwrap();
    let summary = |value: f64| Summary { output_throughput: Some(value), ..Summary::default() };
    let point = |level: &u32| RecordedPoint {
        configuration: 0,
        variant: String::new(),
        level: Level::Concurrency(*level),
        summary: Some(summary(100.0)),
        intervals: Default::default(),
        engines: vec![],
        verdict: Verdict::Valid,
    };
    let trial =
        |point: u32, repeat: u32| RecordedTrial { point, repeat, summary: summary(100.0 + f64::from(repeat) / 10.0) };
    recorded.state = Some(RunState::Done);
    recorded.points = levels.iter().map(point).collect();
    let points = 0..levels.len() as u32;
    recorded.trials = points.flat_map(|point| (0..5).map(move |repeat| trial(point, repeat))).collect();
    recorded
}

/// A folder with files of runs and of a study, and what the gate writes.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        let run = |number: u64, levels: &[u32]| serde_json::to_value(measured(number, levels)).unwrap();
        let named = |index: u32, label: &str, recorded| serde_json::json!({"index": index, "label": label, "recorded": recorded});
        let study = [named(0, "vLLM, qa", run(7, &[1, 8])), named(1, "vLLM, sums", run(8, &[2]))];
        folder.write("two.json", &run(1, &[1, 8]));
        folder.write("one.json", &run(2, &[1]));
        folder.write("other.json", &run(3, &[64]));
        folder.write("a#study.json", &serde_json::json!({"runs": study}));
        std::fs::write(folder.path("broken.json"), "{").unwrap();
        folder
    }

    fn write(&self, name: &str, value: &serde_json::Value) {
        std::fs::write(self.path(name), value.to_string()).unwrap();
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    /// The exit code, and both reports. `FOLDER/` in a name is the folder.
    async fn gate(&self, baseline: &str, candidate: &str) -> (u8, String, String) {
        let [baseline, candidate] = [baseline, candidate].map(|name| name.replace("FOLDER/", &self.path("")));
        let (junit, markdown, data) = (self.path("junit.xml"), self.path("summary.md"), self.path("data"));
        std::fs::write(&markdown, "").unwrap();
        let words = ["gate", &baseline, &candidate, "--metric", "output_throughput", "--max-regression", "5%"];
        let reports = ["--junit", &junit, "--markdown", &markdown, "--data", &data];
        let code = gate(Words::try_parse_from(words.iter().chain(&reports)).unwrap().gate).await.unwrap();
        (code, std::fs::read_to_string(junit).unwrap(), std::fs::read_to_string(markdown).unwrap())
    }
}

#[tokio::test]
async fn the_reports_are_written_whatever_the_gate_comes_to() {
    let folder = Folder::new();
    let check = async |baseline: &str, candidate: &str, code: u8, counts: &str, words: &str| {
        let (got, junit, markdown) = folder.gate(baseline, candidate).await;
        assert_eq!(got, code, "{baseline}, {candidate}: {markdown}");
        assert!(junit.contains(counts) && junit.contains(words), "{junit}");
        assert!(markdown.starts_with("## Performance gate: ") && markdown.contains(words), "{markdown}");
    };
    let refused = "tests=\"1\" failures=\"0\" errors=\"1\"";
    check("FOLDER/two.json", "FOLDER/two.json", DONE, "tests=\"2\" failures=\"0\" errors=\"0\"", "5.0").await;
    // A level that the candidate lacks does not pass.
    let missing = "has no point 8 in flight";
    check("FOLDER/two.json", "FOLDER/one.json", BAD_INPUT, "tests=\"2\" failures=\"0\" errors=\"1\"", missing).await;
    check("FOLDER/one.json", "FOLDER/two.json", DONE, "errors=\"0\"", "Only the candidate has 8 in flight").await;
    check("FOLDER/one.json", "FOLDER/other.json", BAD_INPUT, refused, "no point in common").await;
    check("FOLDER/broken.json", "FOLDER/one.json", BAD_INPUT, refused, "is no export").await;
    check("FOLDER/one.json", "FOLDER/none.json", BAD_INPUT, refused, "neither a file, nor a study, nor a run").await;
    check("FOLDER/one.json", "r00000000000000000000", BAD_INPUT, refused, "r00000000000000000000").await;
}

#[tokio::test]
async fn one_run_of_a_study_is_picked_by_its_label_or_id() {
    let folder = Folder::new();
    let check = async |candidate: &str, code: u8, words: &[&str]| {
        let (got, _, markdown) = folder.gate("FOLDER/two.json", candidate).await;
        assert_eq!(got, code, "{candidate}: {markdown}");
        assert!(words.iter().all(|words| markdown.contains(words)), "{markdown}");
    };
    check("FOLDER/a#study.json#vLLM, qa", DONE, &["no regression"]).await;
    check(&format!("FOLDER/a#study.json#{}", RunId::new(7, 1)), DONE, &["no regression"]).await;
    check("FOLDER/a#study.json#vLLM, sums", BAD_INPUT, &["no point in common"]).await;
    let ids = [RunId::new(7, 1), RunId::new(8, 1)].map(|run| run.to_string());
    let choice = ["a#study.json#vLLM, qa\"", "a#study.json#vLLM, sums\"", &ids[0], &ids[1]];
    check("FOLDER/a#study.json", BAD_INPUT, &[&["holds 2 runs"][..], &choice].concat()).await;
    check("FOLDER/a#study.json#TGI", BAD_INPUT, &[&["holds no run \"TGI\""][..], &choice].concat()).await;
}

#[tokio::test]
async fn a_report_that_cannot_be_written_is_no_regression() {
    let folder = Folder::new();
    let words =
        ["gate", "FOLDER/one.json", "FOLDER/one.json", "--metric", "output_throughput", "--max-regression", "5"];
    let words = words.map(|word| word.replace("FOLDER/", &folder.path("")));
    let junit = folder.path("none/junit.xml");
    let args = words.iter().map(String::as_str).chain(["--junit", &junit]);
    assert_eq!(gate(Words::try_parse_from(args).unwrap().gate).await.unwrap(), BAD_INPUT);
}
