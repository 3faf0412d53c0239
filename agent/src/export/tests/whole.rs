//! Owns the tests of archives: a run that comes back is the same run, and one that is damaged changes nothing.
//! Must not know how an archive is laid out beyond that it is zstd.

use super::fixture::{Store, fixtures, record, trials};
use crate::export::Format;
use crate::record::RequestRecord;
use proptest::prelude::*;
use shared::event::{Body, RunState};
use shared::ids::RunId;
use shared::outcome::Outcome;
use shared::wire::{FileFate, ImportReport};

fn named(bytes: Vec<u8>) -> [(String, Vec<u8>); 1] {
    [("some/run.tokenprism".to_owned(), bytes)]
}

fn fate(report: &ImportReport) -> &FileFate {
    &report.files[0].fate
}

fn why(report: &ImportReport) -> &str {
    if let FileFate::Refused { why } = fate(report) { why } else { panic!("{report:?}") }
}

/// Every format of a run in one store is, byte for byte, that of the same run in another that took its archive in.
async fn comes_back(here: &Store, run: &RunId, formats: &[Format]) {
    let there = Store::new();
    let archive = here.bytes(run, Format::Archive).await;
    let report = there.import(&named(archive.clone())).await;
    assert_eq!(*fate(&report), FileFate::Imported { runs: vec![run.clone()] });
    assert_eq!(there.log.read_from(run, 0, 10_000).await.unwrap(), here.log.read_from(run, 0, 10_000).await.unwrap());
    let rows = |store: &Store| store.log.clone();
    assert_eq!(rows(here).view(run).await.unwrap(), rows(&there).view(run).await.unwrap());
    for format in formats {
        assert!(here.bytes(run, *format).await == there.bytes(run, *format).await, "{format:?} differs");
    }
    assert!(archive == there.bytes(run, Format::Archive).await);
    let again = there.import(&named(archive)).await;
    assert_eq!(*fate(&again), FileFate::Known { runs: vec![run.clone()] });
}

#[tokio::test]
async fn a_run_comes_back_as_it_was() {
    let here = Store::new();
    let run = here.own_run(&trials()).await;
    comes_back(&here, &run, &Format::ALL).await;
}

#[tokio::test]
async fn an_imported_run_comes_back_as_it_was() {
    for folder in ["sweep", "study", "guidellm-0.8.1.json", "vllm-bench-detailed.json"] {
        let here = Store::new();
        for run in here.import_folder(fixtures().join(folder)).await {
            comes_back(&here, &run, &[Format::Json, Format::Csv, Format::Study]).await;
            let refusal = here.refusal(&run, Format::Parquet).await;
            assert!(refusal.contains("no records of requests"), "{refusal}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn whatever_its_records_were(seeds in prop::collection::vec(prop::collection::vec((0u64..5000, 0u32..9, 0usize..12), 0..9), 1..5)) {
        let trials: Vec<Vec<RequestRecord>> = (0u64..).zip(&seeds).map(|(trial, requests)| {
            let one = |(id, (sent, tokens, outcome)): (u64, &(u64, u32, usize))| {
                let whole = record(trial, trial * 100 + id, *sent, *tokens);
                let outcome = Outcome::ALL[*outcome];
                let sent_ns = whole.sent_ns.filter(|_| outcome != Outcome::Unsent);
                let output_tokens = whole.output_tokens.filter(|_| outcome.is_ok());
                RequestRecord { outcome, sent_ns, output_tokens, error: (!outcome.is_ok()).then(|| format!("é {id}")), ..whole }
            };
            (0u64..).zip(requests).map(one).collect()
        }).collect();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let here = Store::new();
            let run = here.own_run(&trials).await;
            let mut formats = vec![Format::Json, Format::Csv, Format::Study];
            formats.extend(seeds.iter().any(|trial| !trial.is_empty()).then_some(Format::Parquet));
            comes_back(&here, &run, &formats).await;
        });
    }
}

#[tokio::test]
async fn a_damaged_archive_is_refused_and_leaves_nothing() {
    let here = Store::new();
    let run = here.own_run(&trials()).await;
    let archive = here.bytes(&run, Format::Archive).await;
    let there = Store::new();
    let mut damaged: Vec<Vec<u8>> = (0..archive.len())
        .step_by(97)
        .map(|at| {
            let mut bytes = archive.clone();
            bytes[at] ^= 0x20;
            bytes
        })
        .collect();
    damaged.extend((4..archive.len()).step_by(301).map(|length| archive[..length].to_vec()));
    for bytes in damaged {
        let report = there.import(&named(bytes)).await;
        // A flipped bit in a header of the archive changes what is in it nowhere, or it is refused.
        let FileFate::Refused { why } = fate(&report) else { panic!("{report:?}") };
        assert!(!why.is_empty());
        assert!(there.log.view(&run).await.unwrap().is_none());
    }
    assert_eq!(std::fs::read_dir(there.dir.path().join("blobs")).unwrap().count(), 0);
}

/// An archive made by hand of these files.
fn packed(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(zstd::Encoder::new(Vec::new(), 3).unwrap());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        tar.append_data(&mut header, name, *bytes).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

#[tokio::test]
async fn what_is_no_archive_of_ours_or_too_much_is_refused() {
    let there = Store::new();
    let check = async |bytes: Vec<u8>, words: &str| {
        let report = there.import(&named(bytes)).await;
        assert!(why(&report).contains(words), "{report:?}");
    };
    check(packed(&[("a.json", b"{}")]), "other archives are not opened").await;
    check(packed(&[("manifest.json", b"{}")]), "other archives are not opened").await;
    check(packed(&[("manifest.json", br#"{"tokenprism_archive": 9}"#)]), "version 9").await;
    check(packed(&[("manifest.json", br#"{"tokenprism_archive": 1, "study": null, "runs": []}"#)]), "no run").await;
    check(zstd::bulk::compress(b"text", 1).unwrap(), "other archives are not opened").await;
    // A few kB that would unpack to 200 MB.
    let zeros = vec![0u8; 200 << 20];
    let manifest = format!(
        r#"{{"tokenprism_archive": 1, "study": null, "runs": [{{"run": "r00000000000100000001", "blobs": [], "missing": [],
        "events": {{"n": 1, "bytes": {}, "sha256": "00"}}}}]}}"#,
        zeros.len()
    );
    let bomb = packed(&[("manifest.json", manifest.as_bytes()), ("r00000000000100000001/events", &zeros)]);
    check(bomb, "unpacks to more than 200 bytes for each of its own").await;
}

#[tokio::test]
async fn a_run_that_is_there_in_another_state_stays_as_it_is() {
    let (here, there) = (Store::new(), Store::new());
    let run = here.own_run(&trials()).await;
    let archive = here.bytes(&run, Format::Archive).await;
    there.import(&named(archive.clone())).await;
    let more = vec![(999, Body::State { state: RunState::Cancelled, reason: None })];
    there.log.append(&run, more).await.unwrap();
    let report = there.import(&named(archive.clone())).await;
    assert!(why(&report).contains("not as it is in the archive"), "{report:?}");
    there.log.delete(&run, None).await.unwrap();
    let report = there.import(&named(archive)).await;
    assert!(why(&report).contains("was deleted here"), "{report:?}");
}

#[tokio::test]
async fn a_run_that_has_not_ended_has_no_archive() {
    let here = Store::new();
    let run = here.own_run(&trials()).await;
    here.log.append(&run, vec![(999, Body::State { state: RunState::Running, reason: None })]).await.unwrap();
    assert!(here.refusal(&run, Format::Archive).await.contains("has not ended"));
    // Its figures so far can be had.
    assert!(!here.bytes(&run, Format::Json).await.is_empty());
}

#[tokio::test]
async fn records_that_are_gone_stay_gone_and_are_told_of() {
    let here = Store::new();
    let run = here.own_run(&trials()).await;
    let blobs = here.dir.path().join("blobs");
    std::fs::remove_file(blobs.join(format!("{run}-t1-a0.rmp.zst"))).unwrap();
    comes_back(&here, &run, &Format::ALL).await;
}
