//! Owns the matrix of what GPUs and drivers do, each a file of `fixtures/nvml`: a script, and what must come of it.
//! Must not know the driver's interface; the fake library has it, so that the agent's own path runs.
// Helpers of a test may fail it; clippy exempts only the test functions themselves.

use crate::fake_nvml::FakeNvml;
use crate::fault_matrix::{Case, each, trouble_words};
use shared::telemetry::{Field, Look};
use std::collections::BTreeMap;
use tokenprism::load::Clock;
use tokenprism::telemetry::{Fast, Gpu, Reading, Row, Said, Slow, Source};

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
            Said::Trouble(trouble) => self.troubles.push((uuid(&trouble.source), trouble_words(&trouble))),
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

fn check(name: &str, text: &str, case: &Case) {
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
    let cases = each();
    cases.iter().for_each(|(name, text, case)| check(name, text, case));
    assert!(cases.len() >= 10, "{} cases", cases.len());
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
