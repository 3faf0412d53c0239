//! Owns the tests of exports through the real program: by the command, beside a serving agent, and over HTTP.
//! Must not know how any format is written.

use crate::support::{Agent, PROGRAM, SHORT_PLAN, TOKEN, client, finished};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const FORMATS: [&str; 6] = ["json", "csv", "parquet", "sweep", "study", "archive"];

fn tokenprism(data: &Path, args: &[&str]) -> Output {
    finished(Command::new(PROGRAM).args(args).arg("--data").arg(data))
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Exports a run in every format into a folder, and gives all files below it.
fn exported(data: &Path, run: &str, to: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    for format in FORMATS {
        let out = to.join(format);
        let output = tokenprism(data, &["export", run, "--format", format, "--out", out.to_str().unwrap()]);
        assert!(output.status.success(), "{format}: {}", told(&output));
    }
    let mut files = BTreeMap::new();
    below(to, to, &mut files);
    files
}

fn below(root: &Path, folder: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            below(root, &path, files);
        } else {
            files.insert(path.strip_prefix(root).unwrap().to_owned(), std::fs::read(&path).unwrap());
        }
    }
}

#[tokio::test]
async fn a_run_of_the_built_in_engine_travels_and_is_the_same_everywhere() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let plan = at("plan.toml");
    std::fs::write(&plan, SHORT_PLAN).unwrap();
    let json = at("run.json");
    let output = tokenprism(&at("a"), &["run", plan.to_str().unwrap(), "--json", json.to_str().unwrap()]);
    assert!(matches!(output.status.code(), Some(0 | 3 | 4)), "{}", told(&output));
    let form: serde_json::Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    let run = form["run"].as_str().unwrap();
    let first = exported(&at("a"), run, &at("out-a"));
    assert_eq!(first[Path::new("json")], std::fs::read(&json).unwrap(), "run --json writes the same form");
    assert!(
        first.keys().any(|path| path.ends_with("BENCH--max_concurrency=4/run=0.json")
            || path.to_string_lossy().contains("-BENCH--max_concurrency=4/run=0.json")),
        "{:?}",
        first.keys()
    );

    // Nothing is replaced unasked.
    let csv = at("out-a/csv");
    let again = tokenprism(&at("a"), &["export", run, "--format", "csv", "--out", csv.to_str().unwrap()]);
    assert!(!again.status.success() && told(&again).contains("--force"), "{}", told(&again));
    let forced = tokenprism(&at("a"), &["export", run, "--format", "csv", "--force", "--out", csv.to_str().unwrap()]);
    assert!(forced.status.success(), "{}", told(&forced));

    // Elsewhere, by the command: the same run.
    let archive = at("out-a/archive");
    let import = |data: &Path| told(&tokenprism(data, &["import", archive.to_str().unwrap()]));
    assert!(import(&at("b")).starts_with(&format!("imported as {run}: ")));
    assert!(import(&at("b")).starts_with(&format!("there already as {run}: ")));
    assert_eq!(exported(&at("b"), run, &at("out-b")), first);

    // And by a serving agent, which takes it in over HTTP and exports it for the command.
    std::fs::create_dir(at("c")).unwrap();
    let agent = Agent::start(&at("c"));
    assert!(import(&at("c")).starts_with(&format!("imported as {run}: ")));
    assert_eq!(exported(&at("c"), run, &at("out-c")), first);
    let get = |path: String| client().get(format!("{}{path}", agent.url)).bearer_auth(TOKEN).send();
    let answer = get(format!("/api/v1/runs/{run}/export?format=archive")).await.unwrap();
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-disposition"), format!("attachment; filename=\"{run}.tokenprism\""));
    assert_eq!(header("content-length"), first[Path::new("archive")].len().to_string());
    assert_eq!(answer.bytes().await.unwrap(), first[Path::new("archive")]);
    let (status, view) = agent.get(&format!("/api/v1/runs/{run}")).await;
    assert_eq!((status, &view["header"]["run"]), (200, &run.into()));
    let (status, _) = agent.get(&format!("/api/v1/runs/{run}/export?format=pdf")).await;
    assert_eq!(status, 400);
}

#[test]
fn a_wrong_id_is_told_as_a_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let check = |id: &str, words: &str| {
        let output = tokenprism(dir.path(), &["export", id, "--format", "json"]);
        assert!(output.status.code() == Some(1) && told(&output).contains(words), "{}", told(&output));
    };
    check("nonsense", "is neither a run nor a study");
    check("r00000000000100000001", "There is no run");
    check("s00000000000100000001", "There is no study");
}
