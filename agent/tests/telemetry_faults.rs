//! Owns the matrix of what GPUs and drivers do, each a file of `fixtures/nvml`: a script, and what must come of it.
//! Must not know the driver's interface; the fake library has it, so that the agent's own path runs.
// Helpers of a test may fail it; clippy exempts only the test functions themselves.
#![allow(clippy::unwrap_used)]

#[path = "support/fake_nvml.rs"]
mod fake_nvml;

use fake_nvml::FakeNvml;
use serde::Deserialize;
use shared::telemetry::{Field, Look, TroubleKind};
use std::collections::BTreeMap;
use std::path::Path;
use tokenprism::load::Clock;
use tokenprism::telemetry::{Fast, Gpu, Reading, Row, Said, Slow, Source};

/// What a file of the matrix says beside its script.
#[derive(Deserialize)]
struct Case {
    /// What happens, as a sentence.
    about: String,
    /// How often everything is read.
    #[serde(default = "once")]
    reads: usize,
    /// Functions that the library lacks.
    #[serde(default)]
    missing_functions: Vec<String>,
    /// GPUs that are asked for; all where none is named.
    #[serde(default)]
    wanted: Vec<String>,
    /// What GPUs held before an engine was started, bytes.
    #[serde(default)]
    before: BTreeMap<String, u64>,
    /// GPUs that are found, in this order.
    found: Vec<String>,
    /// Words of the sentences about those that are not.
    #[serde(default)]
    not_found: Vec<String>,
    /// Names of GPUs that use the host's memory.
    #[serde(default)]
    unified: Vec<String>,
    /// The whole GPU of each slice.
    #[serde(default)]
    slice_of: BTreeMap<String, String>,
    #[serde(default)]
    expect: Vec<Expect>,
    /// What happened, in order: GPU and what.
    #[serde(default)]
    troubles: Vec<(String, String)>,
}

fn once() -> usize {
    1
}

/// What must come of one read of one GPU: a number, `not supported`, or `failed` and a code.
#[derive(Deserialize)]
struct Expect {
    gpu: String,
    #[serde(default)]
    read: usize,
    #[serde(default)]
    fields: BTreeMap<String, toml::Value>,
    /// Process ids in order of what they hold.
    processes: Option<Vec<u32>>,
}

/// What was said of a GPU: by read and signal, and its processes by read.
#[derive(Default)]
struct Seen {
    fields: BTreeMap<(String, usize), BTreeMap<String, Field>>,
    looks: BTreeMap<(String, usize), Look>,
    troubles: Vec<(String, String)>,
}

impl Seen {
    fn read(&mut self, read: usize, source: &mut dyn Source, clock: &Clock) {
        let uuid = |source: &str| source.strip_prefix("gpu:").unwrap().to_owned();
        source.read(clock, &mut |said| match said {
            Said::Row(Row { source, begun_ns, ended_ns, fields }) => {
                assert!(begun_ns <= ended_ns);
                let seen = self.fields.entry((uuid(&source), read)).or_default();
                seen.extend(fields.into_iter().map(|(signal, field)| (signal.key.to_owned(), field)));
            }
            Said::Look(look) => drop(self.looks.insert((uuid(&look.source), read), look)),
            Said::Trouble(trouble) => {
                let words = match trouble.kind {
                    TroubleKind::Lost => format!("lost {}", trouble.code),
                    TroubleKind::Back => "back".to_owned(),
                    TroubleKind::Xid => format!("xid {}", trouble.code),
                    TroubleKind::Unknown => "unknown".to_owned(),
                };
                self.troubles.push((uuid(&trouble.source), words));
            }
        });
    }
}

fn words_of(field: Option<&Field>) -> toml::Value {
    match field {
        Some(Field::Value(value)) => toml::Value::Integer(i64::try_from(*value).unwrap()),
        Some(Field::NotSupported) => "not supported".into(),
        Some(Field::Failed(Field::IMPLAUSIBLE)) => "implausible".into(),
        Some(Field::Failed(Field::BEGAN_ANEW)) => "began anew".into(),
        Some(Field::Failed(Field::UNREADABLE)) => "unreadable".into(),
        Some(Field::Failed(code)) => format!("failed {code}").into(),
        None => "not read".into(),
    }
}

fn check(name: &str, text: &str) {
    let case: Case = toml::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(case.about.ends_with('.'), "{name} says what happens");
    let fake = FakeNvml::without(text, &case.missing_functions);
    let nvml = fake.nvml();
    let (gpus, not_found) = nvml.gpus(&case.wanted);
    let of = |keep: &dyn Fn(&Gpu) -> bool| -> Vec<String> {
        gpus.iter().filter(|gpu| keep(gpu)).map(|gpu| gpu.facts.uuid.clone()).collect()
    };
    assert_eq!(of(&|_| true), case.found, "{name}: found");
    assert_eq!(of(&|gpu| gpu.facts.is_unified), case.unified, "{name}: unified");
    let slices = gpus.iter().filter_map(|gpu| Some((gpu.facts.uuid.clone(), gpu.facts.slice_of.clone()?)));
    assert_eq!(slices.collect::<BTreeMap<_, _>>(), case.slice_of, "{name}: slices");
    assert_eq!(not_found.len(), case.not_found.len(), "{name}: {not_found:?}");
    for (sentence, words) in not_found.iter().zip(&case.not_found) {
        assert!(sentence.contains(words), "{name}: {sentence} lacks {words}");
    }
    let (mut fast, mut slow) = (Fast::of(gpus), Slow::of(nvml, nvml.gpus(&case.wanted).0).knowing(&case.before));
    let (mut seen, clock) = (Seen::default(), Clock::starting_now());
    for read in 0..case.reads {
        seen.read(read, &mut fast, &clock);
        seen.read(read, &mut slow, &clock);
    }
    for expect in &case.expect {
        let place = (expect.gpu.clone(), expect.read);
        for (signal, expected) in &expect.fields {
            let got = words_of(seen.fields.get(&place).and_then(|fields| fields.get(signal)));
            assert_eq!(got, *expected, "{name}: {signal} of {} at read {}", expect.gpu, expect.read);
        }
        if let Some(pids) = &expect.processes {
            let got: Vec<u32> = seen.looks[&place].processes.iter().map(|process| process.pid).collect();
            assert_eq!(got, *pids, "{name}: processes of {} at read {}", expect.gpu, expect.read);
        }
    }
    assert_eq!(seen.troubles, case.troubles, "{name}: troubles");
}

#[test]
fn every_fault_of_the_matrix_is_told_as_what_it_is() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/nvml");
    let mut cases = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            check(&path.file_stem().unwrap().to_string_lossy(), &std::fs::read_to_string(&path).unwrap());
            cases += 1;
        }
    }
    assert!(cases >= 10, "{cases} cases");
}

#[test]
fn a_driver_that_is_not_there_and_one_that_does_not_answer_are_told_apart() {
    let of = |init: &str| FakeNvml::playing(&format!("init = \"{init}\"\n")).open();
    assert!(matches!(of("driver_not_loaded"), Reading::NotSupported));
    assert!(matches!(of("version_mismatch"), Reading::Failed(why) if why.contains("mismatch")));
    assert!(matches!(of("no_permission"), Reading::Failed(_)));
    // Its first function is missing: no such library that we know.
    let empty = FakeNvml::without("", &["nvmlInit_v2".to_owned()]);
    assert!(!matches!(empty.open(), Reading::Value(_)));
}
